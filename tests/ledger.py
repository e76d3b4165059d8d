"""What the tests of the ledger share: changes written as a trust, and a way past every right and trigger."""

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import asyncpg

from auth.caller import Caller
from auth.tenancy import Database, Transaction
from schema.incident import Incident
from tests.stage import Stage, caller
from trusts.audit import ledger

T = TypeVar("T")
DETECTED = dt.datetime(2022, 8, 4, 6, tzinfo=dt.UTC)


def with_database(stage: Stage, work: Callable[[Database], Awaitable[T]]) -> T:
    """Run work on the stage's database."""

    async def run() -> T:
        database = Database(stage.url)
        try:
            return await work(database)
        finally:
            await database.close()

    return asyncio.run(run())


def as_superuser(stage: Stage, *statements: str) -> list[Any]:
    """Run statements as the server's superuser; return the last one's rows."""

    async def run() -> list[Any]:
        admin = await asyncpg.connect(stage.server.admin_url, database=stage.name)
        try:
            rows: list[Any] = []
            for statement in statements:
                rows = await admin.fetch(statement)
            return rows
        finally:
            await admin.close()

    return asyncio.run(run())


async def open_incident(db: Transaction, reference: str, **stated: Any) -> Incident:
    """Keep an incident of the caller's own."""
    told = {"title": "Ransomware", "detected_at": DETECTED} | stated
    return await db.keep(Incident(**db.made, reference=reference, **told))


async def write(database: Database, asking: str | Caller, *references: str) -> None:
    """Open an incident by each reference, each in a transaction of its own."""
    who = caller(asking) if isinstance(asking, str) else asking
    for reference in references:
        async with database.change(who, "openIncident", f"request-{reference}") as db:
            await open_incident(db, reference)


def exported(stage: Stage, organisation: str | None = None) -> list[bytes]:
    """Return an export's lines."""

    async def read(database: Database) -> bytes:
        return b"".join([page async for page in ledger.export(database, organisation)])

    return with_database(stage, read).splitlines(keepends=True)
