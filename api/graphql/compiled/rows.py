"""Rows written as JSON text, field by field, following what the nouns say of themselves."""

from collections.abc import Callable
from typing import Any

from graphql import (
    GraphQLField,
    GraphQLObjectType,
    get_named_type,
    get_nullable_type,
    is_list_type,
    is_non_null_type,
)
from sqlalchemy import Boolean, ColumnElement, Select, and_, case, select

from api.graphql.compiled.columns import Columns, kept_rows
from api.graphql.compiled.given import Slots, UncompiledError
from api.graphql.compiled.pages import Page
from api.graphql.compiled.selections import Selections, name_of, node_of, told
from api.graphql.compiled.text import braced, optional, promised, quoted, spelt
from api.graphql.operation import may
from schema.kept.connection import Order
from schema.kept.relation import Relation

Details = Any
Part = Callable[[int, ColumnElement[Any]], ColumnElement[Any]]


class Rows:
    """Writes objects for one operation."""

    def __init__(self, selections: Selections, slots: Slots) -> None:
        self.selections = selections
        self.slots = slots

    def object(self, kind: GraphQLObjectType, details: Details, row: Columns) -> ColumnElement[str]:
        """Return a row as the object of a type."""
        fields = self.selections.under(kind, details)
        self.slots.count(row.noun.__table__.info.get("view", 0))
        return promised(braced((key, self._field(kind, asked, row)) for key, asked in fields.items()))

    def chosen(self, kind: GraphQLObjectType, details: Details, row: Columns) -> Select[Any]:
        """Return the statement that answers the objects of rows."""
        written = self.object(kind, details, row)  # first: it joins what its relations lead to
        return select(written).select_from(row.ground.joined)

    def by_key(self, noun: Any, details: Details, part: Part) -> ColumnElement[Any]:
        """Return the object of a noun whose key has these parts, NULL where the caller may see none."""
        row = kept_rows(noun, self.slots.names)
        meets = [column == part(at, column) for at, column in enumerate(row.key)]
        kind: Any = self.selections.schema.type_map[noun.__name__]
        return self.chosen(kind, details, row).where(*meets).scalar_subquery()

    def _field(self, kind: GraphQLObjectType, details: Details, row: Columns) -> ColumnElement[str]:
        name = name_of(details)
        self.slots.count()
        if name == "__typename":
            return quoted(kind.name)
        field = kind.fields[name]
        said = told(field).metadata
        for leads, write in (("one", self._one), ("many", self._many), ("may", self._may)):
            if leads in said:
                return write(said[leads], field, details, row)
        column = told(field).python_name
        self.slots.lasting &= column not in getattr(row.noun, "UNRECORDED", ())
        if "sql" in said:
            return _value(field, said["sql"](row))
        if column in row:
            return _value(field, row[column])
        raise UncompiledError("computed in Python")

    def _one(self, relation: Relation, field: GraphQLField, details: Details, row: Columns) -> ColumnElement[str]:
        there = row.lead(relation)
        found = case((there.exists, self.object(_object_type(field), details, there)))
        return (promised if is_non_null_type(field.type) else optional)(found)

    def _many(self, relation: Relation, field: GraphQLField, details: Details, row: Columns) -> ColumnElement[str]:
        there = kept_rows(relation.noun, self.slots.names)
        pairs = relation.columns(relation.noun.__table__)
        meets = and_(*(there[by.key] == row[to.key] for by, to in pairs))
        rows = select(there.everything).select_from(there.ground.joined).where(meets)
        order = Order(relation.noun, (relation.target, relation.via), relation.newest_first)
        page = Page(self, self.slots.asked(node_of(details)), rows, there, lambda _: order)
        return page.text(_object_type(field), details)

    def _may(self, argument: str, field: GraphQLField, details: Details, _: Columns) -> ColumnElement[str]:
        """Return what the caller's token says, of no row."""
        schema, node = self.selections.schema, node_of(details)
        return _value(field, self.slots.add(lambda given: may(schema, given.caller, given.of(node)[argument]), Boolean))


def _object_type(field: GraphQLField) -> GraphQLObjectType:
    kind = get_named_type(field.type)
    if not isinstance(kind, GraphQLObjectType):
        raise UncompiledError("an abstract type")
    return kind


def _value(field: GraphQLField, value: ColumnElement[Any]) -> ColumnElement[str]:
    many = is_list_type(get_nullable_type(field.type))
    text = spelt("String" if many else get_named_type(field.type).name, value)
    return text if is_non_null_type(field.type) else optional(text)
