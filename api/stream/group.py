"""Groups: those who ask the same as the same caller, so that each event is asked and written once for all of them."""

import asyncio
import logging
from collections.abc import Set as AbstractSet
from typing import Protocol

from api import metrics
from api.cache.reach import hangs_on
from api.graphql.compiled.stream import Place, Span, Told
from api.stream.following import Following

log = logging.getLogger("reinstate.stream")

PAGE = 200  # events asked for at once
AT_ONCE = 250  # listeners told in one go: some 5 ms
RETRY = 0.3  # seconds until the next try
TRIES = 40  # in a row that may fail before those who listen are told so; where all is lost, the door is quicker


class Listener(Protocol):
    """One who listens."""

    def tell(self, told: Told) -> None:
        """Be told of an event."""

    def fail(self) -> None:
        """Be told to come again: nothing can be told for now."""

    async def room(self) -> None:
        """Wait until there is room to be told more, where it can wait."""


class Group:
    """Its listeners have been told of everything up to its place that their caller may see."""

    def __init__(self, following: Following, place: Place, turn: asyncio.Semaphore) -> None:
        self.place = place
        self.tenant_ods = following.caller.tenant_ods
        self._turn = turn
        self._following = following
        self._until = place
        self._listeners: dict[Listener, Place] = {}  # and after which place each is told
        self.members = 0
        self._names = frozenset(hangs_on(following.caller))
        self._news = asyncio.Event()
        self._telling = asyncio.create_task(self._run())

    def heard(self, until: Place, moved: AbstractSet[str]) -> None:
        """Hear that the ledger is settled up to a place, and whom that moves."""
        idle = self.place == self._until
        self._until = until
        if idle and self._names.isdisjoint(moved):
            self.place = until
        else:
            self._news.set()

    async def tell(self, listener: Listener, since: Place) -> None:
        """Tell a listener of what comes after a place until cancelled: of the past as fast as it reads."""
        while since < self.place:
            span = Span(since, self.place, PAGE)
            told = await self._told(span)
            for each in told:
                await listener.room()
                listener.tell(each)
            since = _end(span, told)
        self._listeners[listener] = since
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            del self._listeners[listener]

    def end(self) -> None:
        """Tell nobody any more."""
        self._telling.cancel()

    async def _run(self) -> None:
        failed = 0
        while True:
            await self._news.wait()
            self._news.clear()
            try:
                await self._tell()
                failed = 0
            except Exception as error:  # noqa: BLE001 - what was not told is told at the next try
                if not failed:
                    log.warning("events are told late: %s", type(error).__name__)
                failed += 1
                self._news.set()
                if failed >= TRIES:
                    self._give_up()
                await asyncio.sleep(RETRY)

    async def _tell(self) -> None:
        while self.place < self._until:
            span = Span(self.place, self._until, PAGE)
            told = await self._told(span)
            for each in told:
                self.place = each.place  # first: who joins meanwhile catches up with this one too
                await self._fan_out(each)
            self.place = _end(span, told)

    async def _told(self, span: Span) -> list[Told]:
        async with self._turn:
            return await self._following.told(span)

    async def _fan_out(self, told: Told) -> None:
        here = [listener for listener, since in self._listeners.items() if since < told.place]
        for begin in range(0, len(here), AT_ONCE):
            for listener in here[begin : begin + AT_ONCE]:
                if listener in self._listeners:
                    listener.tell(told)
            await asyncio.sleep(0)  # whoever asks something meanwhile waits for these and no more
        metrics.told(len(here))

    def _give_up(self) -> None:
        for listener in list(self._listeners):
            listener.fail()


def _end(span: Span, told: list[Told]) -> Place:
    """Return up to where a stretch was told: its end, unless there was more than was asked for."""
    return told[-1].place if len(told) == span.most else span.until
