"""The bench's own footing: its rows fit the schema, and a wrong answer does not pass for a right one."""

import itertools
from pathlib import Path

import asyncpg
import pytest
from rich.progress import Progress

from api.database import embedded
from bench.bars import BARS, Results
from bench.compare import differences
from bench.ground import Ground
from bench.questions import QUESTIONS, places
from bench.scale import Scale
from tests.stage import PASSWORDS

TINY = Scale("bench_tiny", trusts=7, systems=2, regions=2, milestones=2, forecasts=2, reports=24)
FOREIGN_KEYS = """
    select conname, conrelid::regclass::text as of, confrelid::regclass::text as to,
        array(select attname::text from unnest(conkey) with ordinality k (n, i)
              join pg_attribute on attrelid = conrelid and attnum = n order by i) as here,
        array(select attname::text from unnest(confkey) with ordinality k (n, i)
              join pg_attribute on attrelid = confrelid and attnum = n order by i) as there
    from pg_constraint where contype = 'f' and connamespace = 'public'::regnamespace
"""
SIZES = """
    select (select count(*) from organisation where kind = 'TRUST'), (select count(*) from system),
        (select count(*) from milestone), (select count(*) from milestone_forecast),
        (select count(distinct system_id) from test_report),
        (select count(*) from test_report where corrects_id is null), (select count(*) from progress)
"""
MISPLACED = "select count(*) from {} t join organisation o on o.ods_code = t.{} where t.region_ods <> o.region_ods"


@pytest.fixture(scope="module")
def ground(cluster: embedded.Server) -> Ground:
    """A database of the bench's, at a tiny scale."""
    made = Ground(cluster, Path("unused"), PASSWORDS)
    with Progress(disable=True) as progress:
        made.make(TINY, progress)
    return made


def test_the_rows_are_as_many_as_the_scale_says(ground: Ground) -> None:
    (sizes,) = ground.admin(TINY.name, lambda admin: admin.fetch(SIZES))
    assert tuple(sizes) == (7, 14, 28, 56, 13, 13 * 24, 14)


def test_no_row_points_at_nothing(ground: Ground) -> None:
    async def orphans(admin: asyncpg.Connection) -> dict[str, int]:
        found = {}
        for name, of, to, here, there in await admin.fetch(FOREIGN_KEYS):
            same = " and ".join(f"a.{a} = b.{b}" for a, b in zip(here, there, strict=True))
            whole = " and ".join(f"a.{a} is not null" for a in here)
            found[f"{of} {name}"] = await admin.fetchval(
                f"select count(*) from {of} a left join {to} b on {same} where {whole} and b.{there[0]} is null"  # noqa: S608 - names from the catalogue
            )
        return found

    found = ground.admin(TINY.name, orphans)
    assert len(found) > 20
    assert {name: count for name, count in found.items() if count} == {}


@pytest.mark.parametrize(
    ("table", "whose"), [("system", "tenant_ods"), ("milestone", "trust_ods"), ("test_report", "tenant_ods")]
)
def test_a_row_lies_in_the_region_of_its_trust(ground: Ground, table: str, whose: str) -> None:
    assert ground.admin(TINY.name, lambda admin: admin.fetchval(MISPLACED.format(table, whose))) == 0


def test_a_copy_holds_the_same_and_the_bench_leaves_nothing_of_its_own_in_it(ground: Ground) -> None:
    ground.copy(TINY.name, "bench_copy")
    (sizes,) = ground.admin("bench_copy", lambda admin: admin.fetch(SIZES))
    assert tuple(sizes)[1] == 14
    assert ground.admin("bench_copy", lambda admin: admin.fetchval("select to_regnamespace('bench')")) is None
    ground.drop("bench_copy")


def test_each_question_is_asked_by_one_who_may(ground: Ground) -> None:
    where = ground.admin(TINY.name, lambda admin: places(admin, 2))
    assert [place.tenant for place in where] == ["R0001", "R0001", "R0002", "R0002"]
    assert QUESTIONS["Q1"].caller(where[0]) == ("Y01", "app_region")
    assert [place.region for place in QUESTIONS["Q1"].about(where)] == ["Y02", "Y01"]
    assert QUESTIONS["M1"].caller(where[3]) == ("R0002", "app_trust")
    assert QUESTIONS["Q3"].body(where[0])["variables"]["id"].startswith("U3lzdGVtO")


