"""The database opened as a caller: one pool a kind of caller, the tenant set for each transaction."""

import asyncio
import datetime as dt
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy import Executable, Row, func
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import aliased
from sqlalchemy.pool import QueuePool
from sqlmodel import col, select
from sqlmodel.sql.expression import SelectOfScalar

from auth.caller import Entrant
from auth.reads import Reads
from schema.kept.connection import LARGEST_COUNT, Connection, Order, page_size
from schema.kept.node import Followed, Kept, read_global_id

F = TypeVar("F", bound=Followed)
N = TypeVar("N", bound=Kept)
R = TypeVar("R")
Clock = Callable[[], dt.datetime | None]

_POOL = {"pool_size": 4, "max_overflow": 4, "pool_timeout": 1.0, "pool_recycle": 1800, "pool_pre_ping": False}
_CONNECT = {"timeout": 1.0, "command_timeout": 6.0}
_ENTRY = 2.0  # seconds to be let in: the wait for a connection, its making, and the first statement


class Transaction:
    """One transaction as one caller: what a rule reads, locks and keeps with."""

    def __init__(
        self, session: AsyncSession, caller: Entrant, now: dt.datetime, ground: "_Ground | None" = None
    ) -> None:
        self.session = session
        self.caller = caller
        self.now = now
        self._ground = ground or _Ground()
        self._known_at: dt.datetime | None = None
        session.info["transaction"] = self
        self.refused = False
        self.kept: list[Followed] = []

    def refuse(self) -> None:
        """Keep nothing of this transaction."""
        self.refused = True

    async def all(self, statement: SelectOfScalar[R]) -> list[R]:
        """Return every row of a query over one thing."""
        return list((await self._execute(statement)).scalars())

    async def one(self, statement: SelectOfScalar[R]) -> R | None:
        """Return the first row of a query over one thing, or None."""
        found: R | None = (await self._execute(statement)).scalars().first()
        return found

    async def rows(self, statement: Executable) -> list[Row[Any]]:
        """Return every row of a query over several things."""
        return list(await self._execute(statement))

    async def as_known_at(self, instant: dt.datetime) -> "Transaction":
        """Return this transaction as its rows were known at an instant, by the ledger."""
        if instant in self._ground.views:
            return self._ground.views[instant]
        session = AsyncSession(await self.session.connection(), expire_on_commit=False, autoflush=False)
        then = Transaction(session, self.caller, min(instant, self.now), self._ground)
        then._known_at = instant
        return self._ground.views.setdefault(instant, then)

    async def page(self, statement: SelectOfScalar[R], order: Order, first: int, after: str | None) -> Connection[R]:
        """Return a page of a query over one noun, in the connection's order."""
        size = page_size(first)
        rows = statement.subquery()
        beyond = [] if after is None else [order.past(rows, order.place(after))]
        shown = (
            select(aliased(order.noun, rows, adapt_on_names=True))
            .where(*beyond)
            .order_by(*order.by(rows))
            .limit(size + 1)
        )
        counted = statement.limit(LARGEST_COUNT).subquery()

        async def count() -> int:
            return int((await self._execute(select(func.count()).select_from(counted))).scalar_one())

        return order.page(await self.all(shown), size, after, count)

    async def find(self, noun: type[N], given: str | None) -> N | None:
        """Return the row of this noun by a client's id, None when the caller may not see one."""
        named = read_global_id(given or "")
        if named is None or named[0] != noun.__name__:
            return None
        try:
            key = uuid.UUID(named[1])
        except ValueError:
            return None
        return await self.one(select(noun).where(col(noun.id) == key))

    async def lock(self, *keys: object) -> None:
        """Take the turn of these aggregates until the transaction ends, in one order for everyone."""
        for key in sorted(map(str, keys)):
            await self._execute(select(func.pg_advisory_xact_lock(func.hashtextextended(key, 0))))

    async def refresh(self, row: Kept) -> None:
        """Read a row again, after its turn was taken."""
        async with self._ground.turn:
            await self.session.refresh(row)

    async def keep(self, row: F) -> F:
        """Write a new row, or a changed one; the database writes its event."""
        if row in self.session:
            row.version += 1
        else:
            self.session.add(row)
        async with self._ground.turn:
            await self.session.flush()
        self.kept.append(row)
        return row

    async def write(self, statement: Executable) -> None:
        """Run a statement that answers nothing."""
        await self._execute(statement)

    async def _execute(self, statement: Executable) -> Any:
        async with self._ground.turn:
            if self._ground.over:
                raise asyncio.CancelledError
            if self._ground.known_at != self._known_at:
                entering = func.app.read_as(self.caller.tenant_ods, self._ground.clock, self._known_at)
                await self.session.execute(select(entering))
                self._ground.known_at = self._known_at
            return await self.session.execute(statement)

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
    # Held until the transaction ends: rows find their view by its session, which nobody else holds.
    views: dict[dt.datetime, Transaction] = field(default_factory=dict)


