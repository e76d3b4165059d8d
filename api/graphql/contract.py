"""The public contract: the schema as it is printed into schema.graphql."""

from functools import cache

from api.graphql.engine import schema


@cache
def contract() -> str:
    """Return the schema in GraphQL's own language, the same on every machine."""
    return schema.as_str() + "\n"