ANSWER = {"progress": [{"name": "A", "report": {"at": "2022-08-04T06:00:00+00:00"}}, {"name": "B", "report": None}]}
UNEQUAL = {
    "a value": {"progress": [{**ANSWER["progress"][0], "name": "a"}, ANSWER["progress"][1]]},
    "a row missing": {"progress": ANSWER["progress"][:1]},
    "a row more": {"progress": [*ANSWER["progress"], {"name": "C"}]},
    "another order": {"progress": ANSWER["progress"][::-1]},
    "an hour": {"progress": [{"name": "A", "report": {"at": "2022-08-04T06:00:00+01:00"}}, ANSWER["progress"][1]]},
    "nothing": {"progress": []},
    "no answer": {"progress": None},
}


@pytest.mark.parametrize("what", UNEQUAL)
def test_a_difference_is_told(what: str) -> None:
    assert differences(ANSWER, UNEQUAL[what])


def test_one_value_may_be_spelt_in_several_ways() -> None:
    key = "01a20550-9a37-76c1-9416-7cdae67dedf9"
    ours = {"at": "2022-08-04T06:00:00+00:00", "id": "U3lzdGVtOjAxYTIwNTUwLTlhMzctNzZjMS05NDE2LTdjZGFlNjdkZWRmOQ"}
    assert differences(ours, {"at": "2022-08-04T06:00:00.000Z", "id": key}) == []
    assert differences(ours, {"at": "2022-08-04T06:00:00.001Z", "id": key}) != []
    assert differences(ours, {"at": "2022-08-04T06:00:00Z", "id": key.replace("9a37", "9a38")}) != []


def test_a_peer_may_nest_its_answer_in_another_way() -> None:
    reshape = {"progress": "all.nodes", "progress[].report": "all.nodes[].latest.report"}
    nodes = [{"name": row["name"], "latest": {"report": row["report"]}} for row in ANSWER["progress"]]
    assert differences(ANSWER, {"all": {"nodes": nodes}}, reshape) == []
    assert differences(ANSWER, {"all": {"nodes": nodes[:1]}}, reshape) != []


def figure(rate: float, server: float, database: float = 0) -> dict[str, object]:
    """Give the figure of one subject."""
    return {"rate": {"median": rate}, "server_us": server, "database_us": database}


def test_bars_are_judged_by_the_figures() -> None:
    subjects = {
        "reinstate, no cache": figure(2500, 100, 100),
        "mercurius": figure(1000, 0),
        "mercurius, pipelined": figure(2000, 0),
        "limit: pgbench": figure(0, 0, 60),
        "limit: bare uvicorn": figure(20_000, 40),
    }
    met = [bar.judge(Results({"seed": dict.fromkeys(("Q1", "Q2", "Q3", "M1"), subjects)})) for bar in BARS]
    told = [(line["measured"], line["met"]) for line in itertools.islice(met, 5)]
    assert told == [(2.5, "bar"), (1.25, "no"), (None, "not measured"), (1.25, "bar"), (None, "not measured")]


def test_a_fan_out_is_judged_by_its_worst() -> None:
    ours = {"p99_ms": 20, "server_us": 12, "kilobytes": 40}
    fan = {
        "500": {"reinstate": ours, "mercurius": ours | {"p99_ms": 40}, "limit: raw asyncio": ours | {"p99_ms": 10}},
        "5000": {"reinstate": ours | {"server_us": 25}, "mercurius": ours, "limit: raw asyncio": ours},
    }
    fanned = [bar for bar in BARS if bar.what.startswith("Fan-out")]
    told = [bar.judge(Results({"fanout": fan})) for bar in fanned]
    assert [(line["measured"], line["met"]) for line in told] == [
        (1.0, "aim"),
        (2.0, "aim"),
        (25.0, "no"),
        (40.0, "aim"),
    ]
