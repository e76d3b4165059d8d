"""Relations followed on the executor's path: one statement for all rows of a level, as the caller."""

import asyncio
import functools
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from sqlalchemy import func, tuple_
from sqlalchemy import select as columns
from sqlalchemy.orm import aliased
from sqlmodel import select
from strawberry.dataloader import DataLoader

from auth.statements import view_of
from auth.tenancy import Transaction
from schema.kept.connection import LARGEST_COUNT, Connection, Order, page_size
from schema.kept.node import Node
from schema.kept.relation import Relation

Key = tuple[Any, ...]
Load = Callable[[list[Key]], Awaitable[Sequence[Any]]]


class RowReader:
    """Follows relations for one request; rows asked for in the same turn share a statement."""

    def __init__(self, db: Transaction) -> None:
        self._db = db
        self._loaders: dict[Key, DataLoader[Key, Any]] = {}

    def db_of(self, row: Any) -> Transaction:
        """Return the view of the transaction that a row was read in: now, or as known at an instant."""
        return view_of(row) or self._db

    async def one(self, relation: Relation, row: Any) -> Any:
        """Return the row the relation points to, None when the caller may not see it."""
        pairs = relation.columns(row.__table__)
        key = tuple(getattr(row, referring.key) for referring, _ in pairs)
        if None in key:
            return None
        referred = [column for _, column in pairs]
        db = self.db_of(row)
        load = functools.partial(_rows, db, relation.noun, referred)
        return await self._loaded((db, "one", relation), load, key)

    async def many(self, relation: Relation, row: Any, first: int, after: str | None) -> Connection[Any]:
        """Return a page of the rows that point back."""
        size = page_size(first)
        pairs = relation.columns(relation.noun.__table__)
        key = tuple(getattr(row, referred.key) for _, referred in pairs)
        order = Order(relation.noun, (relation.target, relation.via), relation.newest_first)
        referring, db = [column for column, _ in pairs], self.db_of(row)
        shown = functools.partial(_pages, db, order, referring, size, after)
        counted = functools.partial(_counts, db, referring)

        async def count() -> int:
            return int(await self._loaded((db, "count", relation), counted, key))

        return order.page(await self._loaded((db, "many", relation, size, after), shown, key), size, after, count)

    async def node(self, noun: type[Node], key: Key, db: Transaction | None = None) -> Any:
        """Return a row by its noun's own key."""
        db, order = db or self._db, Order(noun, ())
        return await self._loaded((db, "node", noun), functools.partial(_rows, db, noun, order.columns), key)

    async def _loaded(self, name: Key, load: Load, key: Key) -> Any:
        """Load with all others that ask alike; a field that is given up takes nothing from them."""
        if name not in self._loaders:
            self._loaders[name] = DataLoader(load_fn=load)
        return await asyncio.shield(self._loaders[name].load(key))


async def _rows(db: Transaction, noun: Any, referred: list[Any], keys: list[Key]) -> list[Any]:
    found = await db.all(select(noun).where(tuple_(*referred).in_(keys)))
    by_key = {tuple(getattr(row, column.key) for column in referred): row for row in found}
    return [by_key.get(key) for key in keys]


async def _pages(  # noqa: PLR0913, PLR0917 - all but the keys are bound before
    db: Transaction, order: Order, referring: list[Any], size: int, after: str | None, keys: list[Key]
) -> list[list[Any]]:
    place = func.row_number().over(partition_by=referring, order_by=order.by()).label("place_in_list")
    ranked = columns(order.noun, place).where(tuple_(*referring).in_(keys), *order.beyond(after)).subquery()
    shown = aliased(order.noun, ranked)
    found = await db.all(select(shown).where(ranked.c.place_in_list <= size + 1).order_by(ranked.c.place_in_list))
    pages: dict[Key, list[Any]] = {key: [] for key in keys}
    for row in found:
        pages[tuple(getattr(row, column.key) for column in referring)].append(row)
    return [pages[key] for key in keys]


async def _counts(db: Transaction, referring: list[Any], keys: list[Key]) -> list[int]:
    counted = columns(*referring, func.least(func.count(), LARGEST_COUNT))
    rows = await db.rows(counted.where(tuple_(*referring).in_(keys)).group_by(*referring))
    by_key: dict[Key, int] = {tuple(row[:-1]): row[-1] for row in rows}
    return [by_key.get(key, 0) for key in keys]
