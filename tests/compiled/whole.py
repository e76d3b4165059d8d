"""Documents that ask for everything: each noun by its ids, each question as it is asked; so that no field is left to chance."""

from collections.abc import Iterator
from typing import Any

from graphql import (
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    get_named_type,
    is_leaf_type,
    is_required_argument,
    parse,
    visit,
)

from api.graphql.engine import schema
from tests.compiled.documents import Sent, about_itself
from tests.compiled.material import NAMED, Material
from tests.isolation.inputs import TYPES, noun_of
from tests.isolation.selection import asked, possible_types
from tests.isolation.walk import is_answered

MOST = 40  # rows of a noun, values of an argument
BY_ID = ("node", "nodes", "_entities")


def whole(material: Material) -> Iterator[Sent]:
    """Give documents that together ask for every field."""
    for noun, ids in material.ids.items():
        if noun in TYPES:
            some = ids[:: 1 + len(ids) // MOST]
            yield _sent("query($ids: [ID!]!) { nodes(ids: $ids) { ... on %s { %s } } }", noun, {"ids": some})
            yield _sent("query($ids: ID!) { node(id: $ids) { ... on %s { %s } } }", noun, {"ids": some[0]})
    for noun in possible_types("_Entity"):
        named = [{"__typename": noun, "id": each} for each in material.ids[noun][:MOST]]
        yield _sent(
            "query($ids: [_Any!]!) { _entities(representations: $ids) { ... on %s { %s } } }", noun, {"ids": named}
        )
    for name, field in TYPES["Query"].fields.items():
        if name not in BY_ID and not about_itself(field):
            yield from _asked(name, field, material)


def _asked(name: str, field: Any, material: Material) -> Iterator[Sent]:
    needed = {argument: of for argument, of in field.args.items() if is_required_argument(of)}
    stated = ", ".join(f"${argument}: {of.type}" for argument, of in needed.items())
    passed = ", ".join(f"{argument}: ${argument}" for argument in needed)
    begins = f"query{f'({stated})' if stated else ''} {{ {name}{f'({passed})' if passed else ''}"
    kind = get_named_type(field.type)
    values = [_values(argument, of, material) for argument, of in needed.items()] or [[None]]
    for given in zip(*(each[:: 1 + len(each) // MOST] for each in values), strict=True):
        variables = {} if not needed else dict(zip(needed, given, strict=True))
        if is_leaf_type(kind):
            yield _spelt(f"{begins} }}", variables)
        else:
            yield _sent(f"{begins} {{ ... on %s {{ %s }} }} }}", kind.name, variables)


def _values(argument: str, of: Any, material: Material) -> list[Any]:
    named = get_named_type(of.type).name
    if named == "DateTime":
        return material.instants[:3]
    if named == "ID":
        return material.ids[noun_of(argument)]
    return material.named.get(NAMED.get(argument, noun_of(argument)), material.names[0])


def _sent(document: str, kind: str, variables: dict[str, Any]) -> Sent:
    """Fill a document with as much of a type as is answered."""
    spelt = (document % (kind, asked(kind, depth, 2)) for depth in (1, 0))
    return _spelt(next(filter(is_answered, spelt)), variables)


def _spelt(document: str, variables: dict[str, Any]) -> Sent:
    """Give a document with the fields it asks for."""
    info, fields = TypeInfo(schema._schema), set()

    class Noted(Visitor):
        """Notes every field."""

        def enter_field(self, node: Any, *_: Any) -> None:
            """Note one."""
            parent: Any = info.get_parent_type()
            if hasattr(parent, "fields") and not node.name.value.startswith("__"):
                fields.add((parent.name, node.name.value))

    visit(parse(document), TypeInfoVisitor(info, Noted()))
    return Sent(document, variables, None, False, lambda: variables, fields)
