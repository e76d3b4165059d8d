"""What must be so before we serve: rights, row-level security, migrations. Refuses, never repairs."""

import asyncpg

from api.database.failure import DatabaseUnavailable
from api.database.installation import applied, scripts

OLDEST = 160_000

_ROLE = "select rolsuper or rolbypassrls from pg_roles where rolname = session_user"
_RIGHTS = """
    select relname from pg_class
    where relkind in ('r', 'p') and relnamespace in ('public'::regnamespace, 'app'::regnamespace)
      and has_table_privilege(session_user, oid, 'select, insert, update, delete, truncate') limit 1
"""
_UNGUARDED = """
    select c.relname from pg_class c
    where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace
      and (not c.relrowsecurity or not c.relforcerowsecurity
           or not exists (select from pg_policy where polrelid = c.oid)) limit 1
"""
_UNSAFE_VIEW = """
    select c.relname from pg_class c
    where c.relkind in ('v', 'm') and c.relnamespace in ('public'::regnamespace, 'app'::regnamespace)
      and not coalesce('security_invoker=true' = any (c.reloptions), false) limit 1
"""
_DEFINER = """
    select proname from pg_proc
    where prosecdef and pronamespace in ('public'::regnamespace, 'app'::regnamespace) limit 1
"""
_NETS = (
    (_RIGHTS, "the login has rights of its own on table {}"),
    (_UNGUARDED, "table {} lacks forced row-level security or policies"),
    (_UNSAFE_VIEW, "view {} does not run as its caller"),
    (_DEFINER, "function {} runs as its owner"),
)


async def check(connection: asyncpg.Connection) -> None:
    """Refuse a database on which a forgotten rule would be a leak. `connection` is that of reinstate_app."""
    if connection.get_server_version().major * 10_000 < OLDEST:
        raise DatabaseUnavailable("PostgreSQL 16 or later is needed; set DATABASE_URL to such a server.")
    if await connection.fetchval(_ROLE):
        raise DatabaseUnavailable(
            "DATABASE_URL is a superuser's or may bypass row-level security; use the login reinstate_app "
            "(reinstate prepare makes it)."
        )
    if not await connection.fetchval("select to_regclass('ledger_of_migrations.applied')"):
        raise DatabaseUnavailable("The database has no tables yet; run reinstate migrate.")
    if missing := [name for name in scripts() if name not in await applied(connection)]:
        raise DatabaseUnavailable(f"Migration {missing[0]} is not applied; run reinstate migrate.")
    await _check_nets(connection)


async def _check_nets(connection: asyncpg.Connection) -> None:
    for query, what in _NETS:
        if found := await connection.fetchval(query):
            raise DatabaseUnavailable(
                f"We do not serve this database: {what.format(found)}; restore what the migrations made."
            )


async def is_demonstration(connection: asyncpg.Connection) -> bool:
    """Return whether the database holds a demonstration. The connection keeps the role it is asked with."""
    await connection.execute("set role app_sign_in")
    return bool(await connection.fetchval("select demonstration from app.installation"))
