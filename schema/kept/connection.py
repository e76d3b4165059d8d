"""Relay connections with keyset cursors: a page never shifts under its reader."""

import base64
import binascii
import functools
import hashlib
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import strawberry
from sqlalchemy import TypeDecorator, tuple_

DEFAULT_PAGE = 50
LARGEST_PAGE = 200
LARGEST_COUNT = 10_000
LARGEST_INTEGER = 2**63 - 1

T = TypeVar("T")


class BadCursorError(ValueError):
    """A cursor that is not ours, or that belongs to another order or filter."""


class BadPageError(ValueError):
    """A page size outside 0 to 200."""


@strawberry.type(description="Where a page stands in its connection (Relay).")
class PageInfo:
    """Where a page stands in its connection."""

    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


@strawberry.type(description="One row of a page, with the cursor to go on after it.")
class Edge(Generic[T]):
    """One row of a page."""

    cursor: str
    node: T


@strawberry.type(description="A page of rows in a fixed order.")
class Connection(Generic[T]):
    """A page of rows in a fixed order."""

    edges: list[Edge[T]]
    page_info: PageInfo
    count: strawberry.Private[Callable[[], Awaitable[int]]]

    @strawberry.field(description="The rows without their cursors.")
    def nodes(self) -> list[T]:
        """Return the rows without their cursors."""
        return [edge.node for edge in self.edges]

    @strawberry.field(description=f"Rows in the whole connection, counted up to {LARGEST_COUNT:,}.")
    async def total_count(self) -> int:
        """Return how many rows the whole connection has."""
        return await self.count()


@dataclass(frozen=True)
class Order:
    """The order and filter of one connection, with its cursors: opaque, and refused anywhere else."""

    noun: Any
    binding: tuple[object, ...]
    descending: bool = False

    @functools.cached_property
    def columns(self) -> list[Any]:
        """The columns that order the rows, unique together."""
        return self.key_of(self.noun.__table__)

    def key_of(self, source: Any) -> list[Any]:
        """Return the ordering columns of rows of this noun, wherever they come from."""
        return [source.c[name] for name in self.noun.ORDER]

    def by(self, source: Any = None) -> list[Any]:
        """Return the ORDER BY of the connection."""
        columns = self.columns if source is None else self.key_of(source)
        return [column.desc() if self.descending else column.asc() for column in columns]

    def beyond(self, cursor: str | None, source: Any = None) -> list[Any]:
        """Return the WHERE that leaves the rows after a cursor; nothing at the start."""
        rows = self.noun.__table__ if source is None else source
        return [] if cursor is None else [self.past(rows, self.place(cursor))]

    def past(self, source: Any, place: Sequence[Any]) -> Any:
        """Return the condition that a row stands after a place, given by the values of the ordering columns."""
        here, there = tuple_(*self.key_of(source)), tuple_(*place)
        return here < there if self.descending else here > there

    def place(self, cursor: str) -> tuple[Any, ...]:
        """Return the place a cursor of ours stands on."""
        try:
            return self.key(self._read(cursor))
        except ValueError as error:
            raise BadCursorError from error

    def key(self, parts: Sequence[str]) -> tuple[Any, ...]:
        """Return the values of the ordering columns from their spelling; ValueError when they are none."""
        key = tuple(_python_type(column)(part) for column, part in zip(self.columns, parts, strict=True))
        if any(isinstance(value, int) and abs(value) > LARGEST_INTEGER for value in key):
            raise ValueError("beyond 64 bits")
        if any(isinstance(value, str) and not value.isprintable() for value in key):
            raise ValueError("not printable")
        return key

    def cursor(self, row: Any) -> str:
        """Return the cursor that stands on this row."""
        return self.spelt([str(getattr(row, name)) for name in self.noun.ORDER])

    def spelt(self, place: Sequence[str]) -> str:
        """Return the cursor that stands on a place, given by the spelling of the ordering columns' values."""
        return base64.urlsafe_b64encode(json.dumps([self.tag, *place]).encode()).decode().rstrip("=")

    def page(
        self, rows: Sequence[Any], first: int, after: str | None, count: Callable[[], Awaitable[int]]
    ) -> Connection[Any]:
        """Return the connection over rows that were fetched one beyond the page."""
        edges = [Edge(cursor=self.cursor(row), node=row) for row in rows[:first]]
        return Connection(
            edges=edges,
            page_info=PageInfo(
                has_next_page=len(rows) > first,
                has_previous_page=after is not None,
                start_cursor=edges[0].cursor if edges else None,
                end_cursor=edges[-1].cursor if edges else None,
            ),
            count=count,
        )

    @functools.cached_property
    def tag(self) -> str:
        """What tells cursors of this order and filter from all others."""
        told = repr((self.noun.__name__, self.binding, self.descending))
        return hashlib.sha256(told.encode()).hexdigest()[:8]

    def _read(self, cursor: str) -> list[str]:
        try:
            parts: list[str] = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        except (binascii.Error, ValueError) as error:
            raise BadCursorError from error
        if not isinstance(parts, list) or parts[:1] != [self.tag] or not all(isinstance(p, str) for p in parts):
            raise BadCursorError
        return parts[1:]


def _python_type(column: Any) -> type[Any]:
    kind: Any = column.type.impl_instance if isinstance(column.type, TypeDecorator) else column.type
    python_type: type[Any] = kind.python_type
    return python_type


def page_size(first: int) -> int:
    """Return the rows to show, 0 to 200."""
    if not 0 <= first <= LARGEST_PAGE:
        raise BadPageError
    return first
