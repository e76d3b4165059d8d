"""SQL as the roles that serve: what each may read and write, tried directly, past every rule and scope."""

import json
import uuid
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
from sqlalchemy import text

from api.graphql.nodes import NOUNS
from auth.caller import Entrant, Operator, SignIn
from auth.statements import said
from auth.tenancy import Database, Transaction
from tests.isolation.world import World
from tests.stage import LISTED, Stage, caller

NOUN_CLASSES: dict[str, Any] = dict(NOUNS)
NOUN_OF_TABLE = {noun.__tablename__: noun for noun in NOUN_CLASSES.values()}
ENTRANTS: list[Entrant] = [*map(caller, LISTED), *(Operator(tenant_ods=code) for code in ("R1A", "RNK")), SignIn()]
ABOUT = dict.fromkeys(  # rows without a noun, about another's
    ("blocker", "gate_condition", "gate_standing", "progress", "readiness", "system_progress"), ("System", "system_id")
)
COLUMNS = """
    select attname from pg_attribute
    where attrelid = $1::text::regclass and attnum > 0 and not attisdropped and attgenerated = ''
"""
TABLES = "select relname from pg_class where relkind in ('r', 'p') and relnamespace = 'public'::regnamespace order by 1"
VIEWS = """
    select case relnamespace when 'known'::regnamespace then 'known.' else '' end || relname from pg_class
    where relkind = 'v' and relnamespace in ('public'::regnamespace, 'known'::regnamespace) order by 1
"""
REFUSED = "42501"  # insufficient privilege: by right or by policy


@asynccontextmanager
async def as_admin(stage: Stage) -> AsyncIterator[asyncpg.Connection]:
    """Give the administrator's connection."""
    admin = await asyncpg.connect(stage.server.admin_url, database=stage.name)
    try:
        yield admin
    finally:
        await admin.close()


@asynccontextmanager
async def by_policies_alone(admin: asyncpg.Connection, names: Iterable[str]) -> AsyncIterator[None]:
    """Switch off the triggers of tables, which would refuse much before a policy is asked."""
    for name in names:
        await admin.execute(f"alter table {name} disable trigger user")
    try:
        yield
    finally:
        for name in names:
            await admin.execute(f"alter table {name} enable trigger user")


@dataclass(frozen=True)
class Table:
    """A table of the catalogue."""

    name: str
    columns: frozenset[str]

    @property
    def is_tenants(self) -> bool:
        """Whether its rows belong to tenants."""
        return "tenant_ods" in self.columns

    @property
    def noun(self) -> Any:
        """The noun it keeps or is about, None for what no question can reach."""
        name = self.name.removeprefix("known.")
        return NOUN_CLASSES[ABOUT[name][0]] if name in ABOUT else NOUN_OF_TABLE.get(name)

    @property
    def key(self) -> tuple[str, ...]:
        """The columns that name a row of its noun."""
        name = self.name.removeprefix("known.")
        return (ABOUT[name][1],) if name in ABOUT else self.noun.ORDER


async def tables(admin: asyncpg.Connection, asked: str = TABLES) -> list[Table]:
    """Give every table there is, or every view."""
    names = [row[0] for row in await admin.fetch(asked)]
    return [Table(name, frozenset(r["attname"] for r in await admin.fetch(COLUMNS, name))) for name in names]


async def attempt(db: Transaction, statement: str, **given: Any) -> list[Any] | str:
    """Run a statement and undo it; give its rows, or the state of its refusal."""
    spoken, arguments = said(text(statement).bindparams(**given), {})
    await db.lane.run("savepoint attempt")
    try:
        if statement.startswith("select"):
            return [tuple(row) for row in await db.lane.rows(spoken.text, arguments)]
        status = await db.lane.connection.execute(spoken.text, *arguments)
        return [()] * int(status.split()[-1])
    except asyncpg.PostgresError as error:
        return str(error.sqlstate)
    finally:
        await db.lane.run("rollback to savepoint attempt")


