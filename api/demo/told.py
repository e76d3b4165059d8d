"""What the ledger tells of the scenario: which steps were taken, what they made, and when it was last."""

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import func
from sqlmodel import col, select

from auth.caller import Caller
from auth.tenancy import Database
from schema.event import Event
from schema.kept.node import global_id
from schema.organisation import OrganisationKind

MARK = "demo:"  # the API gives no request of anybody else's an id that begins so
AUDITOR = Caller("AUDITOR", OrganisationKind.AUDITOR, "demonstration", frozenset())


@dataclass(frozen=True)
class Told:
    """The steps taken: what they made by step and noun; and the time of the newest event of all.

    What has a code is by `step#code`, too: an incident begins with many gates.
    """

    made: dict[tuple[str, str], str]
    newest: dt.datetime | None

    @property
    def taken(self) -> set[str]:
        """The names of the steps taken."""
        return {step.partition("#")[0] for step, _ in self.made}


async def read_ledger(database: Database) -> Told:
    """Read the ledger as its auditor: a step and its events were kept in one transaction, or not at all."""
    async with database.transaction(AUDITOR, "demo", read_only=True) as db:
        ours = select(Event).where(col(Event.request_id).startswith(MARK))
        events = await db.all(ours)
        newest = await db.one(select(func.max(col(Event.recorded_at))))
    made: dict[tuple[str, str], str] = {}
    for event in events:
        step = str(event.request_id).removeprefix(MARK)
        made_by = [step, f"{step}#{event.row['code']}"] if "code" in event.row else [step]
        made |= {(name, event.object_type): str(global_id(event.object_type, event.object_key)) for name in made_by}
    return Told(made, newest)
