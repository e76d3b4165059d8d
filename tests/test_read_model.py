"""The read model: whatever happens and in whatever order, what is stored is what the rows give."""

import asyncio
import itertools
import random
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import pytest
from typer.testing import CliRunner

from api.cli import app
from auth.caller import Inspector
from auth.tenancy import Database
from schema.testing import TestKind, TestReport
from tests.ledger import as_superuser, with_database
from tests.stage import BUILT, Stage
from tests.test_spine import FAILED, PASSED
from trusts.reckoning import reckon

MANDATORY = ("CONNECTIVITY", "SMOKE", "ACCESS", "INTERFACE", "DATA_INTEGRITY", "UAT", "OAT")
STAGES = tuple(map(str, TestKind))
TRUSTS = ("R1A", "RYG", "RNK")
LINES = "{ progress { organisation { odsCode } testing mandatoryMet percentMet openFailures latestReport { id } } }"


def wrong(stage: Stage) -> list[str]:
    """Give what `reinstate check` finds."""

    async def run(database: Database) -> list[str]:
        async with database.transaction(Inspector(), "check", read_only=True) as db:
            return [system.sentence async for system in reckon(db) if system.fault]

    return with_database(stage, run)


@dataclass
class Report:
    """A report as the story remembers it."""

    id: str
    test: str
    build: int
    as_of: str
    passed: bool
    corrected: bool = False


@dataclass
class Story:
    """A story told at random, and where its systems must then stand."""

    stage: Stage
    chance: random.Random
    ids: dict[str, str]
    builds: list[str]
    since: int = 0
    reports: dict[str, list[Report]] = field(default_factory=lambda: {code: [] for code in TRUSTS})
    clock: itertools.count = field(default_factory=lambda: itertools.count(1))  # type: ignore[type-arg] # of numbers

    def step(self) -> None:
        """Let something happen."""
        self.chance.choices((self.report, self.correct, self.build), weights=(12, 4, 2))[0]()

    def report(self) -> None:
        """Report a test, of now or of a while ago."""
        code, test = self.chance.choice(TRUSTS), self.chance.choice(STAGES)
        self._send(
            code, test, len(self.builds) - 1, "reportTest", system=self.ids[code], build=self.builds[-1], test=test
        )

    def correct(self) -> None:
        """Correct a report that stands, on whichever build."""
        code = self.chance.choice(TRUSTS)
        standing = [report for report in self.reports[code] if not report.corrected]
        if standing:
            report = self.chance.choice(standing)
            self._send(code, report.test, report.build, "correctTestReport", corrects=report.id, reason="Miscounted.")
            report.corrected = True

    def build(self) -> None:
        """Register a build; half of them make earlier results stale."""
        safety = self.chance.random() < 0.5
        given = {**BUILT, "label": f"CN-R{len(self.builds) + 1}", "safetyRelevantChange": safety}
        self.builds.append(self.stage.change("SUPPLIER", "registerBuild", product=self.ids["product"], **given)["id"])
        self.since = len(self.builds) - 1 if safety else self.since

    def line(self, code: str) -> dict[str, Any]:
        """Work out where a system must stand."""
        newest = sorted((each for each in self.reports[code] if not each.corrected), key=lambda report: report.as_of)
        latest = {each.test: each for each in newest if each.build >= self.since}
        met = sum(latest[test].passed for test in MANDATORY if test in latest)
        failing = sum(not report.passed for report in latest.values())
        testing = "OPEN_FAILURES" if failing else "ALL_MET" if met == len(MANDATORY) else "IN_PROGRESS"
        return {
            "organisation": {"odsCode": code},
            "testing": testing if latest else "NOT_REPORTED",
            "mandatoryMet": met if latest else None,
            "percentMet": 100 * met // len(MANDATORY) if latest else None,
            "openFailures": failing if latest else None,
            "latestReport": {"id": newest[-1].id} if newest else None,
        }

    def _send(self, code: str, test: str, number: int, verb: str, /, **given: Any) -> None:
        turn = next(self.clock)
        minute = turn if self.chance.random() < 0.7 else self.chance.randrange(turn)
        as_of = f"2022-11-08T12:{minute:02}:{turn:02}Z"
        passed = self.chance.random() < 0.7
        told = self.stage.change(code, verb, asOf=as_of, **given, **(PASSED if passed else FAILED))
        assert told["__typename"] == "TestReport", told
        self.reports[code].append(Report(told["id"], test, number, as_of, passed))


