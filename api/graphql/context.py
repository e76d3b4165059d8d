"""What every resolver of one request shares."""

import datetime as dt
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from api.graphql.reading import RowReader
from auth.caller import Caller
from auth.tenancy import Transaction
from schema.problem import Problem

LONDON = ZoneInfo("Europe/London")


@dataclass(slots=True)
class Context:
    """One request's caller and transaction."""

    caller: Caller
    db: Transaction
    reader: RowReader
    refusal: Problem | None = None

    @property
    def today(self) -> dt.date:
        """The day of the transaction, in London."""
        return self.db.now.astimezone(LONDON).date()
