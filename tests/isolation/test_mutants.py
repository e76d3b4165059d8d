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


def test_the_tables_are_those_of_the_catalogue(copies: dict[str, Stage]) -> None:
    async def look() -> list[tuple[str, bool]]:
        async with as_admin(copies["breaking"]) as admin:
            return [(table.name, table.is_tenants) for table in await tables(admin)]

    assert [name for name, _ in asyncio.run(look())] == TABLES


@pytest.mark.parametrize("table", TABLES)
def test_a_table_without_its_policies_is_noticed(world: World, copies: dict[str, Stage], table: str) -> None:
    nets = asyncio.run(noticed(world, copies["breaking"], table))
    print(table, nets)
    assert "start" in nets