class Database:
    """The product's way to its database. A role is set when a connection opens and never switched."""

    def __init__(self, url: str, clock: Clock = lambda: None) -> None:
        self._url = _driver_url(url)
        self._clock = clock
        self._engines: dict[str, AsyncEngine] = {}
        self.reads = Reads(self._url.set(drivername="postgresql").render_as_string(hide_password=False))

    @property
    def clock(self) -> str | None:
        """The time a demonstration's clock is set to; None: the database's own."""
        clock = self._clock()
        return clock.isoformat() if clock else None

    @asynccontextmanager
    async def change(self, caller: Entrant, verb: str, request_id: str = "") -> AsyncIterator[Transaction]:
        """Open a transaction that is kept at its end, unless it failed or was refused. The one place that commits."""
        async with self.transaction(caller, verb, request_id) as db:
            yield db
            if not db.refused:
                await db.session.commit()

    @asynccontextmanager
    async def transaction(
        self, caller: Entrant, verb: str, request_id: str = "", *, read_only: bool = False
    ) -> AsyncIterator[Transaction]:
        """Open a transaction as this caller. It rolls back unless its holder commits.

        Reads see one snapshot; changes run at READ COMMITTED under the locks their rules take.
        """
        engine = self.engine(caller.role)
        if read_only:
            engine = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        async with AsyncSession(engine, expire_on_commit=False, autoflush=False) as session:
            clock = self.clock
            entering = select(
                func.app.enter(
                    caller.tenant_ods,
                    caller.kind.value if caller.kind else None,
                    caller.subject,
                    verb,
                    request_id,
                    clock,
                )
            )
            async with asyncio.timeout(_ENTRY):
                now = await _enter(session, entering)
            ground = _Ground(clock)
            yield Transaction(session, caller, now, ground)
            async with ground.turn:  # an answer that broke off early left a statement running
                ground.over = True

    def engine(self, role: str) -> AsyncEngine:
        """Return the pool whose connections hold this role."""
        if role not in self._engines:
            self._engines[role] = create_async_engine(
                self._url,
                connect_args={
                    **_CONNECT,
                    "server_settings": {"role": role, "application_name": f"reinstate {role}"},
                },
                **_POOL,
            )
        return self._engines[role]

    @property
    def in_use(self) -> int:
        """How many pooled connections are in use."""
        pools = [engine.pool for engine in self._engines.values()]
        return self.reads.in_use + sum(pool.checkedout() for pool in pools if isinstance(pool, QueuePool))

    async def close(self) -> None:
        """Close every pool."""
        await self.reads.close()
        for engine in self._engines.values():
            await engine.dispose()
        self._engines.clear()


async def _enter(session: AsyncSession, entering: Executable) -> dt.datetime:
    """Run a transaction's first statement; where its pooled connection proves dead, on a fresh one."""
    try:
        entered = await session.execute(entering)
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
        await session.rollback()
        entered = await session.execute(entering)
    now: dt.datetime = entered.scalar_one()
    return now.astimezone(dt.UTC)


def _driver_url(url: str) -> URL:
    """Return the address for the driver; a socket folder stays a query parameter."""
    return make_url(url).set(drivername="postgresql+asyncpg")
