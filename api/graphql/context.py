"""What every resolver of one request shares."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from api.graphql.reading import RowReader
from auth.caller import Caller
from auth.tenancy import Transaction
from schema.kept import instant
from schema.problem import Problem

LONDON = ZoneInfo(instant.LONDON)


@dataclass(slots=True)
class Context:
    """One request's caller and transaction."""

    caller: Caller
    db: Transaction
    reader: RowReader
    refusal: Problem | None = None
    decided: Callable[[], Any] | None = None  # what the change came to, where it was decided before
    may: Callable[[str], bool | None] = lambda _: None  # whether the caller may call an operation; None: there is none

    def now(self, row: Any) -> dt.datetime:
        """Return the moment of the answer a row belongs to."""
        return self.reader.db_of(row).now

    def today(self, row: Any) -> dt.date:
        """Return the day of the answer a row belongs to, in London."""
        return self.reader.db_of(row).now.astimezone(LONDON).date()
