"""A connection with the statements it has prepared, as many as a server process should keep plans of."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import asyncpg
from asyncpg.prepared_stmt import PreparedStatement

from auth.connections.weight import weight_of

STATEMENTS = 128  # prepared, a connection
LETTERS = 600_000  # of their texts together, with those of views: some 40 MB of plans


class Lane:
    """A connection with the statements it has prepared; the longest unused goes first."""

    def __init__(self, connection: "asyncpg.Connection[Any]") -> None:
        self.connection = connection
        self._prepared: OrderedDict[str, PreparedStatement[Any]] = OrderedDict()
        self._letters = 0
        self._count = 0

    async def rows(self, statement: str, arguments: Sequence[Any] = ()) -> list[asyncpg.Record]:
        """Return a statement's rows."""
        ready = self._prepared.get(statement) or await self._prepare(statement)
        self._prepared.move_to_end(statement)
        return await ready.fetch(*arguments)

    async def value(self, statement: str, arguments: Sequence[Any]) -> Any:
        """Return a statement's single value, None where it has no row."""
        rows = await self.rows(statement, arguments)
        return rows[0][0] if rows else None

    async def run(self, command: str) -> None:
        """Run a command that has no values."""
        await self.connection.execute(command)

    async def commit(self) -> None:
        """Keep what the transaction wrote."""
        await self.connection.execute("commit")

    async def _prepare(self, statement: str) -> "PreparedStatement[Any]":
        self._count += 1  # named, because PostgreSQL plans a statement without a name again each time
        ready = await self.connection.prepare(statement, name=f"kept_{self._count}")
        self._prepared[statement] = ready
        self._letters += weight_of(statement)
        while len(self._prepared) > 1 and (len(self._prepared) > STATEMENTS or self._letters > LETTERS):
            self._letters -= weight_of(self._prepared.popitem(last=False)[0])
        return ready
