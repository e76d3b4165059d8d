"""Rows written as JSON text, field by field, following what the nouns say of themselves."""

from typing import Any

from graphql import (
    GraphQLField,
    GraphQLObjectType,
    get_named_type,
    get_nullable_type,
    is_list_type,
    is_non_null_type,
)
from sqlalchemy import ColumnElement, and_, case, select

from api.graphql.compiled.columns import Columns
from api.graphql.compiled.given import Slots, UncompiledError
from api.graphql.compiled.pages import Page
from api.graphql.compiled.selections import Selections, name_of, node_of, told
from api.graphql.compiled.text import braced, optional, promised, quoted, spelt
from schema.kept.connection import Order
from schema.kept.relation import Relation

Details = Any


class Rows:
    """Writes objects for one operation."""

    def __init__(self, selections: Selections, slots: Slots) -> None:
        self.selections = selections
        self.slots = slots

    def object(self, kind: GraphQLObjectType, details: Details, row: Columns) -> ColumnElement[str]:
        """Return a row as the object of a type."""
        fields = self.selections.under(kind, details)
        return promised(braced((key, self._field(kind, asked, row)) for key, asked in fields.items()))

    def _field(self, kind: GraphQLObjectType, details: Details, row: Columns) -> ColumnElement[str]:
        name = name_of(details)
        if name == "__typename":
            return quoted(kind.name)
        field = kind.fields[name]
        said = told(field).metadata
        if "one" in said:
            return self._one(said["one"], field, details, row)
        if "many" in said:
            return self._many(said["many"], field, details, row)
        if "sql" in said:
            return _value(field, said["sql"](row))
        if (column := told(field).python_name) in row:
            self.slots.lasting &= column not in getattr(row.noun, "UNRECORDED", ())
            return _value(field, row.source.c[column])
        raise UncompiledError("computed in Python")

    def _one(self, relation: Relation, field: GraphQLField, details: Details, row: Columns) -> ColumnElement[str]:
        there = row.lead(relation)
        found = case((there.exists, self.object(_object_type(field), details, there)))
        return (promised if is_non_null_type(field.type) else optional)(found)

    def _many(self, relation: Relation, field: GraphQLField, details: Details, row: Columns) -> ColumnElement[str]:
        there = Columns(relation.noun, relation.noun.__table__.alias())
        pairs = relation.columns(relation.noun.__table__)
        meets = and_(*(getattr(there, by.key) == getattr(row, to.key) for by, to in pairs))
        rows = select(there.source).where(meets).correlate(row.source)
        order = Order(relation.noun, (relation.target, relation.via), relation.newest_first)
        page = Page(self, self.slots.asked(node_of(details)), rows, there, lambda _: order)
        return page.text(_object_type(field), details)


def _object_type(field: GraphQLField) -> GraphQLObjectType:
    kind = get_named_type(field.type)
    if not isinstance(kind, GraphQLObjectType):
        raise UncompiledError("an abstract type")
    return kind


def _value(field: GraphQLField, value: ColumnElement[Any]) -> ColumnElement[str]:
    many = is_list_type(get_nullable_type(field.type))
    text = spelt("String" if many else get_named_type(field.type).name, value)
    return text if is_non_null_type(field.type) else optional(text)
