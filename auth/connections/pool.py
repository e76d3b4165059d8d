"""Connections to the database, a pool a role: the role is set when a connection opens and never switched."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import asyncpg

from auth.connections.lane import Lane
from auth.connections.places import PATIENCE, Places

CONNECTIONS = 8  # a role and process
CONNECTING = 1.0  # seconds to open a connection
COMMAND = 4.5  # seconds for a statement; the server gives up a little before
_ENTRY = 2.0  # seconds to be let in: the wait for a connection, its making, and the first command
SETTINGS = {
    "datestyle": "ISO",
    "default_transaction_read_only": "on",  # a change says that it writes
    "enable_memoize": "off",  # rows lead to rows by their keys: looking one up costs as little as remembering it
    "jit": "off",
    "plan_cache_mode": "force_generic_plan",  # planning costs more than the difference a value makes
    "random_page_cost": "1.1",  # the rows asked for are in memory or on flash
    "timezone": "UTC",
}
_BOUND = """
    select set_config('statement_timeout', '4s', false) from pg_settings
    where name = 'statement_timeout' and setting::integer not between 1 and 4000
"""
LOST = (
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a server that died in the middle of an answer
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InvalidTransactionStateError,  # a transaction that failed to begin is never forgotten by the driver
    OSError,
)

T = TypeVar("T")


class Pool:
    """The connections of one role: settings never outlive a statement, so nothing is reset between two."""

    def __init__(self, url: str, role: str) -> None:
        self._url = url
        self._role = role
        self._resting: list[Lane] = []
        self._places = Places(CONNECTIONS)

    @property
    def in_use(self) -> int:
        """How many connections are in use."""
        return self._places.taken

    async def use(self, work: Callable[[Lane], Awaitable[T]]) -> T:
        """Do what one statement does; the connection rests again afterwards."""
        lane, done = await self.taken(work)
        self.rest(lane)
        return done

    async def taken(self, begin: Callable[[Lane], Awaitable[T]]) -> tuple[Lane, T]:
        """Take a connection and begin on it; where one that rested proves dead, on a new one again."""
        await self._places.take()
        try:
            if self._resting:
                lane = self._resting.pop()
                try:
                    return lane, await begin(lane)
                except BaseException as error:
                    self._part(lane, error)
                    if isinstance(error, TimeoutError) or not isinstance(error, LOST):
                        raise  # a timeout is an OSError, but another try would wait as long
                await self.close()  # what killed one has likely killed all
            lane = await self.opened()
            try:
                return lane, await begin(lane)
            except BaseException as error:
                self._part(lane, error)
                raise
        except BaseException:
            self._places.leave()
            raise

    @asynccontextmanager
    async def transaction(self, begin: str) -> AsyncIterator[Lane]:
        """Have a connection with a transaction on it; what is not committed at the end is undone."""
        async with asyncio.timeout(_ENTRY):
            lane, _ = await self.taken(lambda lane: lane.run(begin))
        try:
            yield lane
        except Exception:
            await self._undo(lane)
            raise
        except BaseException:
            self.drop(lane)  # cancelled in the middle of an answer
            raise
        else:
            await self._undo(lane)

    async def _undo(self, lane: Lane) -> None:
        try:
            if lane.connection.is_in_transaction():
                async with asyncio.timeout(PATIENCE):
                    await lane.run("rollback")
        except (asyncpg.PostgresError, *LOST):
            self.drop(lane)
        except BaseException:
            self.drop(lane)
            raise
        else:
            self.rest(lane)

    def rest(self, lane: Lane) -> None:
        """Give a connection back."""
        if not lane.connection.is_closed():
            self._resting.append(lane)
        self._places.leave()

    def drop(self, lane: Lane) -> None:
        """Give up a connection that was left in the middle of an answer."""
        lane.connection.terminate()
        self._places.leave()

    def _part(self, lane: Lane, error: BaseException) -> None:
        if isinstance(error, asyncpg.PostgresError) and not isinstance(error, LOST):
            self._resting.append(lane)
        else:
            lane.connection.terminate()  # lost or cancelled in the middle of an answer

    async def opened(self) -> Lane:
        """Open a connection."""
        settings = {**SETTINGS, "role": self._role, "application_name": f"reinstate {self._role}"}
        connection = await asyncpg.connect(
            self._url, timeout=CONNECTING, command_timeout=COMMAND, statement_cache_size=0, server_settings=settings
        )
        try:
            await connection.execute(_BOUND)
        except BaseException:
            connection.terminate()
            raise
        return Lane(connection)

    async def close(self) -> None:
        """Close the connections that rest."""
        while self._resting:
            connection = self._resting.pop().connection
            try:
                await connection.close(timeout=1.0)
            except (*LOST, TimeoutError):
                connection.terminate()


class Pools:
    """The pools of all roles."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._pools: dict[str, Pool] = {}

    def of(self, role: str) -> Pool:
        """Return the pool whose connections hold this role."""
        if role not in self._pools:
            self._pools[role] = Pool(self._url, role)
        return self._pools[role]

    @property
    def in_use(self) -> int:
        """How many connections are in use."""
        return sum(pool.in_use for pool in self._pools.values())

    async def close(self) -> None:
        """Close every connection that rests."""
        for pool in self._pools.values():
            await pool.close()
        self._pools.clear()
