"""Relay connections with keyset cursors: a page never shifts under its reader."""

import base64
import binascii
import hashlib
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

import strawberry

DEFAULT_PAGE = 50
LARGEST_PAGE = 200
LARGEST_COUNT = 10_000

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


class Cursors:
    """The cursors of one connection, bound to its order and filter."""

    def __init__(self, *binding: object) -> None:
        self._tag = hashlib.sha256(repr(binding).encode()).hexdigest()[:8]

    def write(self, key: Sequence[str]) -> str:
        """Return the cursor that stands on the row with this key."""
        return base64.urlsafe_b64encode(json.dumps([self._tag, *key]).encode()).decode().rstrip("=")

    def read(self, cursor: str | None) -> list[str] | None:
        """Return the key a cursor stands on, None at the start."""
        if cursor is None:
            return None
        try:
            parts: list[str] = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        except (binascii.Error, ValueError) as error:
            raise BadCursorError from error
        if (
            not isinstance(parts, list)
            or parts[:1] != [self._tag]
            or not all(isinstance(p, str) for p in parts)
        ):
            raise BadCursorError
        return parts[1:]


def page_size(first: int | None) -> int:
    """Return the rows to show: 50 unless told, at most 200."""
    size = DEFAULT_PAGE if first is None else first
    if not 0 <= size <= LARGEST_PAGE:
        raise BadPageError
    return size


def page(
    rows: Sequence[T],
    first: int,
    after: str | None,
    cursor: Callable[[T], str],
    count: Callable[[], Awaitable[int]],
) -> Connection[T]:
    """Return the connection over rows fetched one beyond the page."""
    edges = [Edge(cursor=cursor(row), node=row) for row in rows[:first]]
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
