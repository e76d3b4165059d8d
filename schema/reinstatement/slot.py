"""ReinstatementSlot: the window in which a system is reconnected, booked by its trust, confirmed by its supplier."""

import datetime as dt
import enum
import uuid
from typing import Annotated

import strawberry
from pydantic import BaseModel
from sqlalchemy import ForeignKeyConstraint
from sqlmodel import Field

from schema.change import Change, Revision
from schema.kept.described import described_enum, described_input, described_type
from schema.kept.node import Instant, Kept
from schema.kept.relation import one
from schema.organisation import OrganisationKind as Kind


@described_enum
class SlotState(enum.StrEnum):
    """Whether a slot is booked."""

    REQUESTED = "REQUESTED"
    CONFIRMED = "CONFIRMED"
    DECLINED = "DECLINED"
    HANDED_BACK = "HANDED_BACK"


WaveId = Annotated[strawberry.ID | None, strawberry.argument(description="Those of this wave.")]
SystemId = Annotated[strawberry.ID | None, strawberry.argument(description="Those of this system.")]

ACTIVE = (SlotState.REQUESTED, SlotState.CONFIRMED)

# Who moves a slot from which state to which; the database has the same table in migrations/0020_cohorts.sql.
MOVES = frozenset(
    {
        (SlotState.REQUESTED, SlotState.CONFIRMED, Kind.SUPPLIER),
        (SlotState.REQUESTED, SlotState.DECLINED, Kind.SUPPLIER),
        (SlotState.CONFIRMED, SlotState.DECLINED, Kind.SUPPLIER),  # once the system is no member any more
        (SlotState.REQUESTED, SlotState.HANDED_BACK, Kind.TRUST),
        (SlotState.CONFIRMED, SlotState.HANDED_BACK, Kind.TRUST),
    }
)


class _Window(BaseModel):
    starts_at: Instant = Field(description="When the reconnection begins, UTC.")
    ends_at: Instant = Field(description="When it is to be done, UTC; the slot is over with that day, in London.")


@described_type
class ReinstatementSlot(_Window, Kept, table=True):
    """A window for reconnecting one system. A confirmed one has a place of its day; nobody else has the same."""

    __table_args__ = (
        ForeignKeyConstraint(["tenant_ods", "system_id"], ["system.tenant_ods", "system.id"]),
        ForeignKeyConstraint(["supplier_ods", "wave_id"], ["wave.tenant_ods", "wave.id"]),
    )

    supplier_ods: strawberry.Private[str] = Field(max_length=10)
    wave_id: strawberry.Private[uuid.UUID]
    system_id: strawberry.Private[uuid.UUID]
    region_ods: strawberry.Private[str | None] = Field(default=None, max_length=10)
    on_day: dt.date = Field(description="The day it begins, in London.")
    state: SlotState = SlotState.REQUESTED
    place: int | None = Field(default=None, description="From 1 to the wave's slots a day; null: not confirmed.")
    queue_position: int = Field(
        description="Its system's place in the order of the wave, by the wave's orderRationale and its member's reason."
    )
    swap_offered: bool = Field(default=False, description="The trust would exchange it for another trust's.")
    requested_at: Instant = Field(description="When it was asked for, UTC.")
    decided_at: Instant | None = Field(
        default=None, description="When the supplier confirmed, declined or exchanged it, UTC."
    )
    decider: str | None = Field(default=None, max_length=120, description="The client or account that decided it.")
    decline_reason: str | None = Field(default=None, max_length=2000, description="Why it was declined.")
    handed_back_at: Instant | None = Field(default=None, description="When its trust gave it back, UTC.")
    hand_back_reason: str | None = Field(default=None, max_length=2000, description="Why it was given back.")

    wave = one("schema.reinstatement.wave.Wave", "wave_id", description="The wave it is of.")
    system = one("schema.system.System", "system_id", description="What is reconnected.")


Words = Annotated[str, Field(min_length=2, max_length=2000)]


class _OfSlot(Revision):
    slot: strawberry.ID


class _OfSlotFor(_OfSlot):
    reason: Words = Field(description="Why, in words. Never patient data.")


@described_input
class RequestSlot(_Window, Change):
    """The window a trust would like for its system, within the wave that the system is in."""

    system: strawberry.ID


@described_input
class ConfirmSlot(_OfSlot):
    """The slot that the supplier confirms."""


@described_input
class DeclineSlot(_OfSlotFor):
    """The slot that the supplier cannot give, and why."""


@described_input
class HandBackSlot(_OfSlotFor):
    """The slot that the trust does not need, and why."""


@described_input
class OfferSlotSwap(_OfSlot):
    """A confirmed slot that the trust would exchange, or would not any more."""

    offered: bool = Field(default=True, description="False: the offer is taken back.")


@described_input
class SwapSlots(Change):
    """Two confirmed slots of one wave, both offered for exchange."""

    one: strawberry.ID
    other: strawberry.ID
