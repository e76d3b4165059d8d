"""The database opened as a caller: one pool a kind of caller, the tenant set for each transaction."""

import asyncio
import datetime as dt
import uuid
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeVar

import asyncpg
from sqlalchemy import DateTime, Executable, Row, bindparam, func
from sqlalchemy.engine import make_url
from sqlalchemy.orm import aliased
from sqlmodel import col, select
from sqlmodel.sql.expression import SelectOfScalar

from auth.caller import Entrant
from auth.connections.lane import Lane
from auth.connections.pool import Pools
from auth.connections.reads import REMEMBER, Reads
from auth.statements import changed_in, kept, said, settle, values_of, view_of
from schema.kept.connection import LARGEST_COUNT, Connection, Order, page_size
from schema.kept.node import Followed, Kept, Node, read_global_id

F = TypeVar("F", bound=Followed)
N = TypeVar("N", bound=Kept)
R = TypeVar("R")
Clock = Callable[[], dt.datetime | None]

_LOCK = "select pg_advisory_xact_lock(hashtextextended($1, 0))"
_SHARE = "select pg_advisory_xact_lock_shared(hashtextextended($1, 0))"
_READ = "begin isolation level repeatable read read only"
_WRITE = "begin isolation level read committed read write"
_ENTER = "select app.enter($1, $2, $3, $4, $5, $6), null"
_ENTER_ONCE = "select * from app.enter_once($1, $2, $3, $4, $5, $6, $7)"


@dataclass(frozen=True)
class Given:
    """The answer that was given to a key before, and the hash of what was asked."""

    request_hash: bytes
    answer: str


class StaleError(Exception):
    """A row to be changed is not there to be changed by its caller."""


class Transaction:
    """One transaction as one caller: what a rule reads, locks and keeps with."""

    def __init__(self, lane: Lane, caller: Entrant, now: dt.datetime, ground: "_Ground | None" = None) -> None:
        self.lane = lane
        self.caller = caller
        self.now = now
        self._ground = ground or _Ground()
        self._known_at: dt.datetime | None = None
        self.refused = False
        self.given: Given | None = None
        self.kept: list[Followed] = []

    def refuse(self) -> None:
        """Keep nothing of this transaction."""
        self.refused = True

    async def all(self, statement: SelectOfScalar[R], **given: Any) -> list[R]:
        """Return every row of a query over one thing; `given` are the values it left open."""
        spoken, arguments = said(statement, given)
        return [spoken.read(record, self) for record in await self._run(spoken.text, arguments)]

    async def one(self, statement: SelectOfScalar[R], **given: Any) -> R | None:
        """Return the first row of a query over one thing, or None."""
        found = await self.all(statement, **given)
        return found[0] if found else None

    async def rows(self, statement: Executable, **given: Any) -> list[Row[Any]]:
        """Return every row of a query over several things."""
        spoken, arguments = said(statement, given)
        return [spoken.read(record, self) for record in await self._run(spoken.text, arguments)]

    async def clock(self) -> dt.datetime:
        """Return the database's own time: of sign-in, never a demonstration's."""
        (now,) = await self.all(select(func.clock_timestamp(type_=DateTime(timezone=True))))
        return now

    async def write(self, statement: Executable) -> None:
        """Run a statement that answers nothing."""
        spoken, arguments = said(statement, {})
        await self._run(spoken.text, arguments)

    async def value(self, text: str, arguments: list[Any]) -> Any:
        """Return the single value of a compiled statement, None where it has no row."""
        rows = await self._run(text, arguments)
        return rows[0][0] if rows else None

    async def as_known_at(self, instant: dt.datetime) -> "Transaction":
        """Return this transaction as its rows were known at an instant, by the ledger."""
        then = Transaction(self.lane, self.caller, min(instant, self.now), self._ground)
        then._known_at = instant
        return then

    async def page(self, statement: SelectOfScalar[R], order: Order, first: int, after: str | None) -> Connection[R]:
        """Return a page of a query over one noun, in the connection's order."""
        size = page_size(first)
        rows = statement.subquery()
        shown = (
            select(aliased(order.noun, rows, adapt_on_names=True))
            .where(*order.beyond(after, rows))
            .order_by(*order.by(rows))
            .limit(size + 1)
        )
        counted = statement.limit(LARGEST_COUNT).subquery()

        async def count() -> int:
            return await self.one(select(func.count()).select_from(counted)) or 0

        return order.page(await self.all(shown), size, after, count)

    async def find(self, noun: type[N], given: str | None) -> N | None:
        """Return the row of this noun by a client's id, None when the caller may not see one."""
        key = key_of(noun, given)
        return await self.one(_by_id(noun), id=key) if key else None

    async def own(self, noun: type[N], given: str | None, caller: Entrant) -> N | None:
        """Return the same where the caller's organisation owns it; somebody else's is as if it were not there."""
        row = await self.find(noun, given)
        return row if row is not None and row.tenant_ods == caller.tenant_ods else None

    async def take(self, row: Kept) -> None:
        """Take the turn of a row, and read it again as whoever had it before left it."""
        await self.lock(row.id)
        await self.refresh(row)

    async def lock(self, *keys: object, beside: Iterable[object] = ()) -> None:
        """Take the turn of these aggregates until the transaction ends, in one order for everyone.

        `beside`: aggregates it relies on; whoever takes their turn is held off, and nobody else.
        """
        taken = set(map(str, keys))
        for key in sorted(taken.union(map(str, beside))):
            await self._run(_LOCK if key in taken else _SHARE, [key])

    async def share(self, key: object) -> None:
        """Hold off whoever takes the turn of this aggregate, and nobody else, until the transaction ends."""
        await self._run(_SHARE, [str(key)])

    async def refresh(self, row: Kept) -> None:
        """Read a row again, after its turn was taken."""
        found = await self.one(_by_id(type(row)), id=row.id)
        if found is None:
            raise StaleError
        row.__dict__.update(values_of(found))
        settle(row, self)

    async def keep(self, row: F) -> F:
        """Write a new row, or a changed one; the database writes its event."""
        changed = None
        if view_of(row) is not None:
            row.version += 1
            changed = changed_in(row)
        spoken = kept(type(row), changed)
        found = await self._run(spoken.text, spoken.arguments(values_of(row)))
        if changed is not None and not found:
            raise StaleError
        settle(row, self, changed or frozenset())
        self.kept.append(row)
        return row

    async def _run(self, text: str, arguments: list[Any]) -> list[asyncpg.Record]:
        async with self._ground.turn:
            if self._ground.over:
                raise asyncio.CancelledError
            if self._ground.known_at != self._known_at:
                await self.lane.rows(REMEMBER, [self.caller.tenant_ods, self._ground.clock, self._known_at])
                self._ground.known_at = self._known_at
            return await self.lane.rows(text, arguments)

    @property
    def made(self) -> dict[str, Any]:
        """The owner, time and author of a row made in this transaction."""
        return {
            "tenant_ods": self.caller.tenant_ods,
            "created_at": self.now,
            "created_by": self.caller.subject,
        }