async def readable(database: Database, table: Table, who: Entrant) -> list[Any] | str:
    """Give the keys of the rows that somebody can read, or how many where no column is a key of a noun."""
    asked = "count(*)"
    if table.noun is not None:
        asked = f"distinct {', '.join(f'{name}::text' for name in table.key)}"
    elif table.is_tenants and not isinstance(who, Operator | SignIn):
        asked = "tenant_ods"
    async with database.transaction(who, "probe", read_only=True) as db:
        if table.name.startswith("known."):
            await db.lane.run(
                "select set_config('app.known_at', now()::text, true), set_config('search_path', 'known, public', true)"
            )
        return await attempt(db, f"select {asked} from {table.name}")  # noqa: S608 - the catalogue's own names


def foreign(world: World, table: Table, who: Entrant, rows: list[Any] | str) -> list[str]:
    """Give the rows among those somebody read that are not theirs to read."""
    if isinstance(rows, str) or isinstance(who, Operator | SignIn):
        return []
    if table.noun is None:
        return [row[0] for row in rows if table.is_tenants and row[0] != who.tenant_ods]
    known = {(row.noun, row.key): row.readers for row in world.rows.values()}
    keys = ["/".join(row) for row in rows]
    open_to_all = frozenset(LISTED) if table.name.endswith("test_milestone") else frozenset()
    return [key for key in keys if who.tenant_ods not in known.get((table.noun.__name__, key), open_to_all)]


async def sample(admin: asyncpg.Connection, table: Table) -> dict[str, dict[str, Any]]:
    """Give one row of each tenant, one that never changed where there is one."""
    order = "order by tenant_ods" + (", version" if "version" in table.columns else "")
    rows = await admin.fetch(
        f"select distinct on (tenant_ods) tenant_ods, to_jsonb(t) as row from {table.name} t {order}"  # noqa: S608 - as above
    )
    return {row["tenant_ods"]: json.loads(row["row"]) for row in rows}


async def written(
    database: Database, table: Table, who: Entrant, row: dict[str, Any], changed: dict[str, list[str]]
) -> dict[str, str]:
    """Try to insert, update and delete another tenant's row; give what was not refused."""
    new = {**row, **({"id": str(uuid.uuid4())} if isinstance(row.get("id"), str) else {})}
    column = next(iter(changed.get(who.role, ())), "tenant_ods")
    name, owner = table.name, {"owner": row["tenant_ods"]}
    columns = ", ".join(sorted(table.columns))
    source = f"select {columns} from jsonb_populate_record(null::{name}, (:row)::jsonb)"  # noqa: S608 - the catalogue's own names
    tried: dict[str, tuple[str, dict[str, Any]]] = {
        "insert": (f"insert into {name} ({columns}) overriding user value {source}", {"row": json.dumps(new)}),
        "update": (f"update {name} set {column} = {column} where tenant_ods = :owner", owner),  # noqa: S608 - as above
        "delete": (f"delete from {name} where tenant_ods = :owner", owner),  # noqa: S608 - as above
    }
    found = {}
    async with database.transaction(who, "probe") as db:
        for act, (statement, given) in tried.items():
            answer = await attempt(db, statement, **given)
            if answer not in (REFUSED, []):
                found[act] = f"{who.tenant_ods} on a row of {row['tenant_ods']}: {answer}"
    return found


async def updatable(admin: asyncpg.Connection, table: Table) -> dict[str, list[str]]:
    """Give the columns of a table that each role may update."""
    rows = await admin.fetch(
        "select grantee, array_agg(column_name::text order by 1) as columns from information_schema.column_privileges "
        "where table_name = $1 and table_schema = 'public' and privilege_type = 'UPDATE' and grantee like 'app%' group by 1",
        table.name,
    )
    return {row["grantee"]: row["columns"] for row in rows}
