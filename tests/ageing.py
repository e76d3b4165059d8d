"""Times in parameters: they are written when tests are collected, and moved on to when each test runs."""

import time
from typing import Any

COLLECTED = int(time.time())
_NEAR = 400_000_000  # seconds: what is further away was not meant as a time near now


def as_of_now(claims: dict[str, Any]) -> dict[str, Any]:
    """Give claims with every time in them as it would be written now."""
    return {name: moved(value) for name, value in claims.items()}


def moved(value: Any) -> Any:
    """Give a time, spelt as it may be, as it would be written now; anything else as it is."""
    passed = int(time.time()) - COLLECTED
    if isinstance(value, str) and value.isdecimal():
        return str(moved(int(value)))
    timely = isinstance(value, int | float) and not isinstance(value, bool) and abs(value - COLLECTED) < _NEAR
    return value + passed if timely else value
