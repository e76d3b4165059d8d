"""What is asked of an object: every leaf, and every leaf of what it leads to, as deep as is said."""

from functools import cache
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLField,
    GraphQLObjectType,
    get_named_type,
    is_abstract_type,
    is_leaf_type,
    is_required_argument,
)

from api.graphql.engine import schema
from tests.isolation.inputs import TYPES

EVER = '"2000-01-01T00:00:00Z"'
KEYED = "__of_"
SAID = ("message", "nextStep", "path", "code")  # of every problem, and the same
CONNECTION = {"edges", "nodes", "pageInfo", "totalCount"}


@cache
def asked(type_name: str, depth: int, first: int) -> str:
    """Give the selection of an object type: its leaves, then objects and pages of `first` rows, `depth` levels down."""
    kind = TYPES[type_name]
    if is_abstract_type(kind):
        return _each_possible(type_name, depth, first)
    assert isinstance(kind, GraphQLObjectType)
    if set(kind.fields) >= CONNECTION:
        return _page(kind, depth, first)
    parts = [_field(name, field, depth, first) for name, field in kind.fields.items()]
    return " ".join(("__typename", *filter(None, parts)))


def times(field: GraphQLField) -> str:
    """Give the instants that a question must be asked with: of all that ever was."""
    needed = [name for name, argument in field.args.items() if is_required_argument(argument) and _is_time(argument)]
    return "".join(f"{name}: {EVER}, " for name in needed)


def _is_time(argument: GraphQLArgument) -> bool:
    return get_named_type(argument.type).name == "DateTime"


def needs_nothing(field: GraphQLField) -> bool:
    """Tell whether a question can be asked without saying anything but when."""
    return not any(is_required_argument(argument) and not _is_time(argument) for argument in field.args.values())


def id_of(type_name: str) -> str:
    """Give how a row tells its id, or that of the object it is about; some are told with another's and have none."""
    fields = TYPES[type_name].fields
    return "id" if "id" in fields else "id: objectId" if "objectId" in fields else "__typename"


def _field(name: str, field: GraphQLField, depth: int, first: int) -> str:
    if any(is_required_argument(argument) for argument in field.args.values()):
        return ""  # has positions of its own: it is called with every id there
    named = get_named_type(field.type)
    if is_leaf_type(named):
        return name
    if depth == 0 and named.name not in ("PageInfo", "FieldError"):
        return ""
    pages = f"(first: {first})" if "first" in field.args else ""
    return f"{name}{pages} {{ {asked(named.name, depth - 1 if depth else 0, first)} }}"


def _page(kind: GraphQLObjectType, depth: int, first: int) -> str:
    row = get_named_type(kind.fields["nodes"].type).name
    rest = [_field(name, field, 1, first) for name, field in kind.fields.items() if name not in ("edges", "nodes")]
    return (
        f"__typename {' '.join(rest)} edges {{ __typename cursor node {{ __typename {id_of(row)} }} }} "
        f"nodes {{ {asked(row, depth, first)} }}"
    )


def _each_possible(type_name: str, depth: int, first: int) -> str:
    possible = possible_types(type_name)
    return "__typename " + " ".join(f"... on {name} {{ {_apart(name, possible, depth, first)} }}" for name in possible)


def _apart(name: str, beside: list[str], depth: int, first: int) -> str:
    """Give what is asked of one of several types; a problem's field that another names as well, under another key."""
    if "Problem" not in [each.name for each in TYPES[name].interfaces]:
        return asked(name, depth, first)
    others = {field for other in beside if other != name for field in TYPES[other].fields}
    parts = ["__typename"]
    for field, of in TYPES[name].fields.items():
        text = _field(field, of, depth, first)
        parts.append(f"{field}{KEYED}{name}: {text}" if field in others and field not in SAID else text)
    return " ".join(parts)


def field_of(key: str) -> str:
    """Give the field that is asked under a key."""
    return key if key.startswith("__") else key.partition(KEYED)[0]


@cache
def possible_types(type_name: str) -> list[str]:
    """Give the object types that a type's values may have."""
    kind: Any = TYPES[type_name]
    return [each.name for each in schema._schema.get_possible_types(kind)] if is_abstract_type(kind) else [type_name]
