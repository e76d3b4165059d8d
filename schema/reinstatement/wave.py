"""Wave: the systems that come back together, and WaveMember: one of them, with its place in the order and why."""

import datetime as dt
import enum
import uuid
from typing import Annotated, ClassVar

import strawberry
from pydantic import BaseModel
from sqlalchemy import ForeignKeyConstraint, UniqueConstraint, case
from sqlmodel import Field

from schema.change import Change, Revision
from schema.kept.computed import computed
from schema.kept.described import described_enum, described_input, described_type
from schema.kept.node import Audience, Instant, Kept
from schema.kept.relation import many, one
from schema.organisation import OrganisationKind as Kind

FEWEST = 3  # trusts behind a figure that everybody may read


@described_enum
class WaveKind(enum.StrEnum):
    """What a wave is for: a pilot tries, early adopters follow, then the many, then the rest."""

    PILOT = "PILOT"
    EARLY_ADOPTER = "EARLY_ADOPTER"
    MAIN = "MAIN"
    TAIL = "TAIL"


@described_enum
class WaveState(enum.StrEnum):
    """How far a wave has come. A hold is no state: whatever it covers keeps its own."""

    DRAFT = "DRAFT"
    PROPOSED = "PROPOSED"
    APPROVED = "APPROVED"
    OPEN = "OPEN"
    COMPLETE = "COMPLETE"
    CANCELLED = "CANCELLED"


@described_enum
class MemberState(enum.StrEnum):
    """Whether a system is of a wave: proposed by the supplier, approved by the national team, or not any more."""

    PROPOSED = "PROPOSED"
    APPROVED = "APPROVED"
    REMOVED = "REMOVED"


# Who moves a wave from which state to which (domain model, B.2); the database has the same table in 0019_waves.sql.
MOVES = frozenset(
    {
        (WaveState.DRAFT, WaveState.PROPOSED, Kind.SUPPLIER),
        (WaveState.DRAFT, WaveState.CANCELLED, Kind.SUPPLIER),
        (WaveState.PROPOSED, WaveState.CANCELLED, Kind.SUPPLIER),
        (WaveState.PROPOSED, WaveState.DRAFT, Kind.NATIONAL),
        (WaveState.PROPOSED, WaveState.APPROVED, Kind.NATIONAL),
        (WaveState.APPROVED, WaveState.OPEN, Kind.NATIONAL),
        (WaveState.APPROVED, WaveState.CANCELLED, Kind.NATIONAL),
        (WaveState.OPEN, WaveState.COMPLETE, Kind.NATIONAL),
        (WaveState.OPEN, WaveState.CANCELLED, Kind.NATIONAL),
    }
)

Words = Annotated[str, Field(min_length=2, max_length=2000)]


class _Wave(BaseModel):
    number: int = Field(ge=0, le=1000, description="0 for the first; unique for its product and incident.")
    kind: WaveKind
    opens_on: dt.date = Field(description="First day of its slots, in London.")
    closes_on: dt.date = Field(description="Last day of its slots, in London.")
    order_rationale: Words = Field(description="The rule by which it is decided who is in it and in which order.")
    soak_days: int = Field(
        ge=0, le=366, description="Days to wait after the last system of the wave before went live; 0: none."
    )
    slots_a_day: int = Field(ge=1, le=100, description="Systems that can be reconnected in one day at most.")


