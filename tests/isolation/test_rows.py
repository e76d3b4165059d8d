"""Row-level security holds alone: SQL as each caller's role reads and writes nothing of another tenant."""

import asyncio

import pytest

from auth.tenancy import Database
from tests.isolation.oracle import KIND, may_change, may_count
from tests.isolation.sql import (
    ENTRANTS,
    VIEWS,
    Table,
    as_admin,
    by_policies_alone,
    foreign,
    readable,
    sample,
    tables,
    updatable,
    written,
)
from tests.isolation.world import World, app_url
from tests.stage import LISTED, Stage, caller

# Views of systems that show some of them: of a trust's own incident the gates are seen by whom it names, and not every
# system waits for somebody.
SOME = {"blocker", "gate_condition", "gate_standing"}


@pytest.fixture(scope="module")
def catalogue(copies: dict[str, Stage]) -> list[Table]:
    """Every table."""

    async def look() -> list[Table]:
        async with as_admin(copies["breaking"]) as admin:
            return await tables(admin)

    return asyncio.run(look())


@pytest.fixture(scope="module")
def views(copies: dict[str, Stage]) -> list[Table]:
    """Every view: of now, and as known at an instant, which is now."""

    async def look() -> list[Table]:
        async with as_admin(copies["breaking"]) as admin:
            return await tables(admin, VIEWS)

    return asyncio.run(look())


def test_every_role_reads_its_own_rows_alone(
    world: World, copies: dict[str, Stage], catalogue: list[Table], views: list[Table]
) -> None:
    async def read() -> list[str]:
        database = Database(app_url(copies["breaking"]))
        found = []
        for table in catalogue + views:
            for who in ENTRANTS:
                rows = await readable(database, table, who)
                found += [f"{who} reads {row} of {table.name}" for row in foreign(world, table, who, rows)]
        await database.close()
        return found

    assert asyncio.run(read()) == []


def test_what_may_be_read_is_read(
    world: World, copies: dict[str, Stage], catalogue: list[Table], views: list[Table]
) -> None:
    assert {"progress", "known.progress", "known.system"} <= {view.name for view in views}

    async def read() -> None:
        database = Database(app_url(copies["breaking"]))
        for table in catalogue + views:
            noun = table.noun and table.noun.__name__
            for code in LISTED if noun else ():
                rows = await readable(database, table, caller(code))
                seen = world.of(noun, seen_by=code)
                fewer = len(seen) - len(rows)
                some = table.name.removeprefix("known.") in SOME and fewer > 0
                assert noun == "TestMilestone" or fewer == 0 or some, (table.name, code)
        await database.close()

    asyncio.run(read())


@pytest.mark.parametrize("code", LISTED)
def test_nobody_writes_rows_of_another(copies: dict[str, Stage], catalogue: list[Table], code: str) -> None:
    found = asyncio.run(_write_all(copies["breaking"], [table for table in catalogue if table.is_tenants], code))
    assert {place: answered for place, answered in found.items() if answered} == {}
    assert len(found) > 40, KIND[code]


async def _write_all(stage: Stage, tenants: list[Table], code: str) -> dict[str, dict[str, str]]:
    database = Database(app_url(stage))
    found = {}
    async with as_admin(stage) as admin, by_policies_alone(admin, [table.name for table in tenants]):
        for table in tenants:
            columns = await updatable(admin, table)
            rows = await sample(admin, table)
            for owner in rows.keys() - {code}:
                answered = await written(database, table, caller(code), rows[owner], columns)
                if may_change(table.name, owner, code) or may_count(table.name, owner, code):
                    answered.pop("update", None)
                found[f"{table.name} of {owner}"] = answered
    await database.close()
    return found
