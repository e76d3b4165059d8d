"""The time of an answer, as the database tells it: the transaction's, or the instant asked about."""

import datetime as dt
from zoneinfo import ZoneInfo

from sqlalchemy import TEXT, Date, DateTime, cast, func, literal_column
from sqlalchemy.sql.elements import ColumnElement

LONDON = "Europe/London"


def as_of() -> ColumnElement[dt.datetime]:
    """Return the moment the answer is of (migrations/0006_as_known_at.sql)."""
    return func.app.as_of(type_=DateTime(timezone=True))


def today() -> ColumnElement[dt.date]:
    """Return the day of the answer, in London."""
    return cast(func.timezone(literal_column(f"'{LONDON}'", TEXT), as_of()), Date)


def london_day(instant: dt.datetime) -> dt.date:
    """Return the day of an instant in London, for a rule that compares days."""
    return instant.astimezone(ZoneInfo(LONDON)).date()


def utc_day(instant: ColumnElement[dt.datetime | None]) -> ColumnElement[dt.date | None]:
    """Return the day of an instant, UTC."""
    return cast(func.timezone(literal_column("'UTC'", TEXT), instant), Date)
