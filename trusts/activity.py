"""Activity: the ledger as its readers may see it, in the order it was committed."""

from sqlalchemy import func, literal_column
from sqlmodel import col, select

from schema.event import Event
from schema.kept.question import Page


def ledger() -> Page[Event]:
    """Return the events the caller may see after a cursor, oldest first.

    Only events of transactions older than every running one are shown, so that a cursor never passes over one
    that commits late.
    """
    settled = func.pg_snapshot_xmin(func.pg_current_snapshot()).op("::")(literal_column("text"))
    horizon = settled.op("::")(literal_column("bigint"))
    return Page(select(Event).where(col(Event.xid) < horizon))
