"""Compiled reads: a statement that carries its caller's scope with it, on connections that can only read."""

import asyncio
import datetime as dt
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import asyncpg
from asyncpg.prepared_stmt import PreparedStatement

from auth.caller import Caller

CONNECTIONS = 8  # a role and process
STATEMENTS = 64  # prepared, a connection
LETTERS = 400_000  # of their texts together; a backend keeps some eighty bytes of plan for each
PATIENCE = 1.0  # seconds to wait for a connection
COMMAND = 4.5  # seconds for a statement; the server gives up a little before
_SETTINGS = {
    "datestyle": "ISO",
    "default_transaction_read_only": "on",
    "jit": "off",
    "plan_cache_mode": "force_generic_plan",  # planning costs more than the difference a value makes
    "random_page_cost": "1.1",  # the rows asked for are in memory or on flash
    "statement_timeout": "4s",
    "timezone": "UTC",
}
_REMEMBER = "select app.read_as($1, $2, $3)"
_LOST = (
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a server that died in the middle of an answer
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InvalidTransactionStateError,  # a transaction that failed to begin is never forgotten by the driver
    OSError,
)

T = TypeVar("T")
Asked = tuple[dt.datetime | None, str, Sequence[Any]]


class Reads:
    """Connections for compiled reads; each holds the role of one kind of caller for as long as it lives."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._pools: dict[str, _Pool] = {}

    async def one(self, caller: Caller, statement: str, arguments: Sequence[Any]) -> bytes:
        """Return the single value of a statement that enters the caller's scope itself: one round trip."""
        return await self._pool(caller.role).use(lambda lane: lane.value(statement, arguments))

    async def several(self, caller: Caller, clock: str | None, asked: Sequence[Asked]) -> list[bytes]:
        """Return the value of each statement, all from one snapshot, each as known at its instant; None: now."""

        async def read(lane: _Lane) -> list[bytes]:
            found = []
            async with lane.connection.transaction(isolation="repeatable_read", readonly=True):
                for instant, statement, arguments in asked:
                    await lane.connection.execute(_REMEMBER, caller.tenant_ods, clock, instant)
                    found.append(await lane.value(statement, arguments))
            return found

        return await self._pool(caller.role).use(read)

    @property
    def in_use(self) -> int:
        """Connections that read at this moment."""
        return sum(pool.in_use for pool in self._pools.values())

    async def close(self) -> None:
        """Close every connection."""
        for pool in self._pools.values():
            await pool.close()
        self._pools.clear()

    def _pool(self, role: str) -> "_Pool":
        if role not in self._pools:
            self._pools[role] = _Pool(self._url, role)
        return self._pools[role]


class _Lane:
    """A connection with the statements it has prepared; the longest unused goes first."""

    def __init__(self, connection: "asyncpg.Connection[Any]") -> None:
        self.connection = connection
        self._prepared: OrderedDict[str, PreparedStatement[Any]] = OrderedDict()
        self._letters = 0
        self._count = 0

    async def value(self, statement: str, arguments: Sequence[Any]) -> bytes:
        """Return a statement's single value."""
        ready = self._prepared.get(statement)
        if ready is None:
            self._count += 1  # named, because PostgreSQL plans a statement without a name again each time
            ready = await self.connection.prepare(statement, name=f"kept_{self._count}")
            self._prepared[statement] = ready
            self._letters += len(statement)
            self._forget()
        else:
            self._prepared.move_to_end(statement)
        value: bytes = await ready.fetchval(*arguments)
        return value

    def _forget(self) -> None:
        while len(self._prepared) > 1 and (len(self._prepared) > STATEMENTS or self._letters > LETTERS):
            self._letters -= len(self._prepared.popitem(last=False)[0])


class _Pool:
    """The connections of one role: settings never outlive a statement, so nothing is reset between two."""

    def __init__(self, url: str, role: str) -> None:
        self._url = url
        self._role = role
        self._resting: list[_Lane] = []
        self._places = asyncio.Semaphore(CONNECTIONS)
        self.in_use = 0

    async def use(self, read: Callable[[_Lane], Awaitable[T]]) -> T:
        """Read on a connection that rests, or on a new one; where a rested one proves dead, on a new one again."""
        if self._places.locked():
            await asyncio.wait_for(self._places.acquire(), PATIENCE)
        else:
            await self._places.acquire()
        self.in_use += 1
        try:
            if self._resting:
                try:
                    return await self._on(self._resting.pop(), read)
                except TimeoutError:  # an OSError, but another try would wait as long
                    raise
                except _LOST:
                    await self.close()  # what killed one has likely killed all
            return await self._on(await self._opened(), read)
        finally:
            self.in_use -= 1
            self._places.release()

    async def _on(self, lane: _Lane, read: Callable[[_Lane], Awaitable[T]]) -> T:
        try:
            found = await read(lane)
        except BaseException as error:
            if isinstance(error, asyncpg.PostgresError) and not isinstance(error, _LOST):
                self._rest(lane)
            else:
                lane.connection.terminate()  # lost or cancelled in the middle of an answer
            raise
        self._rest(lane)
        return found

    def _rest(self, lane: _Lane) -> None:
        if not lane.connection.is_closed():
            self._resting.append(lane)

    async def _opened(self) -> _Lane:
        settings = {**_SETTINGS, "role": self._role, "application_name": f"reinstate reads {self._role}"}
        return _Lane(
            await asyncpg.connect(
                self._url, timeout=1.0, command_timeout=COMMAND, statement_cache_size=0, server_settings=settings
            )
        )

    async def close(self) -> None:
        """Close the connections that rest."""
        while self._resting:
            connection = self._resting.pop().connection
            try:
                await connection.close(timeout=1.0)
            except (*_LOST, TimeoutError):
                connection.terminate()
