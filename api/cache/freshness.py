"""Freshness: the ledger is followed, so that an answer kept here is dropped when a row moved anywhere."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Any

from api.cache.answers import AnswerCache
from api.cache.reach import Reach, Regions
from auth.connections.lane import Lane
from auth.tenancy import Database
from schema.kept.node import Followed

log = logging.getLogger("reinstate.cache")

ROLE = "app_sweep"
CHANNEL = "reinstate_moved"
EVERY = 1.0  # seconds between sweeps when nobody calls for one
# Seconds after which a change acknowledged anywhere is seen in every answer: answers are given from the cache for
# so long after a sweep began, and a sweep sees whatever was committed before it began. Two sweeps' time, so that a
# slow one does not turn the cache off. Read by tests/test_replicas.py.
STALE = 2.0
PATIENCE = 1.0  # seconds for one sweep
GAP = 0.02  # seconds between two calls to the other replicas: one tells them of every change meanwhile
RETRY = 0.3  # seconds until the next try to listen

_NONE_YET = 2**63 - 1
# Whatever commits after a sweep has an id from that sweep's oldest running transaction on; seeing a change twice
# does no harm, and nothing waits for a long transaction.
_SWEEP = """
    select oldest, newest, e.* from (
        select pg_snapshot_xmin(s)::text::bigint as oldest, pg_snapshot_xmax(s)::text::bigint as newest
        from pg_current_snapshot() s
    ) now left join (
        select tenant_ods, owner_ods, trust_ods, region_ods, supplier_ods, audience::text as audience, max(xid) as xid
        from event where xid >= $1 group by 1, 2, 3, 4, 5, 6
    ) e on true
"""


class Freshness:
    """Follows the ledger, tells the other replicas, and says whether the cache may be believed.

    `on_call` is called when another replica says that something moved.
    """

    def __init__(
        self,
        database: Database,
        cache: AnswerCache,
        clock: Callable[[], float] = time.monotonic,
        on_call: Callable[[], None] = lambda: None,
    ) -> None:
        self.cache = cache
        self._on_call = on_call
        self._database = database
        self._clock = clock
        self._regions = Regions()
        self._wake = asyncio.Event()
        self._called = False
        self._untold = False
        self._said = ""
        self._waiting: list[asyncio.Future[None]] = []

    def changed(self, rows: Iterable[Followed]) -> None:
        """Drop what rows that this process kept have moved, before that is acknowledged; the others are told soon."""
        self._untold = True
        self._wake.set()
        for row in rows:
            self.cache.move(self._regions.moved_by(row))

    async def catch_up(self) -> None:
        """Drop what anything committed before now has moved: for an answer that does not say what it moved."""
        self._untold = True
        if not self.cache.trusted:
            self.cache.flush()
            return
        done = asyncio.get_running_loop().create_future()
        self._waiting.append(done)
        self._call()
        try:
            await asyncio.wait_for(done, PATIENCE)
        except TimeoutError:
            self.cache.flush()

    @asynccontextmanager
    async def kept_up(self) -> AsyncIterator[None]:
        """Follow the ledger for as long as a block lasts; where nothing is kept here, the others are told."""
        following = asyncio.create_task(self._run())
        try:
            yield
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            try:
                async with self._listening() as lane:
                    await self._follow(lane)
            except Exception as error:  # noqa: BLE001 - whatever it was, nothing is believed until a sweep succeeds
                self._say(logging.WARNING, f"answers are not kept for now: {type(error).__name__}")
            finally:
                self._lose()
            await asyncio.sleep(RETRY)

    @asynccontextmanager
    async def _listening(self) -> AsyncIterator[Lane]:
        async with self._database.apart(ROLE) as lane:
            lane.connection.add_termination_listener(lambda _: self._lose())
            await lane.connection.add_listener(CHANNEL, self._told)
            yield lane

    async def _follow(self, lane: Lane) -> None:
        since = _NONE_YET
        while True:
            self._called, waiting, self._waiting = False, self._waiting, []
            began = self._clock()
            try:
                async with asyncio.timeout(PATIENCE):
                    since = await self._sweep(lane, since)
                if not lane.connection.is_closed():
                    self.cache.trust(began + STALE)
                    self._say(logging.INFO, "answers are kept" if self.cache.limit else "the ledger is followed")
            except BaseException:
                self.cache.flush()
                raise
            finally:
                _release(waiting)
            await self._rest(lane, began + EVERY)

    async def _sweep(self, lane: Lane, since: int) -> int:
        rows = await lane.rows(_SWEEP, (since,))
        seen = [Reach(*tuple(row)[2:]) for row in rows if row["tenant_ods"]]
        for reach in seen:
            self.cache.move(reach.moves())
        self._regions.learn(seen, rows[0]["newest"])
        return int(rows[0]["oldest"])

    async def _rest(self, lane: Lane, until: float) -> None:
        """Wait until the next sweep is due or called for, and tell the others what moved here meanwhile."""
        while not self._called and (left := until - self._clock()) > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._wake.wait()
            self._wake.clear()
            if self._untold:
                self._untold = False
                async with asyncio.timeout(PATIENCE):
                    await lane.run(f"notify {CHANNEL}")
                await asyncio.sleep(GAP)

    def _told(self, connection: Any, process: int, _channel: str, _payload: object) -> None:
        if process != connection.get_server_pid():
            self._call()
            self._on_call()

    def _say(self, level: int, standing: str) -> None:
        if standing != self._said:
            log.log(level, standing)
            self._said = standing

    def _call(self) -> None:
        self._called = True
        self._wake.set()

    def _lose(self) -> None:
        """Believe nothing, and see at once whether the connection is lost."""
        self.cache.flush()
        _release(self._waiting)
        self._waiting = []
        self._call()


def _release(waiting: list[asyncio.Future[None]]) -> None:
    for each in waiting:
        if not each.done():
            each.set_result(None)
