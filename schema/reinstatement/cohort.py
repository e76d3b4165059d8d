"""Cohort: teams and accounts of one trust that go back to a system together."""

import datetime as dt
import enum
import uuid
from typing import Annotated

import strawberry
from pydantic import BaseModel
from sqlalchemy import ForeignKeyConstraint, UniqueConstraint
from sqlmodel import Field

from schema.change import Change, Revision
from schema.kept.described import described_enum, described_input, described_type
from schema.kept.node import Instant, Kept
from schema.kept.relation import one


@described_enum
class CohortState(enum.StrEnum):
    """Whether a cohort is back. Excused: it does not go back in this way, for a reason that is told."""

    PLANNED = "PLANNED"
    LIVE = "LIVE"
    EXCUSED = "EXCUSED"


Words = Annotated[str, Field(min_length=2, max_length=2000)]
Name = Annotated[str, Field(min_length=2, max_length=120)]
Many = Annotated[int, Field(ge=0, le=1_000_000)]


SystemId = Annotated[strawberry.ID | None, strawberry.argument(description="Those of this system.")]


class _Cohort(BaseModel):
    name: Name = Field(description="E.g. Community mental health, Worcester.")
    teams: Many = Field(description="Clinical teams in it.")
    accounts: Many = Field(description="User accounts in it.")
    planned_on: dt.date = Field(description="The day it is to go back.")


@described_type
class Cohort(_Cohort, Kept, table=True):
    """Teams and accounts that go back together. All cohorts of a final plan hold all of the system's."""

    __table_args__ = (
        UniqueConstraint("tenant_ods", "system_id", "sequence"),
        ForeignKeyConstraint(["tenant_ods", "system_id"], ["system.tenant_ods", "system.id"]),
    )

    system_id: strawberry.Private[uuid.UUID]
    supplier_ods: strawberry.Private[str] = Field(max_length=10)
    region_ods: strawberry.Private[str | None] = Field(default=None, max_length=10)
    sequence: int = Field(description="Its place in the plan, from 1.")
    state: CohortState = CohortState.PLANNED
    actual_at: Instant | None = Field(default=None, description="When it was back, UTC.")
    held_back_reason: str | None = Field(
        default=None, max_length=2000, description="Why teams or accounts were last moved out of it; null: never."
    )
    excuse_reason: str | None = Field(default=None, max_length=2000, description="Why it does not go back this way.")

    system = one("schema.system.System", "system_id", description="What it goes back to.")


class _OfCohort(Revision):
    cohort: strawberry.ID


@described_input
class PlanCohort(_Cohort, Change):
    """Teams and accounts of a system that go back together; the next in the plan."""

    system: strawberry.ID


@described_input
class AmendCohort(_OfCohort):
    """What changes of a cohort that is not live, while the plan is not final; what is left out stays."""

    name: Name | None = None
    teams: Many | None = None
    accounts: Many | None = None
    planned_on: dt.date | None = None


@described_input
class FinaliseCohorts(Revision):
    """The system whose plan of cohorts is final: they hold all its teams and accounts."""

    system: strawberry.ID


@described_input
class HoldBackCohort(_OfCohort):
    """Teams and accounts that go back with another cohort than planned."""

    into: strawberry.ID = Field(description="The cohort they go back with, of the same system and not yet live.")
    teams: Many = Field(description="How many teams.")
    accounts: Many = Field(description="How many accounts.")
    reason: Words = Field(description="Why, in words. Never patient data.")


@described_input
class ExcuseCohort(_OfCohort):
    """The cohort that does not go back in this way, and why."""

    reason: Words = Field(description="Why, in words. Never patient data.")


@described_input
class BringCohortLive(_OfCohort):
    """The cohort that is back, and since when."""

    actual_at: Instant | None = Field(default=None, description="When, UTC; not in the future. Null: now.")
