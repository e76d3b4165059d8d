"""The ledger: every change has its event, in its transaction; nothing takes an event back."""

import asyncio
import datetime as dt
from typing import Any

import asyncpg
import pytest
from sqlmodel import col, select

from auth.caller import Caller
from auth.tenancy import Database
from schema.event import Event
from schema.kept.connection import Order
from schema.organisation import OrganisationKind
from tests.ledger import as_superuser, exported, open_incident, with_database, write
from tests.stage import Stage, caller
from trusts import activity
from trusts.audit.chain import verify

AUDITOR = Caller("AUDITOR", OrganisationKind.AUDITOR, "auditor", frozenset())
APP_ROLES = ["assurer", "auditor", "icb", "national", "operator", "region", "sign_in", "supplier", "trust"]
CONTAINED = dt.datetime(2022, 8, 5, 7, 30, tzinfo=dt.UTC)


async def _events(database: Database, code: str) -> list[Event]:
    async with database.transaction(AUDITOR, "read", read_only=True) as db:
        return await db.all(select(Event).where(col(Event.tenant_ods) == code).order_by(col(Event.sequence).asc()))


def test_a_change_writes_its_event_with_who_what_why_and_when(fresh_stage: Stage) -> None:
    async def story(database: Database) -> tuple[Any, list[Event]]:
        async with database.change(caller("R1A"), "openIncident", "request-7") as db:
            kept = await open_incident(db, "CARENOTES-2022", contained_at=CONTAINED)
            now = db.now
        return (kept, now), await _events(database, "R1A")

    (kept, now), events = with_database(fresh_stage, story)
    event = events[-1]
    assert (event.tenant_ods, event.owner_ods, event.region_ods) == ("R1A", "R1A", "Y60")
    assert (event.actor, event.actor_kind, event.verb) == ("r1a-client", OrganisationKind.TRUST, "openIncident")
    assert (event.object_type, event.object_key, event.request_id) == ("Incident", str(kept.id), "request-7")
    assert event.row["reference"] == "CARENOTES-2022"
    assert event.row["version"] == 1
    assert (event.effective_at, event.recorded_at) == (CONTAINED, now)
    assert [each.sequence for each in events] == list(range(1, len(events) + 1))


def test_each_version_of_a_row_has_its_event(fresh_stage: Stage) -> None:
    stated = {"code": "CARENOTES", "name": "Carenotes", "category": "ELECTRONIC_PATIENT_RECORD"}
    product = fresh_stage.change("SUPPLIER", "registerProduct", **stated)
    build = {"label": "CN-R1", "builtAt": "2022-11-07T12:00:00Z", "safetyRelevantChange": True}
    fresh_stage.change("SUPPLIER", "registerBuild", product=product["id"], **build)
    events = with_database(fresh_stage, lambda database: _events(database, "SUPPLIER"))
    versions = [event.row["version"] for event in events if event.object_type == "Product"]
    assert versions == [1, 2]


def test_a_change_that_is_refused_fails_or_is_not_kept_leaves_no_event(fresh_stage: Stage) -> None:
    async def fail(database: Database) -> None:
        async with database.change(caller("R1A"), "failed") as db:
            await open_incident(db, "FAILED")
            raise ZeroDivisionError

    async def story(database: Database) -> None:
        async with database.change(caller("R1A"), "refused") as db:
            await open_incident(db, "REFUSED")
            db.refuse()
        with pytest.raises(ZeroDivisionError):
            await fail(database)
        async with database.transaction(caller("R1A"), "looked") as db:
            await open_incident(db, "LOOKED")

    before = exported(fresh_stage)
    with_database(fresh_stage, story)
    assert exported(fresh_stage) == before


@pytest.mark.parametrize(
    "statement", ["update event set reason = 'x'", "delete from event", "truncate event", "truncate event cascade"]
)
def test_not_even_the_owner_takes_an_event_back(stage: Stage, statement: str) -> None:
    for role in ("reinstate_owner", "none"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
            as_superuser(stage, f"set role {role}", statement)


@pytest.mark.parametrize("role", APP_ROLES)
def test_no_caller_has_the_right_to_take_an_event_back(stage: Stage, role: str) -> None:
    for statement in ("update event set reason = 'x'", "delete from event", "truncate event"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied"):
            as_superuser(stage, f"set role app_{role}", statement)


def test_writers_of_one_organisation_at_once_leave_no_gap(fresh_stage: Stage) -> None:
    async def story(database: Database) -> list[Event]:
        await asyncio.gather(*(write(database, "R1A", *(f"W{w}-{n}" for n in range(20))) for w in range(16)))
        return await _events(database, "R1A")

    events = with_database(fresh_stage, story)
    written = [event for event in events if event.verb == "openIncident"]
    assert len(written) == 320
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    assert verify(exported(fresh_stage)).intact


async def _rest(database: Database, cursor: str | None) -> tuple[list[tuple[str, int]], str | None]:
    seen: list[tuple[str, int]] = []
    while True:
        async with database.transaction(AUDITOR, "activity", read_only=True) as db:
            page = await db.page(activity.everything().statement, Order(Event, ()), 25, cursor)
        seen += [(edge.node.tenant_ods, edge.node.sequence) for edge in page.edges]
        cursor = page.page_info.end_cursor or cursor
        if not page.page_info.has_next_page:
            return seen, cursor


def test_a_cursor_waits_for_a_transaction_that_commits_late(fresh_stage: Stage) -> None:
    async def story(database: Database) -> tuple[list[tuple[str, int]], list[tuple[str, int]]]:
        _, cursor = await _rest(database, None)
        async with database.change(caller("R1A"), "openIncident") as db:
            await open_incident(db, "LATE")
            await write(database, "RYG", "EARLY")
            while_open, cursor = await _rest(database, cursor)
        after, _ = await _rest(database, cursor)
        return while_open, after

    while_open, after = with_database(fresh_stage, story)
    assert while_open == []
    assert [tenant for tenant, _ in after] == ["R1A", "RYG"]


def test_cursors_lose_no_event_while_many_write(fresh_stage: Stage) -> None:
    async def story(database: Database) -> tuple[list[tuple[str, int]], int]:
        codes = ["R1A", "RYG", "RNK", "R1A"]
        writers = [write(database, codes[w % 4], *(f"W{w}-{n}" for n in range(20))) for w in range(16)]
        writing = asyncio.ensure_future(asyncio.gather(*writers))
        seen, cursor = await _rest(database, None)
        pages = 0
        while not writing.done():
            more, cursor = await _rest(database, cursor)
            pages += bool(more)
            seen += more
        await writing
        more, _ = await _rest(database, cursor)
        return seen + more, pages

    seen, pages = with_database(fresh_stage, story)
    assert pages > 3, "the reader did not run beside the writers"
    assert len(seen) == len(set(seen)) == len(exported(fresh_stage))
