"""The contracts: the public schema, printed into schema.graphql, and the subgraph's, into subgraph.graphql."""

from functools import cache
from typing import Any

from graphql import REMOVE, build_ast_schema, parse, print_schema, visit
from graphql.language import Visitor

from api.graphql.engine import schema


@cache
def subgraph() -> str:
    """Return the schema for those who compose it with others (Apollo Federation 2.11)."""
    return schema.as_str() + "\n"


@cache
def contract() -> str:
    """Return the public schema in GraphQL's own language, without what only a gateway needs."""
    return print_schema(build_ast_schema(visit(parse(subgraph()), _WithoutFederation()))) + "\n"


class _WithoutFederation(Visitor):
    """Takes away the directives, and everything whose name begins with an underscore."""

    def enter(self, node: Any, *_: Any) -> Any:
        name = node.name.value if getattr(node, "name", None) else ""
        gateway = node.kind == "directive" and name not in ("deprecated", "specifiedBy")
        return REMOVE if gateway or node.kind == "schema_definition" or name.startswith("_") else None