@pytest.mark.parametrize("seed", range(3))
def test_stored_progress_follows_whatever_happens(fresh_stage: Stage, seed: int) -> None:
    ids = fresh_stage.tell(*TRUSTS)
    story = Story(fresh_stage, random.Random(seed), ids, [ids["build"]])  # noqa: S311 - a story, the same again by its number
    for turn in range(1, 31):
        story.step()
        assert wrong(fresh_stage) == []
        if turn % 3 == 0:
            lines = {line["organisation"]["odsCode"]: line for line in fresh_stage.ask("NATIONAL", LINES)["progress"]}
            assert lines == {code: story.line(code) for code in TRUSTS}
    assert len(story.builds) > 1


def test_a_system_is_counted_before_there_is_a_build_and_under_a_second_name(fresh_stage: Stage) -> None:
    incident = fresh_stage.tell()["incident"]
    another = {"code": "ADASTRA", "name": "Adastra", "category": "URGENT_CARE"}
    product = fresh_stage.change("SUPPLIER", "registerProduct", **another)["id"]
    for name in ("Adastra", "Adastra for children"):
        fresh_stage.change("R1A", "registerSystem", product=product, incident=incident, name=name)
    assert wrong(fresh_stage) == []
    assert {line["testing"] for line in fresh_stage.ask("R1A", LINES)["progress"]} == {"NOT_REPORTED"}


def test_reports_at_once_are_all_counted(fresh_stage: Stage) -> None:
    ids = fresh_stage.tell("R1A")
    given = {"system": ids["R1A"], "build": ids["build"]}

    def report(test: str) -> str:
        told = fresh_stage.change("R1A", "reportTest", test=test, **given, **PASSED)
        return str(told["__typename"])

    with ThreadPoolExecutor(4) as threads:
        assert set(threads.map(report, MANDATORY)) == {"TestReport"}
    assert wrong(fresh_stage) == []
    assert fresh_stage.ask("R1A", LINES)["progress"][0]["testing"] == "ALL_MET"


def test_two_transactions_that_take_no_turns_are_both_counted(fresh_stage: Stage) -> None:
    ids = fresh_stage.tell("R1A")
    fresh_stage.change("R1A", "reportTest", system=ids["R1A"], build=ids["build"], test="SMOKE", **PASSED)

    async def race() -> None:
        async with as_trust(fresh_stage) as first, as_trust(fresh_stage) as second:
            async with first.transaction():
                await first.execute(_COPY, "ACCESS", 1)
                waiting = asyncio.create_task(second.execute(_COPY, "UAT", 1))
                done, _ = await asyncio.wait([waiting], timeout=0.3)
                assert not done, "the second must wait for the first"
            await waiting

    asyncio.run(race())
    assert wrong(fresh_stage) == []
    assert fresh_stage.ask("R1A", LINES)["progress"][0]["mandatoryMet"] == 3


_COLUMNS = ", ".join(TestReport.__table__.columns.keys())  # type: ignore[attr-defined] # a table
_COPY = f"""
    insert into test_report ({_COLUMNS})
    select {", ".join(f"r.{name}" for name in _COLUMNS.split(", "))}
    from test_report t, generate_series(1, $2) n, jsonb_populate_record(null::test_report,
        to_jsonb(t) || jsonb_build_object('id', gen_random_uuid(), 'test', $1::text, 'created_by', n)) r
    where t.test = 'SMOKE' limit $2
"""  # noqa: S608 - the noun's own columns


