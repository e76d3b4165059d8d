"""Relations between nouns, said once: `one(...)` follows a foreign key, `many(...)` comes back along it."""

import functools
import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, Protocol

import strawberry
from sqlalchemy import Column, Table
from strawberry import pydantic as sp

from schema.kept.connection import DEFAULT_PAGE, Connection


@dataclass(frozen=True)
class Relation:
    """A relation from one noun to another, along the foreign key that contains `via`.

    `carried`: columns of the row there, and where this row holds the same; whoever sees this row sees that one too.
    """

    target: str
    via: str
    newest_first: bool = False
    carried: tuple[tuple[str, str], ...] = ()

    @functools.cached_property
    def noun(self) -> Any:
        """The class at the other end."""
        module, name = self.target.rsplit(".", 1)
        return getattr(importlib.import_module(module), name)

    def columns(self, table: Table) -> list[tuple[Column[Any], Column[Any]]]:
        """Return the pairs (referring column, referred column) of the foreign key in `table`."""
        (constraint,) = (key for key in table.foreign_key_constraints if key.column_keys[-1] == self.via)
        return [(element.parent, element.column) for element in constraint.elements]


class Reader(Protocol):
    """What follows relations for a request: batched, in the caller's transaction."""

    async def one(self, relation: Relation, row: Any) -> Any:
        """Return the row the relation points to, None when the caller may not see it."""

    async def many(self, relation: Relation, row: Any, first: int, after: str | None) -> Connection[Any]:
        """Return a page of the rows that point back."""


def one(
    target: str,
    via: str,
    *,
    description: str | None,
    optional: bool = False,
    carried: Mapping[str, str] = MappingProxyType({}),
) -> Any:
    """Return the field that follows the foreign key ending in column `via`."""
    relation = Relation(target, via, carried=tuple(carried.items()))
    module, name = target.rsplit(".", 1)
    lazy: Any = Annotated[name, strawberry.lazy(module)]

    async def resolve(self: Any, info: strawberry.Info) -> Any:
        return await info.context.reader.one(relation, self)

    return sp.field(
        resolve,
        description=description,
        metadata={"one": relation},
        graphql_type=lazy | None if optional else lazy,
    )


def many(target: str, via: str, *, description: str, newest_first: bool = False) -> Any:
    """Return the connection of rows whose foreign key ending in column `via` points here."""
    relation = Relation(target, via, newest_first)
    module, name = target.rsplit(".", 1)
    lazy: Any = Annotated[name, strawberry.lazy(module)]

    async def resolve(self: Any, info: strawberry.Info, first: int = DEFAULT_PAGE, after: str | None = None) -> Any:
        return await info.context.reader.many(relation, self, first, after)

    return sp.field(resolve, description=description, metadata={"many": relation}, graphql_type=Connection[lazy])
