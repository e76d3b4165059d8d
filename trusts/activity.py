"""Activity: the ledger as its readers may see it, in the order it was committed, and what it moved."""

import datetime as dt
from typing import Any

from sqlalchemy import TEXT, ColumnElement, DateTime, Integer, Subquery, cast, func, literal_column, or_, true
from sqlalchemy import select as columns
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by
from sqlalchemy.orm import aliased
from sqlmodel import col, select

from schema.event import Event, FollowedSystem
from schema.kept.instant import as_of
from schema.kept.question import Page
from schema.movement import Movement
from schema.system import System

Moment = ColumnElement[dt.datetime]


def everything() -> Page[Event]:
    """Return the events the caller may see after a cursor, oldest first.

    Only events of transactions older than every running one are shown, so that a cursor never passes over one
    that commits late.
    """
    settled = func.pg_snapshot_xmin(func.pg_current_snapshot()).op("::")(literal_column("text"))
    horizon = settled.op("::")(literal_column("bigint"))
    return Page(select(Event).where(col(Event.xid) < horizon))


def about_system(system: FollowedSystem) -> Page[Event]:
    """Return the events about one system after a cursor, oldest first: its own, and of what is kept of that system."""
    key = cast(func.app.key_of(System.__name__, system), TEXT)
    names = or_(col(Event.object_key) == key, col(Event.row).op("->>")(literal_column("'system_id'", TEXT)) == key)
    return Page(everything().statement.where(names))


def changes(since: dt.datetime, until: dt.datetime | None = None) -> Page[Movement]:
    """Return what moved after `since` and up to `until` (null: now), object by object, with its row then and then.

    Only what the events say that the caller may see. An object that came back to where it was is left out. To miss
    nothing from one answer to the next, follow `activity`: a change still being written at `until` is dated before it.
    """
    earlier: Moment = cast(since, DateTime(timezone=True))
    later: Moment = columns(as_of()).scalar_subquery() if until is None else cast(until, DateTime(timezone=True))
    within = _between(earlier, later)
    before, after = _latest(within, earlier, "before"), _latest(within, later, "after")
    moved = (
        columns(
            within,
            earlier.label("since"),
            later.label("until"),
            before.c.row.label("row_before"),
            after.c.row.label("row_after"),
            _differences(before.c.row, after.c.row).label("changed_fields"),
            after.c.verb.label("last_verb"),
            after.c.actor.label("last_actor"),
        )
        .select_from(within)
        .join(after, true())
        .outerjoin(before, true())
        .where(or_(before.c.row.is_(None), _told(before.c.row) != _told(after.c.row)))
        .subquery()
    )
    return Page(select(aliased(Movement, moved, adapt_on_names=True)))


def _between(earlier: Moment, later: Moment) -> Subquery:
    """Return the objects that events between two instants are about, with how many and when."""
    counted = (
        cast(func.count(), Integer).label("changes"),
        func.min(Event.recorded_at).label("first_at"),
        func.max(Event.recorded_at).label("last_at"),
    )
    named = (col(Event.object_type), col(Event.object_key), col(Event.owner_ods))
    recorded = col(Event.recorded_at)
    return columns(*named, *counted).where(recorded > earlier, recorded <= later).group_by(*named).subquery()


def _latest(of: Subquery, instant: Moment, name: str) -> Any:
    """Return the last event of each object up to an instant: its row as it was known then."""
    about = (
        col(Event.object_type) == of.c.object_type,
        col(Event.object_key) == of.c.object_key,
        col(Event.owner_ods) == of.c.owner_ods,
        col(Event.recorded_at) <= instant,
    )
    found = columns(col(Event.row), col(Event.verb), col(Event.actor)).where(*about)
    return found.order_by(col(Event.id).desc()).limit(1).correlate(of).lateral(name)


def _told(row: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return what a row says, without the count of its changes."""
    return row.op("-")(literal_column("'version'"))


def _differences(before: ColumnElement[Any], after: ColumnElement[Any]) -> ColumnElement[list[str]]:
    """Return the columns that two rows of an object differ in, by name; none where there is no row before."""
    now = func.jsonb_each(_told(after)).table_valued("key", "value", name="told")
    differs = now.c.value.is_distinct_from(before.op("->")(now.c.key))
    names = func.array_agg(aggregate_order_by(now.c.key, now.c.key), type_=ARRAY(TEXT))
    found = columns(names).select_from(now).where(differs, before.is_not(None)).scalar_subquery()
    return func.coalesce(found, literal_column("'{}'::text[]"), type_=ARRAY(TEXT))
