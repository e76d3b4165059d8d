"""What a change moves, held against the policies: whoever can read a row is told of its change; no miss."""

import asyncio
from typing import Any

import asyncpg
import pytest

from api.cache.reach import Reach, Regions, hangs_on
from api.graphql.nodes import NOUNS
from auth.people.passwords import new_one_time_password
from auth.tenancy import Database
from schema.event import Event
from schema.people.account import Role
from schema.testing import TestReport
from tests.stage import LISTED, PROMISED, Stage, caller, person
from tests.test_known import ISSUER
from tests.test_spine import PASSED

DECLARED = {"type": "CRITICAL", "level": "L3", "reason": "Many trusts are without records"}
LOCAL = {"title": "A local outage", "detectedAt": "2022-08-04T06:00:00Z"}
_EVENTS = """
    select tenant_ods, owner_ods, trust_ods, region_ods, supplier_ods, audience::text, xid, object_type, object_key, request_id
    from event order by id
"""
_FOLLOWED = """
    select c.relname, t.tgargs, exists (
        select from pg_policy where polrelid = c.oid and polcmd in ('r', '*') and pg_get_expr(polqual, polrelid) = 'true'
        and (polroles @> array[0::oid] or polroles @> array['app_trust'::regrole::oid, 'app_icb'::regrole::oid])
    ) as everybodys, exists (
        select from pg_attribute where attrelid = c.oid and attname in ('trust_ods', 'region_ods', 'supplier_ods', 'audience')
    ) as reaching
    from pg_trigger t join pg_class c on c.oid = t.tgrelid
    where t.tgname = 'record' and c.relnamespace = 'public'::regnamespace
"""


@pytest.fixture(scope="module")
def kept(stage: Stage) -> list[tuple[Any, ...]]:
    """The rows that each change of a story kept, as the engine hands them on: every noun, every audience."""
    moved: list[tuple[Any, ...]] = []
    engine_answer = stage.answer

    def answer(*given: Any, **more: Any) -> Any:
        told = engine_answer(*given, **more)
        moved.append(told.moved)
        return told

    stage.answer = answer
    told = stage.tell("R1A", "RYG", "RNK")
    for code in ("R1A", "RNK"):
        stage.change(code, "reportTest", system=told[code], build=told["build"], test="SMOKE", **PASSED)
        stage.change(code, "registerInterimSystem", system=told[code], kind="PAPER", name="Paper", liveOn="2022-08-04")
    for promised in ({}, {"system": told["R1A"]}):
        milestone = stage.change("SUPPLIER", "publishMilestone", product=told["product"], **PROMISED, **promised)
        moving = {"forecastOn": "2022-09-30", "confidence": "LOW", "reasonCode": "DEFECT"}
        stage.change("SUPPLIER", "reviseForecast", milestone=milestone["id"], **moving)
    for code in ("Y60", "R1A", "NATIONAL"):
        local = stage.change(code, "openIncident", reference=f"LOCAL-{code}", **LOCAL)
        stage.change(code, "declareIncident", incident=local["id"], **DECLARED)
    tell_of_people(stage)
    why = {"reasonCode": "DEFECT", "reason": "It lost an appointment."}
    for code, held in (("R1A", told["R1A"]), ("SUPPLIER", told["product"]), ("NATIONAL", told["incident"])):
        hold = stage.change(person(code), "placeHold", held=held, **why)
        stage.change(person("NATIONAL"), "releaseHold", hold=hold["id"], reason="It was mended.")
    return [rows for rows in moved if rows]


def tell_of_people(stage: Stage) -> None:
    """Tell who administers whom."""
    admin = person("R1A", Role.ADMINISTRATOR)
    once = {"oneTimePassword": new_one_time_password()}
    account = stage.change(admin, "openAccount", localPart="it.lead", roles=["TRUST_IT"], **once)["id"]
    stage.change(admin, "suspendAccount", account=account)
    stage.change(admin, "registerClient", kind="APPLICATION", scopes=["progress:read"])
    issuer = stage.change(admin, "registerIssuer", **ISSUER)["id"]
    mapped = {"orgCode": "R1A", "roleCode": "lead", "role": "TRUST_IT"}
    stage.change(admin, "mapIssuerRole", issuer=issuer, **mapped)


