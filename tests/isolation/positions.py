"""Every place in the schema where a client can put an id, a reference, a code or a cursor."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from graphql import GraphQLInputObjectType, GraphQLList, GraphQLNonNull, GraphQLObjectType, get_named_type

from schema.kept.node import read_global_id
from tests.isolation.inputs import TYPES

ID_BEARING = ("ID", "String", "_Any")


@dataclass(frozen=True)
class Position:
    """An argument of a field, or a field inside an input object in one."""

    type: str
    field: str
    path: tuple[str, ...]
    holds: str

    @property
    def is_cursor(self) -> bool:
        """Whether it takes a place in a list."""
        return self.path[-1] in ("after", "before")

    @property
    def argument(self) -> Any:
        """The GraphQL argument."""
        return TYPES[self.type].fields[self.field].args[self.path[0]]

    def value(self, given: str) -> Any:
        """Give the argument's value that holds this at the position, where it is no input object."""
        assert len(self.path) == 1, f"questions take no input objects yet: {self}"
        return _nested(self.argument.type, _representation(given) if self.holds == "_Any" else given)

    def __str__(self) -> str:
        return f"{self.type}.{self.field}({'.'.join(self.path)})"


def _representation(id_: str) -> dict[str, str]:
    """Give how another graph refers to what an id names."""
    noun, key = read_global_id(id_) or ("Organisation", id_)
    return {"__typename": noun, "odsCode": key} if noun == "Organisation" else {"__typename": noun, "id": id_}


def _nested(kind: Any, given: Any) -> Any:
    if isinstance(kind, GraphQLNonNull):
        return _nested(kind.of_type, given)
    return [_nested(kind.of_type, given)] if isinstance(kind, GraphQLList) else given


def positions() -> list[Position]:
    """Give every position of the schema but those of subscriptions, which test_subscriptions.py asks."""
    found = []
    for name, kind in TYPES.items():
        if isinstance(kind, GraphQLObjectType) and not name.startswith("__") and name != "Subscription":
            for field, of in kind.fields.items():
                for argument, taken in of.args.items():
                    found += [Position(name, field, path, holds) for path, holds in _within(argument, taken.type, ())]
    return found


def _within(name: str, kind: Any, above: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    named = get_named_type(kind)
    path = (*above, name)
    assert len(path) < 8, f"an input object that holds itself: {path}"
    if isinstance(named, GraphQLInputObjectType):
        for field, of in named.fields.items():
            yield from _within(field, of.type, path)
    elif named.name in ID_BEARING:
        yield path, named.name
