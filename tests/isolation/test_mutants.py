"""The isolation tests are worth something: with the policies of any one table off, they fail."""

import asyncio
import re

import pytest

from api.database.installation import scripts
from tests.isolation.mutants import noticed
from tests.isolation.sql import as_admin, tables
from tests.isolation.world import World
from tests.stage import Stage

TABLES = sorted(re.findall(r"^create table ([a-z_]+) \(", "\n".join(scripts().values()), re.MULTILINE))
HIDES_NOTHING = {"organisation", "signing_key", "test_milestone"}


def test_the_tables_are_those_of_the_catalogue(copies: dict[str, Stage]) -> None:
    async def look() -> list[str]:
        async with as_admin(copies["breaking"]) as admin:
            return [table.name for table in await tables(admin)]

    assert asyncio.run(look()) == TABLES


@pytest.mark.parametrize("table", TABLES)
def test_a_table_without_its_policies_is_noticed(world: World, copies: dict[str, Stage], table: str) -> None:
    nets = asyncio.run(noticed(world, copies["breaking"], table))
    assert "start" in nets, "the server would serve this database"
    # A list that everybody reads and no caller writes, or a table no caller has any right on, hides nothing anyway.
    assert nets != ["start"] or table in HIDES_NOTHING


def test_what_hides_nothing_is_no_tenants(copies: dict[str, Stage]) -> None:
    async def look() -> set[str]:
        async with as_admin(copies["breaking"]) as admin:
            return {table.name for table in await tables(admin) if table.is_tenants}

    assert asyncio.run(look()).isdisjoint(HIDES_NOTHING)
