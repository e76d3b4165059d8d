"""What a long count shows of itself: nothing for a second, and nothing where nobody watches."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console

T = TypeVar("T")

PATIENCE = 1.0  # seconds before a person wonders
STEP = 1000


@contextmanager
def counting(unit: str) -> Iterator[Callable[[int], None]]:
    """Give a function that shows on standard error how far we are."""
    console = Console(stderr=True)
    status, began = console.status(""), time.monotonic()

    def say(count: int) -> None:
        if console.is_terminal and time.monotonic() - began > PATIENCE:
            status.start()
            status.update(f"{count:,} {unit}")

    try:
        yield say
    finally:
        status.stop()


def counted(items: Iterable[T], say: Callable[[int], None]) -> Iterator[T]:
    """Give the items on, saying every thousand how many."""
    for number, item in enumerate(items, 1):
        if number % STEP == 0:
            say(number)
        yield item
