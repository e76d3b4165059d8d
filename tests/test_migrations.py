"""Migrations make exactly the nouns' tables, and eight replicas that start at once apply them once."""

import asyncio
import os
import subprocess
import sys
from typing import Any

import asyncpg
import pytest
from sqlalchemy import Enum, Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import ForeignKeyConstraint, UniqueConstraint

from api.database import embedded, installation
from api.database.failure import DatabaseUnavailable
from api.graphql.nodes import NOUNS
from auth import tables as sign_in_tables
from auth.federation import tables as federation_tables
from auth.grants import tables as grant_tables
from auth.people import tables as people_tables
from tests.stage import PASSWORDS, Stage

MAPPED: dict[str, Table] = {table.name: table for table in NOUNS["System"].metadata.sorted_tables}
VIEWS = {name: table for name, table in MAPPED.items() if table.info.get("view")}
TABLES = {name: table for name, table in MAPPED.items() if name not in VIEWS}
WITHOUT_A_NOUN = {
    "known_issue_count": "kept by the database; it tells known_issue.sightings from three on",
    "given_answer": "kept and asked for by api/graphql/answers.py alone, never shown",
    "system_progress": "kept by the database, shown by the view progress",
}

_HELD = "select relname from pg_class where relkind = $1::text::\"char\" and relnamespace = 'public'::regnamespace"
_COLUMNS = """
    select attname, format_type(atttypid, atttypmod) as type, attnotnull from pg_attribute
    where attrelid = $1::regclass and attnum > 0 and not attisdropped and attgenerated = ''
"""
_KEYS = """
    select contype::text, array(select attname::text from unnest(conkey) with ordinality k(n, o)
                          join pg_attribute on attrelid = conrelid and attnum = n order by o) as columns,
           confrelid::regclass::text as target
    from pg_constraint where conrelid = $1::regclass and contype in ('p', 'u', 'f')
"""
_LABELS = "select t.typname, array_agg(enumlabel::text order by enumsortorder) from pg_enum e join pg_type t on t.oid = enumtypid group by 1"


def ask(stage: Stage, query: str, *given: Any) -> list[Any]:
    """Ask the catalogue as the administrator."""

    async def run() -> list[Any]:
        connection = await asyncpg.connect(stage.server.admin_url, database=stage.name)
        try:
            return list(await connection.fetch(query, *given))
        finally:
            await connection.close()

    return asyncio.run(run())


def spelt(table: Table) -> dict[str, tuple[str, bool]]:
    """Spell the columns of a noun as PostgreSQL does."""
    named = {"timestamp with time zone": "timestamp with time zone", "varchar": "character varying"}
    spelt = {}
    for column in table.columns:
        if isinstance(column.type, Enum):
            kind = str(column.type.name)
        else:
            kind = column.type.compile(postgresql.dialect()).lower().replace("varchar", named["varchar"])
        spelt[column.name] = (kind, not column.nullable)
    return spelt


def test_every_table_is_a_noun_or_named_here(stage: Stage) -> None:
    assert {row["relname"] for row in ask(stage, _HELD, "r")} == TABLES.keys() | WITHOUT_A_NOUN.keys()
    assert {row["relname"] for row in ask(stage, _HELD, "v")} == VIEWS.keys()
    privately = (sign_in_tables.SigningKey, people_tables.Credential, grant_tables.RefreshToken)
    assert {noun.__tablename__ for noun in (*privately, federation_tables.LoginAtIssuer)} <= TABLES.keys()


@pytest.mark.parametrize("name", sorted(TABLES))
def test_a_table_has_its_nouns_columns(stage: Stage, name: str) -> None:
    found = {row["attname"]: (row["type"], row["attnotnull"]) for row in ask(stage, _COLUMNS, name)}
    assert found == spelt(TABLES[name])


@pytest.mark.parametrize("name", sorted(VIEWS))
def test_a_view_has_its_nouns_columns(stage: Stage, name: str) -> None:
    found = {row["attname"]: row["type"] for row in ask(stage, _COLUMNS, name)}
    assert found == {column: kind for column, (kind, _) in spelt(VIEWS[name]).items()}


@pytest.mark.parametrize("name", sorted(TABLES))
def test_a_table_has_its_nouns_keys(stage: Stage, name: str) -> None:
    table = TABLES[name]
    stated = {("p", tuple(table.primary_key.columns.keys()), None)}
    for constraint in table.constraints:
        if isinstance(constraint, UniqueConstraint):
            stated.add(("u", tuple(constraint.columns.keys()), None))
        if isinstance(constraint, ForeignKeyConstraint):
            stated.add(("f", tuple(constraint.column_keys), constraint.referred_table.name))
    rows = ask(stage, _KEYS, name)
    found = {(row["contype"], tuple(row["columns"]), row["target"] if row["contype"] == "f" else None) for row in rows}
    kept_by_the_database = {key for key in found - stated if key[0] == "f" and key[1][-1] == "region_ods"}
    assert found - kept_by_the_database == stated


def test_enumerations_have_the_same_words_in_the_same_order(stage: Stage) -> None:
    types = {
        c.type.name: [m.name for m in c.type.enum_class]
        for t in MAPPED.values()
        for c in t.columns
        if isinstance(c.type, Enum)
    }
    assert {row[0]: row[1] for row in ask(stage, _LABELS)} == types


def test_eight_processes_at_once_apply_each_migration_once(cluster: embedded.Server) -> None:
    async def make() -> None:
        admin = await asyncpg.connect(cluster.admin_url)
        await installation.prepare(admin, PASSWORDS, "eight")
        await admin.close()

    asyncio.run(make())
    url = cluster.url("reinstate_migrate", PASSWORDS["reinstate_migrate"], "eight")
    command = [sys.executable, "-m", "api.cli", "migrate"]
    environment = {**os.environ, "DATABASE_MIGRATE_URL": url}  # noqa: TID251 - what a child process inherits
    running = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(8)
    ]
    told = [process.communicate(timeout=120) for process in running]
    assert [process.returncode for process in running] == [0] * 8, told
    applied = sorted(line for out, _ in told for line in out.splitlines() if line.startswith("Applied"))
    assert applied == [f"Applied {name}." for name in installation.scripts()]


def test_a_missing_role_is_told_before_anything_is_applied(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation, "_roles", lambda: "create role 'app_unheard_of'")
    monkeypatch.setattr(installation, "scripts", lambda: {"9999_never.sql": "select 1 / 0"})

    async def migrate() -> None:
        connection = await asyncpg.connect(stage.server.admin_url, database=stage.name)
        try:
            await installation.migrate(connection)
        finally:
            await connection.close()

    with pytest.raises(DatabaseUnavailable, match="needs the role app_unheard_of; run reinstate prepare"):
        asyncio.run(migrate())
