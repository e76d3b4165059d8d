"""Root fields written as JSON text: what a rule asks for, any object by its id, and who is asking."""

import functools
from collections.abc import Callable
from typing import Any

from graphql import FieldNode, GraphQLField, GraphQLObjectType, get_named_type
from sqlalchemy import ARRAY, TEXT, ColumnElement, case, cast, func, literal_column, select
from strawberry.utils.str_converters import to_camel_case

from api.graphql.compiled.columns import chosen_rows, placed_rows
from api.graphql.compiled.edges import OrderOf
from api.graphql.compiled.given import AS_KNOWN_AT, Arguments, Slot, Slots, UncompiledError
from api.graphql.compiled.pages import Page
from api.graphql.compiled.rows import Rows
from api.graphql.compiled.selections import name_of, node_of, told
from api.graphql.compiled.text import NULL, listed, optional, promised, quoted
from api.graphql.nodes import MOST_ENTITIES, NOUNS, Found, Key, named, needed, referred
from api.graphql.operation import CAN, RULE, refuse_disorder
from schema.kept.connection import LARGEST_PAGE, Order
from schema.kept.question import All, One, Question
from schema.people.viewer import Viewer

Details = Any
Rule = Callable[..., Question[Any]]
Read = Callable[[Any], Found]
BESIDE = {"first", "after", AS_KNOWN_AT}


class Roots:
    """Writes the root fields of one operation."""

    def __init__(self, rows: Rows, slots: Slots) -> None:
        self._rows = rows
        self._slots = slots
        self._types = rows.selections.schema.type_map

    def text(self, root: GraphQLObjectType, details: Details) -> ColumnElement[str]:
        """Return the value of a root field."""
        name = name_of(details)
        if name == "__typename":
            return quoted(root.name)
        field = root.fields.get(name)
        if field is None or CAN not in told(field).metadata:
            raise UncompiledError("introspection")
        needs = told(field).metadata[CAN]
        self._slots.needs |= {needs} if needs else set()
        ways: dict[str, Callable[[Details], ColumnElement[str]]] = {
            "viewer": self._viewer,
            "node": self._node,
            "nodes": lambda asked: self._several(asked, "ids", named, LARGEST_PAGE),
            "_entities": lambda asked: self._several(asked, "representations", referred, MOST_ENTITIES),
        }
        if name in ways:
            return ways[name](details)
        return self._answer(field, details)

    def question(self, field: GraphQLField, details: Details) -> tuple[Question[Any], OrderOf]:
        """Return what a field's rule asks for with the arguments of the request, and the order of a page of it."""
        node, names = node_of(details), [name for name in field.args if name not in BESIDE]
        rule: Rule = told(field).metadata[RULE]
        if names:
            self._slots.asked(node).check(refuse_disorder)
        question = rule(**{python_name(field, name): self._argument(node, name) for name in names})
        return question, functools.partial(_order, question.noun, names)

    def _answer(self, field: GraphQLField, details: Details) -> ColumnElement[str]:
        question, order_of = self.question(field, details)
        kind: Any = get_named_type(field.type)
        if isinstance(question, One):
            return self._one(kind, question, details)
        if isinstance(question, All):
            return self._all(kind, question, details)
        rows = chosen_rows(question.noun, self._slots.names, question.statement)
        return Page(
            self._rows,
            self._slots.asked(node_of(details)),
            select(rows.everything).select_from(rows.ground.joined),
            rows,
            order_of,
        ).text(kind, details)

    def _one(self, kind: GraphQLObjectType, question: One[Any], details: Details) -> ColumnElement[str]:
        row = chosen_rows(question.noun, self._slots.names, question.statement.limit(1))
        return optional(self._rows.chosen(kind, details, row).scalar_subquery())

    def _all(self, kind: GraphQLObjectType, question: All[Any], details: Details) -> ColumnElement[str]:
        row = placed_rows(question.noun, self._slots.names, question.statement)
        written = self._rows.object(kind, details, row)
        place = row.place if row.ground.leads else None
        return select(listed(written, place)).select_from(row.ground.joined).scalar_subquery()

    def _argument(self, node: FieldNode, name: str) -> Any:
        asked = self._slots.asked(node)
        return None if asked.sample[name] is None else asked.bind(lambda given: given[name])

    def _viewer(self, details: Details) -> ColumnElement[str]:
        kept = Viewer.__table__.c  # type: ignore[attr-defined] # SQLModel does not tell its table
        asking = select(*(self._slots.add(read, kept[name].type).label(name) for name, read in WHO_ASKS.items()))
        kind: Any = self._types["Viewer"]
        row = chosen_rows(Viewer, self._slots.names, asking)
        return promised(self._rows.chosen(kind, details, row).scalar_subquery())

    def _node(self, details: Details) -> ColumnElement[str]:
        asked = self._slots.asked(node_of(details))
        found = named(asked.sample["id"])
        if found is None:
            return NULL
        self._slots.needs |= set(needed(found))

        def part(at: int, column: ColumnElement[Any]) -> ColumnElement[Any]:
            return asked.bind(lambda given: _parts(named(given["id"]))[at], column.type)

        return optional(self._rows.by_key(found[0], details, part))

    def _several(self, details: Details, name: str, read: Read, most: int) -> ColumnElement[str]:
        asked = self._slots.asked(node_of(details))
        asked.check(lambda given: _refuse_many(given[name], most))

        def bound(spell: Callable[[Found], str]) -> ColumnElement[Any]:
            return asked.bind(lambda given: [spell(read(each)) for each in given[name]], ARRAY(TEXT))

        ids = func.unnest(bound(_noun), bound(_key)).table_valued("noun", "key", with_ordinality="place")
        ids = ids.render_derived(name=(given := self._slots.names.next()))
        key = literal_column(f"{given}.key", TEXT)

        def part(at: int, column: ColumnElement[Any]) -> ColumnElement[Any]:
            return cast(func.split_part(key, "/", at + 1), column.type)

        found = list(filter(None, map(read, asked.sample[name])))
        self._slots.needs |= {scope for each in found for scope in needed(each)}
        nouns = sorted({noun.__name__ for noun, _ in found})
        objects = [(ids.c.noun == noun, self._rows.by_key(NOUNS[noun], details, part)) for noun in nouns]
        written = optional(case(*objects)) if objects else NULL
        return select(listed(written, ids.c.place)).select_from(ids).scalar_subquery()


def python_name(field: GraphQLField, name: str) -> str:
    """Return the name a rule gives an argument."""
    names = (str(argument.python_name) for argument in told(field).arguments)
    return next(python for python in names if to_camel_case(python) == name)


def shape_of_id(given: Any) -> str:
    """Return the noun that an id, or a representation, names: what a statement is compiled for."""
    return _noun(referred(given) if isinstance(given, dict) else named(given))


def _noun(found: Found) -> str:
    return found[0].__name__ if found else ""


def _parts(found: Found) -> Key:
    return found[1] if found else ()


def _key(found: Found) -> str:
    return "/".join(map(str, _parts(found)))


def _order(noun: Any, names: list[str], given: Arguments) -> Order:
    return Order(noun, tuple(given[name] for name in names))


def _refuse_many(given: list[Any], most: int) -> None:
    if len(given) > most:
        raise UncompiledError("refused")


WHO_ASKS: dict[str, Slot] = {
    "tenant_ods": lambda given: given.caller.tenant_ods,
    "kind": lambda given: given.caller.kind.name,
    "subject": lambda given: given.caller.subject,
    "scopes": lambda given: sorted(given.caller.scopes),
    "roles": lambda given: sorted(given.caller.roles),
}
