"""Answers kept by caller's scope and request, bounded by bytes; one is given only while it is known to be true."""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from api.cache.reach import EVERYBODY, hangs_on
from auth.caller import Caller

CACHE_MB = 64
LONGEST = 60.0  # seconds an answer lives: figures such as hours since a report grow without a change
BESIDES = 600  # bytes that an entry takes besides its request and its answer
LARGEST = 8  # times a single answer must fit
NEVER = float("-inf")
Headers = list[tuple[bytes, bytes]]
Question = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer kept: its bytes, its headers, and as of when."""

    body: bytes
    etag: bytes
    headers: Headers
    epoch: int
    since: float
    size: int


@dataclass(frozen=True, slots=True)
class Ticket:
    """The right to keep an answer, taken before its question is asked."""

    caller: Caller
    epoch: int
    since: float


@dataclass(slots=True)
class Tally:
    """What was looked for and found, for the metrics."""

    hits: int = 0
    misses: int = 0
    flushes: int = 0


class AnswerCache:
    """Answers, given again while nothing moved that their caller can read."""

    def __init__(self, megabytes: int = CACHE_MB, clock: Callable[[], float] = time.monotonic) -> None:
        self.limit = megabytes * 2**20
        self.tally = Tally()
        self.bytes = 0
        self._clock = clock
        self._kept: OrderedDict[Question, Kept] = OrderedDict()
        self._moved: dict[str, int] = {}
        self._moves = 0
        self._true_until = NEVER

    @property
    def trusted(self) -> bool:
        """Whether every change is known that was acknowledged more than a moment ago."""
        return self._clock() <= self._true_until

    def trust(self, until: float) -> None:
        """Answer until then from what is kept, and keep more, if anything may be kept."""
        if self.limit:
            self._true_until = until

    def flush(self) -> None:
        """Forget everything, refuse what is being asked now, and keep nothing until trusted again."""
        self.tally.flushes += self._true_until > NEVER
        self._true_until = NEVER
        self._kept.clear()
        self.bytes = 0
        self.move((EVERYBODY,))

    def move(self, names: Iterable[str]) -> None:
        """Note that rows moved; the answers that hang on them are no longer given."""
        self._moves += 1
        for name in names:
            self._moved[name] = self._moves

    def find(self, question: Question, caller: Caller) -> Kept | None:
        """Return the answer kept for this question of this caller's, if it is true."""
        now = self._clock()
        kept = self._kept.get(question) if now <= self._true_until else None
        if kept is None:
            self.tally.misses += 1
            return None
        if kept.epoch != self._epoch(caller) or now - kept.since > LONGEST:
            self._drop(question)
            self.tally.misses += 1
            return None
        self._kept.move_to_end(question)
        self.tally.hits += 1
        return kept

    def ticket(self, caller: Caller) -> Ticket | None:
        """Return the right to keep the answer to a question that is asked from now on."""
        now = self._clock()
        return Ticket(caller, self._epoch(caller), now) if now <= self._true_until else None

    def keep(self, ticket: Ticket, question: Question, told: tuple[bytes, bytes, Headers], sent: int) -> None:
        """Keep an answer (body, ETag, headers) to a request of so many bytes, unless something moved meanwhile."""
        body, etag, headers = told
        size = len(body) + sent + BESIDES
        if size * LARGEST > self.limit or ticket.epoch != self._epoch(ticket.caller):
            return
        self._drop(question)
        self._kept[question] = Kept(body, etag, headers, ticket.epoch, ticket.since, size)
        self.bytes += size
        while self.bytes > self.limit:
            self._drop(next(iter(self._kept)))

    def _epoch(self, caller: Caller) -> int:
        everybody, wide, own = hangs_on(caller)
        moved = self._moved.get
        return max(moved(everybody, 0), moved(wide, 0), moved(own, 0))

    def _drop(self, question: Question) -> None:
        if dropped := self._kept.pop(question, None):
            self.bytes -= dropped.size
