"""Compiled reads: a statement that carries its caller's scope with it, on connections that can only read."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from auth.caller import Caller

CONNECTIONS = 4  # a role and process
STATEMENTS = 64  # prepared, a connection
PATIENCE = 2.0  # seconds to wait for a connection
_SETTINGS = {
    "default_transaction_read_only": "on",
    "jit": "off",
    "plan_cache_mode": "force_generic_plan",  # planning costs more than the difference a value makes
    "timezone": "UTC",
}
_REMEMBER = "select app.read_as($1, $2, $3)"

Connection = Any


class Reads:
    """One pool a kind of caller; its role is set when a connection opens and never switched."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._pools: dict[str, asyncpg.Pool[Any]] = {}

    async def one(self, caller: Caller, statement: str, arguments: Sequence[Any]) -> bytes:
        """Return the single value of a statement that enters the caller's scope itself: one round trip."""
        try:
            async with self._connection(caller.role) as connection:
                return await _value(connection, statement, arguments)
        except (asyncpg.InterfaceError, asyncpg.ConnectionDoesNotExistError, OSError):
            async with self._connection(caller.role) as connection:  # a pooled connection may prove dead
                return await _value(connection, statement, arguments)

    async def several(
        self, caller: Caller, clock: str | None, statements: Sequence[tuple[dt.datetime | None, str, Sequence[Any]]]
    ) -> list[bytes]:
        """Return the value of each statement, all from one snapshot, each as known at its instant; None: now."""
        async with (
            self._connection(caller.role) as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            found = []
            for instant, statement, arguments in statements:
                await connection.execute(_REMEMBER, caller.tenant_ods, clock, instant)
                found.append(await _value(connection, statement, arguments))
            return found

    async def close(self) -> None:
        """Close every pool."""
        for pool in self._pools.values():
            try:
                await asyncio.wait_for(pool.close(), PATIENCE)
            except TimeoutError:
                pool.terminate()
        self._pools.clear()

    @asynccontextmanager
    async def _connection(self, role: str) -> AsyncIterator[Connection]:
        pool = self._pools.get(role) or await self._opened(role)
        async with pool.acquire(timeout=PATIENCE) as connection:
            yield connection

    async def _opened(self, role: str) -> "asyncpg.Pool[Any]":
        pool = asyncpg.create_pool(
            self._url,
            min_size=0,
            max_size=CONNECTIONS,
            timeout=1.0,
            command_timeout=6.0,
            statement_cache_size=STATEMENTS,
            max_cacheable_statement_size=0,
            max_cached_statement_lifetime=0,
            server_settings={**_SETTINGS, "role": role, "application_name": f"reinstate reads {role}"},
            reset=_nothing,  # nothing outlives a statement: settings are its own
        )
        return self._pools.setdefault(role, await pool)


async def _nothing(_: Any) -> None:
    """Leave a connection as it is."""
    await asyncio.sleep(0)


async def _value(connection: Connection, statement: str, arguments: Sequence[Any]) -> bytes:
    value: bytes = await connection.fetchval(statement, *arguments)
    return value