@dataclass
class _Ground:
    """What the views of one transaction share: its connection's turn, and the instant that is set on it."""

    clock: str | None = None
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    known_at: dt.datetime | None = None
    over: bool = False


class Database:
    """The product's way to its database. A role is set when a connection opens and never switched."""

    def __init__(self, url: str, clock: Clock = lambda: None) -> None:
        self._clock = clock
        self._pools = Pools(make_url(url).set(drivername="postgresql").render_as_string(hide_password=False))
        self.reads = Reads(self._pools)

    @property
    def clock(self) -> str | None:
        """The time a demonstration's clock is set to; None: the database's own."""
        clock = self._clock()
        return clock.isoformat() if clock else None

    @asynccontextmanager
    async def change(
        self, caller: Entrant, verb: str, request_id: str = "", key: str | None = None
    ) -> AsyncIterator[Transaction]:
        """Open a transaction that is kept at its end, unless it failed or was refused. The one place that commits.

        With a key it waits for whoever else brings the same one, and knows the answer that was given to it.
        """
        async with self.transaction(caller, verb, request_id, key=key) as db:
            yield db
            if not db.refused:
                await db.lane.commit()

    @asynccontextmanager
    async def transaction(
        self, caller: Entrant, verb: str, request_id: str = "", *, key: str | None = None, read_only: bool = False
    ) -> AsyncIterator[Transaction]:
        """Open a transaction as this caller. It rolls back unless its holder commits.

        Reads see one snapshot; changes run at READ COMMITTED under the locks their rules take.
        """
        async with self._pools.of(caller.role).transaction(_READ if read_only else _WRITE) as lane:
            clock = self.clock
            who = caller.tenant_ods, caller.kind.value if caller.kind else None, caller.subject, verb, request_id, clock
            (entered,) = await lane.rows(*((_ENTER, who) if key is None else (_ENTER_ONCE, (*who, key))))
            ground = _Ground(clock)
            db = Transaction(lane, caller, entered[0], ground)
            db.given = Given(entered[1], entered[2]) if entered[1] else None
            yield db
            async with ground.turn:  # an answer that broke off early left a statement running
                ground.over = True

    @asynccontextmanager
    async def apart(self, role: str) -> AsyncIterator[Lane]:
        """Have a connection that no pool gets back: for whoever follows the ledger on it."""
        lane = await self._pools.of(role).opened()
        try:
            yield lane
        finally:
            lane.connection.terminate()

    @property
    def in_use(self) -> int:
        """How many pooled connections are in use."""
        return self._pools.in_use

    async def close(self) -> None:
        """Close every connection that rests."""
        await self._pools.close()


def key_of(noun: type[Node], given: str | None) -> uuid.UUID | None:
    """Return the key of a row of this noun by a client's id, None where it is no id of one."""
    named = read_global_id(given or "")
    if named is None or named[0] != noun.__name__:
        return None
    try:
        return uuid.UUID(named[1])
    except ValueError:
        return None


@lru_cache
def _by_id(noun: type[N]) -> SelectOfScalar[N]:
    return select(noun).where(col(noun.id) == bindparam("id"))
