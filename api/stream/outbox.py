"""The outbox of one connection: what its client is still to be told, bounded, so that nobody waits for a slow one."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

MOST_EVENTS = 256
MOST_BYTES = 2**20
CROWDED = 0.25  # of either; whoever can wait puts no more in

AtOnce = Callable[[bytes], bool]  # sends a frame where that need not wait; tells whether it did


class Outbox:
    """Frames in order, sent at once where nobody has to wait for it.

    One too many overflows it: what is there is forgotten, and nothing more is taken.
    """

    __slots__ = ("_at_once", "_bytes", "_frames", "_overflowed", "_waiting", "closed", "finished")

    def __init__(self, overflowed: Callable[[], None], at_once: AtOnce | None = None) -> None:
        self.closed = False
        self._at_once = at_once
        self._overflowed = overflowed
        self.finished = False
        self._frames: deque[bytes] = deque()
        self._bytes = 0
        self._waiting: list[asyncio.Future[None]] = []

    def put(self, frame: bytes) -> None:
        """Take a frame to be sent, unless there are too many or too much already."""
        if self.closed or self.finished:
            return
        if not self._frames and self._at_once and self._at_once(frame):
            return
        if self._frames and (len(self._frames) >= MOST_EVENTS or self._bytes + len(frame) > MOST_BYTES):
            self.close()
            self._overflowed()
            return
        self._frames.append(frame)
        self._bytes += len(frame)
        if len(self._frames) == 1:
            self._call()

    def finish(self) -> None:
        """Take no more; what is there is sent."""
        self.finished = True
        self._call()

    def close(self) -> None:
        """Take no more, and forget what was not sent."""
        self.closed = True
        self._frames.clear()
        self._call()

    async def room(self) -> None:
        """Wait until it is not crowded: for whoever can wait, as one who is told of the past."""
        while self._crowded and not self.closed:
            await self._turn()

    async def pump(self, send: Callable[[bytes], Awaitable[None]]) -> None:
        """Send what is put in, as it comes, until nothing more will."""
        while not self.closed:
            if self._frames:
                frame = self._frames[0]
                await send(frame)
                self._sent(frame)
            elif self.finished:
                self.closed = True
            else:
                await self._turn()

    def _sent(self, frame: bytes) -> None:
        if self._frames:  # not if it was closed meanwhile
            self._frames.popleft()
            self._bytes -= len(frame)
        if self._waiting and not self._crowded:
            self._call()

    @property
    def _crowded(self) -> bool:
        return len(self._frames) > CROWDED * MOST_EVENTS or self._bytes > CROWDED * MOST_BYTES

    async def _turn(self) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        await turn

    def _call(self) -> None:
        waiting, self._waiting = self._waiting, []
        for turn in waiting:
            if not turn.done():
                turn.set_result(None)
