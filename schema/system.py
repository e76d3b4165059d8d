"""System and InterimSystem: one trust's deployment of a product, and what stands in for it."""

import datetime as dt
import enum
import uuid
from typing import Annotated, ClassVar

import strawberry
from pydantic import BaseModel
from sqlalchemy import ForeignKeyConstraint, UniqueConstraint
from sqlmodel import Field

from schema.change import Change
from schema.kept.described import described_enum, described_input, described_type
from schema.kept.node import Instant, Kept
from schema.kept.relation import many, one


@described_enum
class SystemState(enum.StrEnum):
    """How far one system has come. Live is not recovered: records are still to be put back. A hold is no state."""

    OPERATIONAL = "OPERATIONAL"
    OUTAGE = "OUTAGE"
    ISOLATED = "ISOLATED"
    REBUILDING = "REBUILDING"
    AWAITING_HANDOVER = "AWAITING_HANDOVER"
    HANDED_OVER = "HANDED_OVER"
    IN_TRUST_TEST = "IN_TRUST_TEST"
    READY = "READY"
    APPROVED = "APPROVED"
    REINSTATING = "REINSTATING"
    LIVE = "LIVE"
    RECOVERED = "RECOVERED"
    ROLLED_BACK = "ROLLED_BACK"
    REPLACED = "REPLACED"
    RETIRED = "RETIRED"


@described_enum
class Hosting(enum.StrEnum):
    """Where a system runs."""

    SUPPLIER = "SUPPLIER"
    TRUST = "TRUST"


@described_enum
class Criticality(enum.StrEnum):
    """How much harm the loss does."""

    CRITICAL = "CRITICAL"
    HIGH = "HIGH"
    MEDIUM = "MEDIUM"
    LOW = "LOW"


@described_enum
class InterimKind(enum.StrEnum):
    """What stands in for a lost system."""

    BUILT_IN_HOUSE = "BUILT_IN_HOUSE"
    OFFICE_SUITE = "OFFICE_SUITE"
    OTHER_RECORD = "OTHER_RECORD"
    PAPER = "PAPER"


Hours = Annotated[int | None, Field(ge=0, le=8784)]


class _System(BaseModel):
    name: Annotated[str, Field(min_length=2, max_length=120)] = Field(description="The trust's name for it.")
    hosting: Hosting = Hosting.SUPPLIER
    criticality: Criticality = Criticality.HIGH
    rto_hours: Hours = Field(default=None, description="Recovery time objective, hours (ISO 22301).")
    rpo_hours: Hours = Field(default=None, description="Recovery point objective, hours (ISO 22301).")
    mtpd_hours: Hours = Field(default=None, description="Maximum tolerable period of disruption, hours (ISO 22301).")
    outage_started_at: Instant | None = Field(default=None, description="When users lost it, UTC.")
    last_good_data_at: Instant | None = Field(default=None, description="Up to when its data are whole, UTC.")
    teams_total: int | None = Field(default=None, ge=0, description="Clinical teams that use it.")
    accounts_total: int | None = Field(default=None, ge=0, description="User accounts on it.")


@described_input
class RegisterSystem(_System, Change):
    """A trust's deployment of a product, lost to an incident."""

    product: strawberry.ID
    incident: strawberry.ID
    state: SystemState = Field(
        default=SystemState.OUTAGE,
        description="OPERATIONAL, OUTAGE, ISOLATED or REBUILDING; later states are reached, not stated.",
    )


