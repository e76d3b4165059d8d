"""The ledger read for proof: exported, verified where it stands, and its heads."""

from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

from sqlalchemy import ColumnElement, Text, cast, func, tuple_
from sqlmodel import col, select

from auth.caller import Caller
from auth.checkpoint import Checkpoint
from auth.tenancy import Database, Transaction
from schema.event import Event
from schema.organisation import OrganisationKind
from trusts.audit.chain import Verdict, Verification
from trusts.audit.link import COLUMNS, Link, write_line

PAGE = 1000

_AUDITOR = Caller("", OrganisationKind.AUDITOR, "audit verify", frozenset())
_INSTANT = 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'


def _spelled(name: str) -> ColumnElement[Any]:
    """Return a column as app.canonical spells it."""
    column = col(getattr(Event, name))
    if name.endswith("hash"):
        return func.encode(column, "hex")
    if name.endswith("_at"):
        return func.to_char(func.timezone("UTC", column), _INSTANT)
    return cast(column, Text)


_SPELLED = [_spelled(name) for name in COLUMNS]
_PLACE = (col(Event.tenant_ods), col(Event.sequence))


async def pages(database: Database, organisation: str | None = None) -> AsyncIterator[list[Link]]:
    """Give every event as its strings, chain after chain, a page at a time; of one organisation, or of all.

    Each page has a transaction of its own: chains grow at their ends alone, and a slow reader blocks nothing.
    """
    after = ("", 0)
    while True:
        async with database.transaction(_AUDITOR, "audit", read_only=True) as db:
            page = await _page(db, organisation, after)
        yield page
        if len(page) < PAGE:
            return
        after = (page[-1]["tenant_ods"], int(page[-1]["sequence"]))


async def export(database: Database, organisation: str | None = None) -> AsyncIterator[bytes]:
    """Give an export: JSON lines in UTF-8, a page of them at a time."""
    async for page in pages(database, organisation):
        yield "".join(f"{write_line(link)}\n" for link in page).encode()


async def verify(
    database: Database, checkpoints: Iterable[Checkpoint] = (), say: Callable[[int], object] = lambda _: None
) -> Verdict:
    """Verify every chain where it stands; `say` hears how many events hold so far."""
    verification = Verification(checkpoints)
    async for page in pages(database):
        if not all(map(verification.take, page)):
            break
        say(verification.events)
    return verification.verdict()


async def head(database: Database, organisation: str) -> Checkpoint | None:
    """Return the last event of an organisation's chain, None when it has none."""
    newest = (
        select(*_SPELLED).where(col(Event.tenant_ods) == organisation).order_by(col(Event.sequence).desc()).limit(1)
    )
    async with database.transaction(_AUDITOR, "audit", read_only=True) as db:
        rows = await db.rows(newest)
    if not rows:
        return None
    link = dict(zip(COLUMNS, rows[0], strict=True))
    return Checkpoint(link["tenant_ods"], int(link["sequence"]), link["hash"], link["recorded_at"])


async def _page(db: Transaction, organisation: str | None, after: tuple[str, int]) -> list[Link]:
    statement = select(*_SPELLED).where(tuple_(*_PLACE) > tuple_(*after)).order_by(*_PLACE).limit(PAGE)
    if organisation is not None:
        statement = statement.where(col(Event.tenant_ods) == organisation)
    return [dict(zip(COLUMNS, row, strict=True)) for row in await db.rows(statement)]
