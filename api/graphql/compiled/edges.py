"""Edges written as JSON text: a row, and the cursor that stands on it."""

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from graphql import GraphQLObjectType, get_named_type
from sqlalchemy import TEXT, ColumnElement, cast

from api.graphql.compiled.columns import Columns
from api.graphql.compiled.given import Arguments, Asked
from api.graphql.compiled.selections import name_of
from api.graphql.compiled.text import braced, joined, quoted
from schema.kept.connection import Order
from schema.kept.node import base64_url

if TYPE_CHECKING:
    from api.graphql.compiled.rows import Rows

Details = Any
OrderOf = Callable[[Arguments], Order]


class Edge:
    """A row of a list in this order, with its cursor."""

    def __init__(self, writer: "Rows", asked: Asked, order_of: OrderOf, row: Columns) -> None:
        self._writer = writer
        self._asked = asked
        self._order_of = order_of
        self._row = row

    def text(self, kind: GraphQLObjectType, details: Details) -> ColumnElement[str]:
        """Return the edge as its type."""
        fields = self._writer.selections.under(kind, details)
        return braced((key, self._field(kind, asked)) for key, asked in fields.items())

    def _field(self, kind: GraphQLObjectType, details: Details) -> ColumnElement[str]:
        name = name_of(details)
        if name == "cursor":
            return quoted(self.cursor)
        if name == "node":
            return self._writer.object(get_named_type(kind.fields[name].type), details, self._row)
        return quoted(kind.name)

    @functools.cached_property
    def cursor(self) -> ColumnElement[str]:
        """The cursor that stands on the row."""
        tag = self._asked.bind(functools.partial(_tag, self._order_of), TEXT)
        place = [piece for column in self._row.key for piece in ('", "', cast(column, TEXT))]
        return base64_url(joined(['["', tag, *place, '"]']))


def _tag(order_of: OrderOf, given: Arguments) -> str:
    """Return what a plan binds for each request; apart from the edge, whose expressions are needed once."""
    return order_of(given).tag