@described_type
class System(_System, Kept, table=True):
    """One trust's deployment of a product, from outage to recovered."""

    KEY: ClassVar[str] = "id"

    __table_args__ = (
        UniqueConstraint("tenant_ods", "product_id", "incident_id", "name"),
        ForeignKeyConstraint(["tenant_ods"], ["organisation.ods_code"]),
        ForeignKeyConstraint(["supplier_ods", "product_id"], ["product.tenant_ods", "product.id"]),
        ForeignKeyConstraint(["incident_ods", "incident_id"], ["incident.tenant_ods", "incident.id"]),
        ForeignKeyConstraint(["supplier_ods", "current_build_id"], ["build.tenant_ods", "build.id"]),
    )

    state: SystemState = SystemState.OUTAGE
    supplier_ods: strawberry.Private[str] = Field(max_length=10)
    product_id: strawberry.Private[uuid.UUID]
    incident_ods: strawberry.Private[str] = Field(max_length=10)
    incident_id: strawberry.Private[uuid.UUID]
    current_build_id: strawberry.Private[uuid.UUID | None] = None
    region_ods: strawberry.Private[str | None] = Field(default=None, max_length=10)
    handed_over_at: Instant | None = Field(default=None, description="The supplier says: available to trust IT.")
    accepted_at: Instant | None = Field(default=None, description="The trust says: accepted after our tests.")
    first_live_at: Instant | None = Field(default=None, description="First users back on it, UTC.")
    fully_live_at: Instant | None = Field(default=None, description="Last users back on it, UTC.")
    recovered_at: Instant | None = Field(default=None, description="Records put back and checked, UTC.")
    cohorts_final_at: Instant | None = Field(
        default=None, description="Since when its cohorts hold all its teams and accounts, UTC; null: still planned."
    )
    replaced_by: str | None = Field(
        default=None, max_length=120, description="What took its place, where it never came back."
    )
    rolled_back_at: Instant | None = Field(
        default=None, description="When it last went back to interim arrangements, UTC; sign-offs before are stale."
    )
    recovered_declared_at: Instant | None = Field(
        default=None, description="The trust says: recovered. Its region countersigns; only then it is."
    )
    archive_arrangement: str | None = Field(
        default=None, max_length=2000, description="How the old record stays readable, where it was replaced."
    )

    organisation = one("schema.organisation.Organisation", "tenant_ods", description="The trust.")
    product = one("schema.product.Product", "product_id", description="What it is a deployment of.")
    incident = one("schema.incident.Incident", "incident_id", optional=True, description="What it was lost to.")
    current_build = one(
        "schema.product.Build", "current_build_id", optional=True, description="The build the trust tests."
    )
    interim_systems = many("schema.system.InterimSystem", "system_id", description="What stands in for it.")
    reports = many("schema.testing.TestReport", "system_id", newest_first=True, description="Newest first.")
    milestones = many("schema.milestone.Milestone", "system_id", description="The supplier's, for this system.")
    memberships = many(
        "schema.reinstatement.wave.WaveMember", "system_id", newest_first=True, description="In waves, newest first."
    )
    slots = many(
        "schema.reinstatement.slot.ReinstatementSlot", "system_id", newest_first=True, description="Newest first."
    )
    cohorts = many("schema.reinstatement.cohort.Cohort", "system_id", description="In which it goes back to its users.")
    holds = many("schema.hold.Hold", "system_id", newest_first=True, description="On this system alone, newest first.")

    gates = many(
        "schema.readiness.standing.GateStanding", "system_id", description="Where each gate stands, in their order."
    )
    decisions = many(
        "schema.readiness.decision.GoNoGoDecision",
        "system_id",
        newest_first=True,
        description="The trust's, that the caller may see, newest first.",
    )
    disputes = many(
        "schema.reinstatement.dispute.Dispute",
        "system_id",
        newest_first=True,
        description="About its state, newest first.",
    )
    sign_offs = many(
        "schema.readiness.safety.SafetySignOff",
        "system_id",
        newest_first=True,
        description="Of the safety of its use (DCB0160), newest first.",
    )
    defects = many("schema.readiness.defect.Defect", "system_id", newest_first=True, description="Newest first.")
    sightings = many(
        "schema.readiness.known_issue.KnownIssueSighting", "system_id", description="Known issues that it shows."
    )


def turn_of(tenant_ods: str, system_id: uuid.UUID | None) -> str:
    """Return the name of the turn that writers of a system take: with its owner, so that no stranger can hold it."""
    return f"system:{tenant_ods}:{system_id}"


class _InterimSystem(BaseModel):
    kind: InterimKind
    name: Annotated[str, Field(min_length=2, max_length=120)] = Field(description="E.g. THEA.")
    live_on: dt.date = Field(description="First day in use.")
    closed_on: dt.date | None = Field(default=None, description="Last day in use; null: still in use.")


@described_input
class RegisterInterimSystem(_InterimSystem, Change):
    """What stands in for a lost system."""

    system: strawberry.ID


@described_type
class InterimSystem(_InterimSystem, Kept, table=True):
    """A stop-gap record: its notes are to be put back into the system."""

    __table_args__ = (
        UniqueConstraint("tenant_ods", "system_id", "name"),
        ForeignKeyConstraint(["tenant_ods", "system_id"], ["system.tenant_ods", "system.id"]),
    )

    system_id: strawberry.Private[uuid.UUID]
    supplier_ods: strawberry.Private[str] = Field(max_length=10)
    region_ods: strawberry.Private[str | None] = Field(default=None, max_length=10)

    system = one("schema.system.System", "system_id", description="What it stands in for.")
