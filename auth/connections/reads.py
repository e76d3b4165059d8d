"""Compiled reads: a statement that carries its caller's scope with it, on connections that can only read."""

import datetime as dt
from collections.abc import Awaitable, Sequence
from typing import Any

from auth.caller import Caller
from auth.connections.lane import Lane
from auth.connections.pool import Pools

REMEMBER = "select app.read_as($1, $2, $3)"

Asked = tuple[dt.datetime | None, str, Sequence[Any]]


class Reads:
    """Compiled reads, each on a connection that holds the role of its kind of caller."""

    def __init__(self, pools: Pools) -> None:
        self._pools = pools

    def one(self, caller: Caller, statement: str, arguments: Sequence[Any]) -> Awaitable[Any]:
        """Return the single value of a statement that enters the caller's scope itself: one round trip."""
        return self._pools.of(caller.role).use(lambda lane: lane.value(statement, arguments))

    async def several(self, caller: Caller, clock: str | None, asked: Sequence[Asked]) -> list[bytes]:
        """Return the value of each statement, all from one snapshot, each as known at its instant; None: now."""

        async def read(lane: Lane) -> list[bytes]:
            found = []
            async with lane.connection.transaction(isolation="repeatable_read", readonly=True):
                for instant, statement, arguments in asked:
                    await lane.rows(REMEMBER, (caller.tenant_ods, clock, instant))
                    found.append(await lane.value(statement, arguments))
            return found

        return await self._pools.of(caller.role).use(read)
