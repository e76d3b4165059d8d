"""The tail: one reader of the ledger a process, which learns where each settled event stands and whom it reaches."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

from api.cache.freshness import ROLE
from api.cache.reach import Reach
from api.graphql.compiled.stream import Place
from auth.connections.lane import Lane
from auth.tenancy import Database

log = logging.getLogger("reinstate.stream")

EVERY = 1.0  # seconds between looks when nobody calls for one
SOON = 0.05  # the same while somebody is writing: who gives a change up says nothing, and holds back what is behind it
PATIENCE = 3.0  # seconds for one look
RETRY = 0.3  # seconds until the next try to follow
MOST = 1000  # events a look

LAST = 2**63 - 1  # beyond every event of a transaction
# Below the oldest running transaction nothing is added any more, so that no place is passed over.
_NEWS = """
    select horizon, newest, e.* from (
        select pg_snapshot_xmin(s)::text::bigint as horizon, pg_snapshot_xmax(s)::text::bigint as newest
        from pg_current_snapshot() s
    ) now left join lateral (
        select id, tenant_ods, owner_ods, trust_ods, region_ods, supplier_ods, audience::text as audience, xid
        from event where (xid, id) > ($1, $2) and xid < horizon order by xid, id limit $3
    ) e on true
"""

Heard = Callable[[Place, set[str]], None]


class Tail:
    """Follows the ledger while somebody listens, and says up to which place it is settled and whom what is new moves.

    Where its connection is lost it goes on from where it was: late, but without loss.
    """

    def __init__(self, database: Database, heard: Heard) -> None:
        self._database = database
        self._heard = heard
        self._wake = asyncio.Event()
        self._following: asyncio.Task[None] | None = None
        self._begun: asyncio.Future[None] | None = None
        self.place: Place = (0, 0)

    async def begin(self) -> None:
        """Follow from now on; return once it is known where now is, or raise `TimeoutError`."""
        if self._following is None:
            self._begun = asyncio.get_running_loop().create_future()
            self._following = asyncio.create_task(self._run(self._begun))
        if self._begun is not None:
            async with asyncio.timeout(PATIENCE):
                await asyncio.shield(self._begun)

    def look(self) -> None:
        """Look now: something has been changed."""
        self._wake.set()

    def end(self) -> None:
        """Follow no more."""
        if self._following is not None:
            self._following.cancel()
            self._following = self._begun = None

    async def _run(self, begun: "asyncio.Future[None]") -> None:
        while True:
            try:
                async with self._database.apart(ROLE) as lane:
                    await self._follow(lane, begun)
            except Exception as error:  # noqa: BLE001 - whatever it was, it goes on from its place
                log.warning("the ledger is not followed for now: %s", type(error).__name__)
            await asyncio.sleep(RETRY)

    async def _follow(self, lane: Lane, begun: "asyncio.Future[None]") -> None:
        while True:
            self._wake.clear()
            async with asyncio.timeout(PATIENCE):
                pause = await self._news(lane, begun)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._wake.wait()

    async def _news(self, lane: Lane, begun: "asyncio.Future[None]") -> float:
        """Say what is new; return how many seconds the next look may wait."""
        rows = await lane.rows(_NEWS, (*(self.place if begun.done() else (LAST, LAST)), MOST))
        settled, seen = (int(rows[0]["horizon"]) - 1, LAST), [row for row in rows if row["xid"] is not None]
        more = len(seen) == MOST
        self.place = (seen[-1]["xid"], seen[-1]["id"]) if more else max(settled, self.place)
        if not begun.done():
            begun.set_result(None)
        elif seen:
            reaches = (Reach(*tuple(row)[3:]) for row in seen)
            self._heard(self.place, {name for reach in reaches for name in reach.moves()})
        if more:
            return 0.0
        return SOON if rows[0]["newest"] > rows[0]["horizon"] else EVERY
