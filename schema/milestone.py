"""Milestone and MilestoneForecast: a dated promise of the supplier, and how it moved."""

import datetime as dt
import enum
import uuid
from typing import Annotated

import strawberry
from pydantic import BaseModel
from sqlalchemy import ForeignKeyConstraint, UniqueConstraint, and_, func
from sqlmodel import Field

from schema.change import Change, Revision
from schema.kept.computed import computed
from schema.kept.described import described_enum, described_input, described_type
from schema.kept.instant import today, utc_day
from schema.kept.node import Audience, Instant, Kept
from schema.kept.relation import many, one


@described_enum
class MilestoneKind(enum.StrEnum):
    """What a milestone is about."""

    BUILD_READY = "BUILD_READY"
    SAFETY_CASE = "SAFETY_CASE"
    SECURITY_ASSURANCE = "SECURITY_ASSURANCE"
    HANDOVER = "HANDOVER"
    GO_LIVE = "GO_LIVE"
    RECOVERED = "RECOVERED"
    OTHER = "OTHER"


@described_enum
class MilestoneStatus(enum.StrEnum):
    """What was stated of a milestone. Overdue is computed, never stated."""

    PLANNED = "PLANNED"
    IN_PROGRESS = "IN_PROGRESS"
    MET = "MET"
    MISSED = "MISSED"
    CANCELLED = "CANCELLED"


OPEN = (MilestoneStatus.PLANNED, MilestoneStatus.IN_PROGRESS)


@described_enum
class Confidence(enum.StrEnum):
    """How sure the publisher is."""

    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"


@described_enum
class ReasonCode(enum.StrEnum):
    """Why a forecast moved."""

    FIRST_FORECAST = "FIRST_FORECAST"
    ASSURANCE = "ASSURANCE"
    DEFECT = "DEFECT"
    FORENSIC_HOLD = "FORENSIC_HOLD"
    REBUILD_LONGER = "REBUILD_LONGER"
    RESOURCE = "RESOURCE"
    EARLIER_THAN_PLANNED = "EARLIER_THAN_PLANNED"
    OTHER = "OTHER"


class _Forecast(BaseModel):
    confidence: Confidence
    note: str | None = Field(default=None, max_length=2000, description="In words, for those who wait.")


class _Milestone(BaseModel):
    kind: MilestoneKind
    title: Annotated[str, Field(min_length=2, max_length=200)] = Field(description="What will have happened.")
    baseline_on: dt.date = Field(description="The first promise; it never moves.")


@described_input
class PublishMilestone(_Milestone, _Forecast, Change):
    """A dated promise: for every trust on a product, or for one trust's system."""

    product: strawberry.ID
    system: strawberry.ID | None = Field(default=None, description="Given: only this system's trust sees it.")


@described_input
class ReviseForecast(_Forecast, Revision):
    """A new date for a milestone that is not yet met."""

    milestone: strawberry.ID
    forecast_on: dt.date = Field(description="The day it is now expected.")
    reason_code: ReasonCode


@described_input
class MeetMilestone(Revision):
    """A milestone was met."""

    milestone: strawberry.ID
    actual_at: Instant = Field(description="When it was met, UTC; not in the future.")


@described_type
class Milestone(_Milestone, Kept, table=True):
    """A dated promise, with every date it ever had."""

    __table_args__ = (
        ForeignKeyConstraint(["tenant_ods", "product_id"], ["product.tenant_ods", "product.id"]),
        ForeignKeyConstraint(["trust_ods", "system_id"], ["system.tenant_ods", "system.id"]),
    )

    product_id: strawberry.Private[uuid.UUID]
    trust_ods: strawberry.Private[str | None] = Field(default=None, max_length=10)
    system_id: strawberry.Private[uuid.UUID | None] = None
    region_ods: strawberry.Private[str | None] = Field(default=None, max_length=10)
    audience: strawberry.Private[Audience] = Audience.PUBLISHED
    status: MilestoneStatus = MilestoneStatus.PLANNED
    forecast_on: dt.date = Field(description="The day it is expected by the latest forecast.")
    confidence: Confidence
    times_revised: int = Field(default=0, description="How often the date moved, either way.")
    times_slipped: int = Field(default=0, description="How often the date moved later.")
    actual_at: Instant | None = Field(default=None, description="When it was met, UTC.")

    product = one("schema.product.Product", "product_id", description="The product.")
    system = one("schema.system.System", "system_id", optional=True, description="Null: for every trust.")
    forecasts = many("schema.milestone.MilestoneForecast", "milestone_id", description="Every forecast, oldest first.")

    @computed(description="PUBLISHED: every caller sees it. PRIVATE: one trust, its region and the national team.")
    def visibility(self) -> Audience:
        """Return who may see it besides its publisher."""
        return self.audience

    @computed(
        description="Days between the first promise and the latest forecast, or the day it was met.",
        sql=lambda row: func.coalesce(utc_day(row.actual_at), row.forecast_on) - row.baseline_on,
    )
    def slipped_days(self) -> int:
        """Return days late against the baseline; negative: early."""
        reached = self.actual_at.date() if self.actual_at else self.forecast_on
        return (reached - self.baseline_on).days

    @computed(
        description="The forecast day has passed and it is not met. Computed, never stated.",
        sql=lambda row: and_(row.status.in_(OPEN), row.forecast_on < today()),
    )
    def overdue(self, info: strawberry.Info) -> bool:
        """Return whether the forecast day has passed, in London, without the milestone being met."""
        return self.status in OPEN and self.forecast_on < info.context.today(self)


@described_type
class MilestoneForecast(_Forecast, Kept, table=True):
    """One date a milestone was given. Never changed afterwards."""

    __table_args__ = (
        UniqueConstraint("tenant_ods", "milestone_id", "number"),
        ForeignKeyConstraint(["tenant_ods", "milestone_id"], ["milestone.tenant_ods", "milestone.id"]),
    )

    milestone_id: strawberry.Private[uuid.UUID]
    trust_ods: strawberry.Private[str | None] = Field(default=None, max_length=10)
    region_ods: strawberry.Private[str | None] = Field(default=None, max_length=10)
    audience: strawberry.Private[Audience] = Audience.PUBLISHED
    number: int = Field(description="0 for the first promise, then 1, 2, 3 …")
    forecast_on: dt.date = Field(description="The day it was expected.")
    moved_days: int = Field(description="Days later than the forecast before; negative: earlier.")
    reason_code: ReasonCode

    milestone = one("schema.milestone.Milestone", "milestone_id", description="What it forecasts.")