@described_type
class Wave(_Wave, Kept, table=True):
    """Systems of one product that come back together. Published to every caller once it is proposed."""

    UNRECORDED: ClassVar[tuple[str, ...]] = ("member_count", "live_count", "members_total", "members_live")

    __table_args__ = (
        UniqueConstraint("tenant_ods", "product_id", "incident_id", "number"),
        ForeignKeyConstraint(["tenant_ods"], ["organisation.ods_code"]),
        ForeignKeyConstraint(["tenant_ods", "product_id"], ["product.tenant_ods", "product.id"]),
        ForeignKeyConstraint(["incident_ods", "incident_id"], ["incident.tenant_ods", "incident.id"]),
        ForeignKeyConstraint(["tenant_ods", "predecessor_id"], ["wave.tenant_ods", "wave.id"]),
        ForeignKeyConstraint(["approver_ods"], ["organisation.ods_code"]),
    )

    product_id: strawberry.Private[uuid.UUID]
    incident_ods: strawberry.Private[str] = Field(max_length=10)
    incident_id: strawberry.Private[uuid.UUID]
    predecessor_id: strawberry.Private[uuid.UUID | None] = None
    audience: strawberry.Private[Audience] = Audience.PRIVATE
    state: WaveState = WaveState.DRAFT
    proposed_at: Instant | None = Field(default=None, description="When it was last proposed, UTC.")
    returned_at: Instant | None = Field(default=None, description="When it was last sent back to be mended, UTC.")
    return_reason: str | None = Field(default=None, max_length=2000, description="Why it was sent back.")
    approved_at: Instant | None = Field(default=None, description="When its order was approved, UTC.")
    approver_ods: strawberry.Private[str | None] = Field(default=None, max_length=10)
    approver: str | None = Field(default=None, max_length=120, description="The account of the person who approved it.")
    approval_reason: str | None = Field(default=None, max_length=2000, description="Why this order.")
    opened_at: Instant | None = Field(default=None, description="When it was opened, UTC.")
    completed_at: Instant | None = Field(default=None, description="When all of it had come back, UTC.")
    cancelled_at: Instant | None = Field(default=None, description="When it was given up, UTC.")
    cancel_reason: str | None = Field(default=None, max_length=2000, description="Why it was given up.")
    member_count: strawberry.Private[int] = 0  # both kept by the database, and no event's
    live_count: strawberry.Private[int] = 0

    supplier = one("schema.organisation.Organisation", "tenant_ods", description="Whose wave it is.")
    approved_by = one(
        "schema.organisation.Organisation", "approver_ods", optional=True, description="Whose person approved it."
    )
    product = one("schema.product.Product", "product_id", description="What comes back.")
    incident = one("schema.incident.Incident", "incident_id", optional=True, description="What it was lost to.")
    predecessor = one(
        "schema.reinstatement.wave.Wave", "predecessor_id", optional=True, description="The wave it waits for."
    )
    members = many("schema.reinstatement.wave.WaveMember", "wave_id", description="That the caller may see.")
    slots = many("schema.reinstatement.slot.ReinstatementSlot", "wave_id", description="That the caller may see.")
    holds = many("schema.hold.Hold", "wave_id", newest_first=True, description="On this wave alone, newest first.")

    @computed(
        description="Systems in it; null: fewer than 3, or asked as known at an instant of the past.",
        sql=lambda row: case((row.member_count >= FEWEST, row.member_count)),
    )
    def members_total(self) -> int | None:
        """Return how many systems are in it, where they are too many to tell who."""
        return self.member_count if (self.member_count or 0) >= FEWEST else None

    @computed(
        description="Systems of it that are live or recovered; null: fewer than 3, or asked of the past.",
        sql=lambda row: case((row.live_count >= FEWEST, row.live_count)),
    )
    def members_live(self) -> int | None:
        """Return how many of them are live, where they are too many to tell who."""
        return self.live_count if (self.live_count or 0) >= FEWEST else None


@described_type
class WaveMember(Kept, table=True):
    """A system's place in a wave, and the rule that put it there. Its trust sees it once the wave is proposed."""

    __table_args__ = (
        ForeignKeyConstraint(["tenant_ods"], ["organisation.ods_code"]),
        ForeignKeyConstraint(["trust_ods"], ["organisation.ods_code"]),
        ForeignKeyConstraint(["tenant_ods", "wave_id"], ["wave.tenant_ods", "wave.id"]),
        ForeignKeyConstraint(["trust_ods", "system_id"], ["system.tenant_ods", "system.id"]),
    )

    reason: str = Field(max_length=2000, description="Why it is there: the wave's rule, applied to this trust.")
    wave_id: strawberry.Private[uuid.UUID]
    trust_ods: strawberry.Private[str] = Field(max_length=10)
    system_id: strawberry.Private[uuid.UUID]
    region_ods: strawberry.Private[str | None] = Field(default=None, max_length=10)
    shown: strawberry.Private[bool] = False  # to the trust and its region; kept by the database
    position: int = Field(description="Its place in the order of the wave, from 1.")
    state: MemberState = MemberState.PROPOSED
    approved_at: Instant | None = Field(default=None, description="When the national team approved it, UTC.")
    removed_at: Instant | None = Field(default=None, description="When it was taken out, UTC.")
    removed_reason: str | None = Field(default=None, max_length=2000, description="Why it was taken out.")

    trust = one("schema.organisation.Organisation", "trust_ods", description="Whose system it is.")
    wave = one("schema.reinstatement.wave.Wave", "wave_id", optional=True, description="The wave.")
    system = one("schema.system.System", "system_id", description="The system.")


@described_input
class DraftWave(_Wave, Change):
    """A wave of the calling supplier, to be proposed once its members are in it."""

    product: strawberry.ID
    incident: strawberry.ID
    predecessor: strawberry.ID | None = Field(
        default=None, description="An earlier wave of the same product and incident that it waits for; null: none."
    )


@described_input
class AmendWave(Revision):
    """What changes of a wave that is not yet approved; what is left out stays."""

    wave: strawberry.ID
    opens_on: dt.date | None = None
    closes_on: dt.date | None = None
    order_rationale: Words | None = None
    soak_days: int | None = Field(default=None, ge=0, le=366)
    slots_a_day: int | None = Field(default=None, ge=1, le=100)


@described_input
class AddWaveMember(Change):
    """A system to be in a wave."""

    wave: strawberry.ID
    system: strawberry.ID
    reason: Words = Field(description="Why it is there: the wave's rule, applied to this trust. Never patient data.")
    position: int | None = Field(default=None, ge=1, le=10_000, description="Its place; null: after the last.")