@asynccontextmanager
async def as_trust(stage: Stage) -> AsyncIterator[asyncpg.Connection]:
    """Give a connection as R1A, past every rule."""
    connection = await asyncpg.connect(stage.url, server_settings={"role": "app_trust"})
    try:
        await connection.execute("""
            select set_config('app.' || name, value, false) from (values
                ('tenant', 'R1A'), ('kind', 'TRUST'), ('subject', 'sql'), ('verb', 'none'), ('request', ''), ('clock', '')
            ) setting (name, value)
        """)
        yield connection
    finally:
        await connection.close()


@pytest.mark.parametrize(
    ("altered", "said"),
    [
        (
            "update system_progress set met = met + 1",
            "1 reported, 2 met, 0 failing are stored; its reports give 1, 1, 0",
        ),
        ("update system_progress set counted_from = 9", "counted from build 9, which is not there yet"),
        ("update system_progress set counted_from = 0", "its reports from build 1 on are not counted"),
        ("update system_progress set supplier_ods = 'RIVAL'", "another supplier or region is stored"),
        ("update system_progress set latest_report_id = null", "another latest report is stored"),
        ("delete from system_progress", "nothing is stored"),
    ],
)
def test_an_altered_row_is_found_named_and_mended(fresh_stage: Stage, altered: str, said: str) -> None:
    ids = fresh_stage.tell("R1A", "RYG")
    fresh_stage.change("R1A", "reportTest", system=ids["R1A"], build=ids["build"], test="SMOKE", **PASSED)
    words = ["check", "--database-url", fresh_stage.url]
    right = CliRunner().invoke(app, words)
    assert (right.exit_code, right.output) == (0, "Right. Systems compared: 2.\n")

    as_superuser(fresh_stage, f"{altered} where tenant_ods = 'R1A'")
    found = CliRunner().invoke(app, words)
    assert found.exit_code == 1
    assert found.output.startswith("R1A, Carenotes (")
    assert said in found.output
    assert "1 of 2 systems differ" in found.output

    for statement in found.output.split("psql:")[1].split(";")[:2]:
        as_superuser(fresh_stage, statement)
    assert CliRunner().invoke(app, words).exit_code == 0


def test_who_selects_little_pays_little(fresh_stage: Stage) -> None:
    fresh_stage.tell("R1A")
    plan = _explained(fresh_stage, "select system_id, system_name, state from progress where region_ods = 'Y60'")
    assert "on system s" in plan
    assert not [
        table for table in ("system_progress", "organisation", "product", "build", "milestone") if table in plan
    ]


def test_a_count_looks_up_each_stages_newest_result_under_row_level_security(fresh_stage: Stage) -> None:
    ids = fresh_stage.tell("R1A")
    fresh_stage.change("R1A", "reportTest", system=ids["R1A"], build=ids["build"], test="SMOKE", **PASSED)

    async def crowd() -> None:
        async with as_trust(fresh_stage) as connection:
            for test in STAGES:
                await connection.execute(_COPY, test, 100)

    asyncio.run(crowd())
    as_superuser(fresh_stage, "analyze")
    misplaced = "select from test_report join test_milestone on kind = test where stage <> position"
    assert as_superuser(fresh_stage, misplaced) == []
    plan = _explained(fresh_stage, "select f.* from system s, app.figures('R1A', s.id) f")
    by_stage = plan[plan.index("test_report_by_stage") :].splitlines()[1]
    assert all(f"({column} = " in by_stage for column in ("tenant_ods", "system_id", "stage"))
    assert "test_report_newest" in plan


def _explained(stage: Stage, query: str) -> str:
    async def run() -> str:
        async with as_trust(stage) as connection:
            return "\n".join(row[0] for row in await connection.fetch(f"explain (costs off) {query}"))

    return asyncio.run(run())
