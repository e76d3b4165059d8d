"""A request's session as its caller, and its DataLoaders."""

import asyncio
import functools
import os
import uuid
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from kept import Milestone, MilestoneForecast, Organisation, System, TestReport
from sqlalchemy import ARRAY, Uuid, any_, bindparam, func, text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.orm import aliased
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession
from strawberry.dataloader import DataLoader

ENTER = text(
    "select set_config('app.tenant', :tenant, true), set_config('app.region', "
    "coalesce((select region_ods from organisation where ods_code = :tenant), ''), true)"
)
Asked = tuple[uuid.UUID, int]


@functools.cache
def engine(role: str) -> AsyncEngine:
    """Return the pool whose connections hold this role."""
    url = make_url(os.environ["DATABASE_URL"]).set(drivername="postgresql+asyncpg")  # noqa: TID251 - no setting of ours
    settings = {"role": role, "timezone": "UTC"}
    return create_async_engine(url, pool_size=8, max_overflow=0, connect_args={"server_settings": settings})


class Asking:
    """One transaction as one caller."""

    def __init__(self, role: str, tenant: str) -> None:
        self.session = AsyncSession(engine(role), expire_on_commit=False)
        self.tenant = tenant
        self._turn = asyncio.Lock()  # a session runs one statement at a time; loaders ask at once
        self._entered = False
        self.organisation = DataLoader(self._by(Organisation, "ods_code"))
        self.system = DataLoader(self._by(System, "id"))
        self.report = DataLoader(self._by(TestReport, "id"))
        self.milestones = DataLoader(self._pages(Milestone, "system_id"))
        self.forecasts = DataLoader(self._pages(MilestoneForecast, "milestone_id"))

    async def rows(self, statement: Any) -> Sequence[Any]:
        """Return the rows of a statement."""
        async with self._turn:
            if not self._entered:
                await self.session.exec(ENTER, params={"tenant": self.tenant})
                self._entered = True
            return (await self.session.exec(statement)).all()

    async def keep(self, *rows: Any) -> None:
        """Write rows, new and changed, and commit."""
        self.session.add_all(rows)
        await self.session.commit()

    def _by(self, noun: Any, name: str) -> Callable[[list[Any]], Awaitable[list[Any]]]:
        column = col(getattr(noun, name))

        async def load(keys: list[Any]) -> list[Any]:
            found = await self.rows(select(noun).where(column == any_(_array(keys, column))))
            rows = {getattr(row, name): row for row in found}
            return [rows.get(key) for key in keys]

        return load

    def _pages(self, noun: Any, parent: str) -> Callable[[list[Asked]], Awaitable[list[list[Any]]]]:
        column = col(getattr(noun, parent))

        async def load(asked: list[Asked]) -> list[list[Any]]:
            place = func.row_number().over(partition_by=column, order_by=noun.id).label("place")
            ids = _array([key for key, _ in asked], column)
            ranked = select(noun, place).where(column == any_(ids)).subquery()
            row = aliased(noun, ranked)
            first = max(first for _, first in asked)
            pages: dict[uuid.UUID, list[Any]] = {key: [] for key, _ in asked}
            for found in await self.rows(select(row).where(ranked.c.place <= first).order_by(row.id)):
                pages[getattr(found, parent)].append(found)
            return [pages[key][:first] for key, first in asked]

        return load


def _array(keys: list[Any], column: Any) -> Any:
    kind = Uuid() if isinstance(column.type, Uuid) else column.type
    return bindparam("keys", keys, type_=ARRAY(kind))
