"""Canaries: values planted in what a tenant writes, each known with the organisations that may ever read it."""

import copy
import itertools
import re
import string
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from typing import Any

SERIAL = re.compile(r"CANARY[_-](?:[A-Z0-9]{3,10}[_-])?(Q[A-Z]{3}Q)")
FIRST_NUMBER = 5_001  # beyond every count, version and number of days the world computes; within 8,784 hours

Key = str | int
Readers = frozenset[str]


def inside(value: Any) -> list[Any]:
    """Give what a JSON value holds; a text or number holds nothing."""
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def leaves(value: Any) -> Iterator[Any]:
    """Give every text and number inside a JSON value."""
    if not isinstance(value, dict | list):
        yield value
    for inner in inside(value):
        yield from leaves(inner)


def keys_of(leaf: Any) -> list[Key]:
    """Give what a value could be known by: itself, and the serials within a text."""
    if isinstance(leaf, bool) or leaf is None:
        return []
    return [leaf, *SERIAL.findall(leaf.upper())] if isinstance(leaf, str) else [leaf]


class Canaries:
    """Makes canaries, and knows who may read each."""

    def __init__(self) -> None:
        letters = itertools.product(string.ascii_uppercase, repeat=3)
        self._serials = (f"Q{''.join(three)}Q" for three in letters)
        self._numbers = itertools.count(FIRST_NUMBER)
        self._steps = itertools.count(1)
        self._readers: dict[Key, Readers] = defaultdict(frozenset)
        self._known: dict[tuple[type, Any], Readers | None] = {}
        self.planted: list[Key] = []

    def texts(self, owner: str, field: str) -> Iterator[str]:
        """Give spellings of one new text canary, until one fits the field's pattern."""
        serial = self._plant(next(self._serials))
        yield from (f"CANARY_{owner}_{serial}_{field}", f"CANARY-{owner}-{serial}", f"CANARY_{owner}_{serial}")
        yield from (f"CANARY_{serial}", f"canary-{owner}-{serial}".lower(), f"https://canary.example/CANARY_{serial}")
        yield self._plant(sha256(serial.encode()).hexdigest())

    def numbers(self) -> Iterator[int]:
        """Give one new number, then numbers that are no canary."""
        yield self._plant(next(self._numbers))
        yield from (7, 1, 0)

    def moments(self) -> Iterator[str]:
        """Give one new second in the past, later than those before, then one in the future."""
        minutes, seconds = divmod(next(self._steps), 60)
        for year in (2022, 2922):
            yield self._plant(f"{year}-08-04T{6 + minutes // 60:02}:{minutes % 60:02}:{seconds:02}+00:00")

    def days(self) -> Iterator[str]:
        """Give one new day, later than those before."""
        months, day = divmod(next(self._steps), 28)
        years, month = divmod(months, 12)
        yield self._plant(f"{2030 + years}-{month + 1:02}-{day + 1:02}")

    def _plant(self, key: Any) -> Any:
        self.planted.append(key)
        return key

    def let_read(self, key: Key, readers: Readers) -> None:
        """Note that these may read a value, besides those who might before."""
        self._readers[key] |= readers
        self._known.clear()

    def let_read_all(self, row: Mapping[str, Any], readers: Readers) -> None:
        """Note that these may read every canary in a row, besides those who might before."""
        for key in {key for leaf in leaves(row) for key in keys_of(leaf)} & self._readers.keys():
            self.let_read(key, readers)

    def copied(self) -> "Canaries":
        """Give the same, to learn more of than these know."""
        other = copy.copy(self)
        other._readers, other._known = self._readers.copy(), {}
        return other

    def known(self) -> list[tuple[Key, Readers]]:
        """Give every canary with its readers."""
        return list(self._readers.items())

    def readers(self, leaf: Any) -> Readers | None:
        """Give who may read a value; None: it is nobody's."""
        place = (type(leaf), leaf)
        if place not in self._known:
            found = [self._readers[key] for key in keys_of(leaf) if key in self._readers]
            self._known[place] = frozenset.intersection(*found) if found else None
        return self._known[place]


class Plain(Canaries):
    """Values of no meaning, for calls that only try a door; texts are never the same twice."""

    def __init__(self) -> None:
        super().__init__()
        self._count = itertools.count(1)

    def texts(self, owner: str, field: str) -> Iterator[str]:  # noqa: ARG002 - the canary's signature
        """Give spellings of one new text."""
        count = next(self._count)
        letters = "".join(string.ascii_uppercase[int(digit)] for digit in str(count))
        yield from (f"PLAIN-TEXT-{letters}", f"PLAIN_TEXT_{letters}")
        yield from (f"plain-text-{letters.lower()}", f"https://plain.example/{letters}")
        yield sha256(letters.encode()).hexdigest()

    def numbers(self) -> Iterator[int]:
        """Give small numbers."""
        yield from (7, 1, 0)

    def moments(self) -> Iterator[str]:
        """Give a moment in the past, then one in the future."""
        yield from ("2021-01-01T00:00:00+00:00", "2921-01-01T00:00:00+00:00")

    def days(self) -> Iterator[str]:
        """Give a day."""
        yield "2029-12-31"


def first_fit(candidates: Iterator[Any], fits: Callable[[Any], bool]) -> Any:
    """Give the first candidate that fits."""
    for candidate in candidates:
        if fits(candidate):
            return candidate
    raise AssertionError("no candidate fits: give tests/isolation/inputs.py a spelling for this field")
