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
GRANTED = """
    select distinct grantee from information_schema.column_privileges
    where table_name = any ($1) and grantee like 'app%' order by 1
"""
HIDES_NOTHING = {"credential", "organisation", "signing_key", "test_milestone"}
SIGN_INS_ALONE = {"federated_identity"}  # a tenant's, and no caller nor the operator has any right on it


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
    assert nets != ["start"] or table in HIDES_NOTHING | SIGN_INS_ALONE


def test_what_hides_nothing_is_no_tenants_or_sign_ins_alone(copies: dict[str, Stage]) -> None:
    async def look() -> tuple[set[str], list[str]]:
        async with as_admin(copies["breaking"]) as admin:
            granted = [row["grantee"] for row in await admin.fetch(GRANTED, SIGN_INS_ALONE)]
            return {table.name for table in await tables(admin) if table.is_tenants}, granted

    tenants, granted = asyncio.run(look())
    assert tenants.isdisjoint(HIDES_NOTHING)
    assert granted == ["app_sign_in"]
