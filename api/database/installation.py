"""A database made ready: its roles, its owner, its migrations."""

import hashlib
import importlib.resources
import re
from collections.abc import Mapping

import asyncpg

from api.database.failure import DatabaseUnavailable

DATABASE = "reinstate"
_LOCK = 7_246_783  # any number, the same for every replica that migrates


def scripts() -> dict[str, str]:
    """Return the migrations by name, in the order they apply."""
    folder = importlib.resources.files("migrations")
    names = sorted(file.name for file in folder.iterdir() if file.name[:4].isdigit())
    return {name: (folder / name).read_text(encoding="utf-8") for name in names}


def _roles() -> str:
    return (importlib.resources.files("migrations") / "roles.sql").read_text(encoding="utf-8")


async def prepare(admin: asyncpg.Connection, passwords: Mapping[str, str], database: str = DATABASE) -> None:
    """Make the roles and the database, as a database administrator; safe to run again.

    `passwords` are those of `reinstate_migrate` and `reinstate_app`, by role.
    """
    await admin.execute(_roles())
    for role, password in passwords.items():
        quoted = await admin.fetchval("select format('alter role %I password %L', $1::text, $2::text)", role, password)
        await admin.execute(quoted)
    if not await admin.fetchval("select true from pg_database where datname = $1", database):
        await admin.execute(f'create database "{database}" owner reinstate_owner template template0 encoding utf8')
        await admin.execute(f'revoke all on database "{database}" from public')
        await admin.execute(f'grant connect on database "{database}" to reinstate_app, reinstate_migrate')


async def migrate(connection: asyncpg.Connection) -> list[str]:
    """Apply what is missing, as `reinstate_migrate`; one replica at a time. Return the names applied."""
    await _must_have_roles(connection)
    await connection.execute("set role reinstate_owner")
    await connection.execute("select pg_advisory_lock($1)", _LOCK)
    try:
        await connection.execute(
            "create schema if not exists ledger_of_migrations; create table if not exists "
            "ledger_of_migrations.applied (name text primary key, checksum text not null, "
            "applied_at timestamptz not null default clock_timestamp()); "
            "grant usage on schema ledger_of_migrations to public; "
            "grant select on ledger_of_migrations.applied to public"
        )
        done = await applied(connection)
        missing = [name for name in scripts() if name not in done]
        for name in missing:
            async with connection.transaction():
                script = scripts()[name]
                await connection.execute(script)
                await connection.execute(
                    "insert into ledger_of_migrations.applied (name, checksum) values ($1, $2)",
                    name,
                    checksum(script),
                )
        return missing
    finally:
        await connection.execute("select pg_advisory_unlock($1)", _LOCK)


async def _must_have_roles(connection: asyncpg.Connection) -> None:
    there = {row["rolname"] for row in await connection.fetch("select rolname from pg_roles")}
    if missing := sorted(set(re.findall(r"'((?:app|reinstate)_\w+)'", _roles())) - there):
        raise DatabaseUnavailable(
            f"This version needs the role {missing[0]}; run reinstate prepare as the administrator, then this again."
        )


async def applied(connection: asyncpg.Connection) -> dict[str, str]:
    """Return the checksums of the migrations in the database; refuse a changed one or a newer schema."""
    known = {name: checksum(script) for name, script in scripts().items()}
    rows = await connection.fetch("select name, checksum from ledger_of_migrations.applied")
    done = {row["name"]: row["checksum"] for row in rows}
    if newer := sorted(done.keys() - known.keys()):
        raise DatabaseUnavailable(
            f"The database holds {newer[-1]}, which this version of reinstate does not know; install the newer version."
        )
    if changed := sorted(name for name, value in done.items() if known[name] != value):
        raise DatabaseUnavailable(
            f"Migration {changed[0]} was changed after it was applied; put the original file back."
        )
    return done


def checksum(script: str) -> str:
    """Return the SHA-256 of a migration."""
    return hashlib.sha256(script.encode()).hexdigest()