@pytest.fixture(scope="module")
def events(stage: Stage, kept: list[Any]) -> list[tuple[Reach, str, str]]:
    """What every event of the story reaches, with the kind and key of its object."""

    async def read() -> list[tuple[Reach, str, str]]:
        admin = await asyncpg.connect(stage.server.admin_url, database=stage.name)
        rows = await admin.fetch(_EVENTS)
        await admin.close()
        return [(Reach(*tuple(row)[:7]), row["object_type"], row["object_key"]) for row in rows]

    return asyncio.run(read())


def readable(stage: Stage, code: str) -> set[tuple[str, str]]:
    """Ask, as an organisation, for every object it can read by the policies, and whose events it can read."""

    async def read() -> set[tuple[str, str]]:
        database = Database(stage.url)
        found: set[tuple[str, str]] = set()
        async with database.transaction(caller(code), "test", read_only=True) as db:
            for name, noun in NOUNS.items():
                rows = await db.rows(noun.__table__.select())
                if noun is Event:
                    found |= {(row.object_type, row.object_key) for row in rows}
                elif hasattr(noun, "version"):
                    found |= {(name, str(getattr(row, noun.ORDER[0]))) for row in rows}
        await database.close()
        return found

    return asyncio.run(read())


def moves(code: str, moved: set[str]) -> bool:
    return bool(moved & set(hangs_on(caller(code))))


@pytest.mark.parametrize("code", LISTED)
def test_whoever_can_read_an_object_is_told_of_each_of_its_events(stage: Stage, events: Any, code: str) -> None:
    can = readable(stage, code)
    told = [moves(code, reach.moves()) for reach, kind, key in events if (kind, key) in can]
    assert len(told) > 10
    assert all(told)


def test_others_are_not(events: Any) -> None:
    reports = {reach.owner_ods: reach.moves() for reach, kind, _ in events if kind == "TestReport"}
    assert {code for code in LISTED if moves(code, reports["R1A"])} == {"R1A", "Y60", "SUPPLIER", "NATIONAL", "AUDITOR"}
    assert {code for code in LISTED if moves(code, reports["RNK"])} == {"RNK", "Y56", "SUPPLIER", "NATIONAL", "AUDITOR"}


@pytest.mark.parametrize("learnt", [True, False])
def test_rows_kept_here_move_at_least_what_their_events_move(events: Any, kept: list[Any], learnt: bool) -> None:
    regions = Regions()
    if learnt:
        regions.learn([reach for reach, *_ in events if reach.audience != "PUBLISHED"], 0)
    rows = {(type(row).__name__, str(row.id)): regions.moved_by(row) for change in kept for row in change}
    compared = [(rows[kind, key], reach.moves()) for reach, kind, key in events if (kind, key) in rows]
    assert len(compared) > 25
    for here, there in compared:
        assert all(moves(code, here) for code in LISTED if moves(code, there))
    reports = [regions.moved_by(row) for change in kept for row in change if isinstance(row, TestReport)]
    assert [moves("Y56", report) for report in reports] == [not learnt, True]


def test_what_everybody_reads_is_recorded_as_published(stage: Stage) -> None:
    async def read() -> list[asyncpg.Record]:
        admin = await asyncpg.connect(stage.server.admin_url, database=stage.name)
        rows = await admin.fetch(_FOLLOWED)
        await admin.close()
        return rows

    followed = {row["relname"]: row for row in asyncio.run(read())}
    assert len(followed) >= 11
    everybodys = {name for name, row in followed.items() if row["everybodys"]}
    assert everybodys == {"organisation", "product", "build", "known_issue"}
    for name in everybodys:
        assert not followed[name]["reaching"] or name == "organisation"
        assert name == "organisation" or b"PUBLISHED" in followed[name]["tgargs"]
