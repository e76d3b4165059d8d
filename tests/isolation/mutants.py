"""A table whose policies were switched off, and the nets that must notice it."""

import asyncpg

from api.database import selfcheck
from api.database.failure import DatabaseUnavailable
from api.graphql.engine import Engine
from auth.tenancy import Database
from tests.isolation import probes
from tests.isolation.asking import Asker
from tests.isolation.positions import positions
from tests.isolation.sql import (
    ENTRANTS,
    Table,
    as_admin,
    by_policies_alone,
    foreign,
    readable,
    sample,
    updatable,
    written,
)
from tests.isolation.walk import Breadth, Walk
from tests.isolation.world import World, app_url
from tests.stage import Stage, caller

STRANGERS = ("RNK", "RIVAL", "QGH")
(NODE,) = (each for each in positions() if (each.type, each.field) == ("Query", "node"))


class Nets:
    """Looks at a broken database as the isolation tests look at the whole one."""

    def __init__(self, world: World, stage: Stage, database: Database) -> None:
        self._world = world
        self._stage = stage
        self._database = database

    async def by_question(self, table: Table) -> bool:
        """Whether a question tells a stranger what it may not know."""
        asker = Asker(Engine(self._database), self._world.canaries)
        walk = Walk(self._world, asker, Breadth(depth=0))
        noun = table.noun.__name__ if table.noun else ""
        for who in STRANGERS:
            hidden = [each for each in probes.ids(self._world) if each.noun == noun and who not in each.readers]
            await walk.try_all(NODE, None, hidden, who)
        return bool(asker.findings.leaks)

    async def by_reading(self, table: Table, before: dict[str, int | str]) -> bool:
        """Whether a role reads rows that are not its own, or more than with the policies on."""
        return bool(await self._foreign(table)) or await self.counts(table) != before

    async def counts(self, table: Table) -> dict[str, int | str]:
        """Give how much each role reads."""
        counted: dict[str, int | str] = {}
        for who in ENTRANTS:
            rows = await readable(self._database, table, who)
            counted[f"{who.role} {who.tenant_ods}"] = rows if isinstance(rows, str) else str(rows)
        return counted

    async def _foreign(self, table: Table) -> list[str]:
        found = []
        for who in ENTRANTS:
            found += foreign(self._world, table, who, await readable(self._database, table, who))
        return found

    async def by_writing(self, table: Table, admin: asyncpg.Connection) -> bool:
        """Whether somebody writes a row of another of its kind."""
        columns = await updatable(admin, table)
        async with by_policies_alone(admin, [table.name]):
            for owner, row in (await sample(admin, table)).items():
                for who in ("R1A", "RNK", "SUPPLIER", "RIVAL", "Y60", "Y56"):
                    if who != owner and await written(self._database, table, caller(who), row, columns):
                        return True
        return False

    async def by_selfcheck(self) -> bool:
        """Whether the server refuses to start."""
        connection = await asyncpg.connect(app_url(self._stage))
        try:
            await selfcheck.check(connection)
        except DatabaseUnavailable:
            return True
        finally:
            await connection.close()
        return False


async def noticed(world: World, stage: Stage, name: str) -> list[str]:
    """Switch the policies of a table off, and give the nets that notice."""
    database = Database(app_url(stage))
    nets = Nets(world, stage, database)
    async with as_admin(stage) as admin:
        columns = await admin.fetch(
            "select attname from pg_attribute where attrelid = $1::text::regclass and attnum > 0", name
        )
        table = Table(name, frozenset(row["attname"] for row in columns))
        before = await nets.counts(table)
        await admin.execute(f"alter table {name} disable row level security")
        try:
            found = {
                "question": await nets.by_question(table),
                "reading": await nets.by_reading(table, before),
                "writing": table.is_tenants and await nets.by_writing(table, admin),
                "start": await nets.by_selfcheck(),
            }
        finally:
            await admin.execute(f"alter table {name} enable row level security")
            await database.close()
    return [net for net, notices in found.items() if notices]
