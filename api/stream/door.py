"""The door: who listens stays for as long as the token is good that it came with, and no longer."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from api import metrics
from auth.tokens.standing import SignInUnavailable
from auth.tokens.verifier import Admitted, Verifier

EVERY = 1.0  # seconds between two looks; what is revoked is known 2 s later at most, so that nobody stays 5 s
MOST = 12_000  # connections, a process

Leave = Callable[[bool], None]  # whether it is known that the token is no longer good


class Door:
    """Lets listeners in, and shows them out."""

    def __init__(self, verifier: Verifier) -> None:
        self._verifier = verifier
        self._entered = 0
        self._staying: dict[Admitted, dict[Leave, None]] = {}
        self._watching: asyncio.Task[None] | None = None

    @property
    def full(self) -> bool:
        """Whether as many listen as one process can tell."""
        return self._entered >= MOST

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Count a connection for as long as a block lasts."""
        self._entered += 1
        metrics.listening(1)
        try:
            yield
        finally:
            self._entered -= 1
            metrics.listening(-1)

    @contextmanager
    def staying(self, admitted: Admitted, leave: Leave) -> Iterator[None]:
        """Have `leave` called when the token expires or is revoked, or nobody can tell, while a block lasts."""
        self._staying.setdefault(admitted, {})[leave] = None
        if self._watching is None:
            self._watching = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            self._forget(admitted, leave)

    def close(self) -> None:
        """Show everybody out: the process ends."""
        for leave in [leave for leaves in self._staying.values() for leave in leaves]:
            leave(False)

    def _forget(self, admitted: Admitted, leave: Leave) -> None:
        staying = self._staying.get(admitted, {})
        staying.pop(leave, None)
        if not staying:
            self._staying.pop(admitted, None)
        if not self._staying and self._watching:
            self._watching.cancel()
            self._watching = None

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(EVERY)
            try:
                over, known = await self._verifier.over(self._staying), True
            except SignInUnavailable:
                over, known = list(self._staying), False
            for admitted in over:
                for leave in list(self._staying.get(admitted, ())):
                    leave(known)
