"""Connections written as JSON text: one page of rows, its cursors, and the count of the whole."""

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from graphql import GraphQLObjectType, get_named_type
from sqlalchemy import TEXT, ColumnElement, Integer, Select, cast, func, literal_column, select

from api.graphql.compiled.columns import Columns, placed_rows
from api.graphql.compiled.edges import Edge, OrderOf
from api.graphql.compiled.given import Arguments, Asked
from api.graphql.compiled.selections import name_of
from api.graphql.compiled.text import braced, joined, listed, optional, quoted
from schema.kept.connection import LARGEST_COUNT, page_size

if TYPE_CHECKING:
    from api.graphql.compiled.rows import Rows

Details = Any
LISTS = {"edges", "nodes"}


class Page:
    """One page of a connection: `rows` selects the whole of it, from `there`."""

    def __init__(
        self,
        writer: "Rows",
        asked: Asked,
        rows: Select[Any],
        there: Columns,
        order_of: OrderOf,
    ) -> None:
        self._writer = writer
        self._asked = asked
        self._rows = rows
        self._there = there
        self._order_of = order_of
        self._order = order_of(asked.sample)
        self._looks_beyond = self._lists_twice = False
        asked.check(functools.partial(_refuse, order_of))

    def text(self, kind: GraphQLObjectType, details: Details) -> ColumnElement[str]:
        """Return the connection as its type."""
        fields = self._writer.selections.under(kind, details)
        names = list(map(name_of, fields.values()))
        self._looks_beyond = "pageInfo" in names
        self._lists_twice = sum(name in LISTS for name in names) > 1  # what the second leads to joins the first
        text = select(braced((key, self._field(kind, asked)) for key, asked in fields.items()))
        shows_rows = "_row" in vars(self)
        return (text.select_from(self._row.ground.joined) if shows_rows else text).scalar_subquery()

    def _field(self, kind: GraphQLObjectType, details: Details) -> ColumnElement[str]:
        name = name_of(details)
        if name == "__typename":
            return quoted(kind.name)
        if name == "totalCount":
            return self._total()
        inside: Any = get_named_type(kind.fields[name].type)
        if name == "pageInfo":
            return self._page_info(inside, details)
        on_page = (self._row.place <= self._first,) if self._looks_beyond else ()
        if name == "edges":
            written = self._edge.text(inside, details)
        else:
            written = self._writer.object(inside, details, self._row)
        joined_up = self._lists_twice or self._row.ground.leads
        return listed(written, self._row.place if joined_up else None, *on_page)

    def _page_info(self, kind: GraphQLObjectType, details: Details) -> ColumnElement[str]:
        written_as: dict[str, Callable[[], ColumnElement[str]]] = {
            "__typename": lambda: quoted(kind.name),
            "hasNextPage": lambda: cast(func.count(self._row.place) > self._first, TEXT),
            "hasPreviousPage": lambda: joined(["true" if self._asked.sample["after"] is not None else "false"]),
            "startCursor": lambda: self._cursor_at(literal_column("1", Integer)),
            "endCursor": lambda: self._cursor_at(func.least(self._first, self._row.found)),
        }
        fields = self._writer.selections.under(kind, details)
        return braced((key, written_as[name_of(asked)]()) for key, asked in fields.items())

    def _cursor_at(self, place: ColumnElement[int]) -> ColumnElement[str]:
        found = func.min(quoted(self._edge.cursor)).filter(self._row.place == place, place <= self._first)
        return optional(found)

    def _total(self) -> ColumnElement[str]:
        counted = (
            self._rows.with_only_columns(literal_column("1"), maintain_column_froms=True)
            .limit(LARGEST_COUNT)
            .subquery()
        )
        return cast(select(func.count()).select_from(counted).scalar_subquery(), TEXT)

    @functools.cached_property
    def _first(self) -> ColumnElement[int]:
        return self._asked.bind(lambda given: page_size(given["first"]), Integer)

    @functools.cached_property
    def _row(self) -> Columns:
        """The rows of the page, each with its place, and one beyond where it matters whether there is one."""
        beyond = [] if self._asked.sample["after"] is None else [self._past()]
        more = int(self._looks_beyond)
        most = self._asked.bind(lambda given: page_size(given["first"]) + more, Integer)
        page = self._rows.where(*beyond).order_by(*self._order.by(self._there)).limit(most)
        return placed_rows(self._there.noun, self._there.ground.names, page)

    @functools.cached_property
    def _edge(self) -> Edge:
        return Edge(self._writer, self._asked, self._order_of, self._row)

    def _past(self) -> Any:
        place = [
            self._asked.bind(functools.partial(_place, self._order_of, at), column.type)
            for at, column in enumerate(self._there.key)
        ]
        return self._order.past(self._there, place)


# What a plan keeps for each request stands apart from the page, whose expressions are needed once.


def _refuse(order_of: OrderOf, given: Arguments) -> None:
    """Raise what the executor raises, whether or not the rows are asked for."""
    page_size(given["first"])
    if given["after"] is not None:
        order_of(given).place(given["after"])


def _place(order_of: OrderOf, at: int, given: Arguments) -> Any:
    return order_of(given).place(given["after"])[at]
