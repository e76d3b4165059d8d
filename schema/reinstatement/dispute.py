"""Dispute: one side claims a state of a system that the other side's own checks do not bear out."""

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
from schema.system import SystemState


@described_enum
class DisputeState(enum.StrEnum):
    """Whether the sides still differ. Settled is for good: what is disputed anew is raised anew."""

    OPEN = "OPEN"
    SETTLED = "SETTLED"


class _Disputed(BaseModel):
    claimed_state: SystemState = Field(description="What the other side says: the state it claims for the system.")
    verified_state: SystemState = Field(description="What the raiser found: the state its own checks bear out.")
    reason: Annotated[str, Field(min_length=2, max_length=2000)] = Field(
        description="What the raiser checked and found, in words. Never patient data."
    )


@described_input
class RaiseDispute(_Disputed, Change):
    """Says that a claimed state of a system is not what the raiser found."""

    system: strawberry.ID


@described_input
class SettleDispute(Revision):
    """The raiser's statement that the sides agree again, and on what."""

    dispute: strawberry.ID
    settlement: Annotated[str, Field(min_length=2, max_length=2000)] = Field(
        description="What the sides agree on, in words. Never patient data."
    )


@described_type
class Dispute(_Disputed, Kept, table=True):
    """A difference between what one side claims of a system and what the other verified. It moves nothing by itself."""

    __table_args__ = (
        ForeignKeyConstraint(["tenant_ods"], ["organisation.ods_code"]),
        ForeignKeyConstraint(["trust_ods", "system_id"], ["system.tenant_ods", "system.id"]),
        ForeignKeyConstraint(["supplier_ods"], ["organisation.ods_code"]),
    )

    trust_ods: strawberry.Private[str] = Field(max_length=10)
    system_id: strawberry.Private[uuid.UUID]
    supplier_ods: strawberry.Private[str] = Field(max_length=10)
    region_ods: strawberry.Private[str | None] = Field(default=None, max_length=10)
    state: DisputeState = DisputeState.OPEN
    settled_at: Instant | None = Field(default=None, description="When it was settled, UTC.")
    settlement: str | None = Field(default=None, max_length=2000, description="What the sides agreed on.")

    raised_by = one("schema.organisation.Organisation", "tenant_ods", description="Who raised it.")
    supplier = one("schema.organisation.Organisation", "supplier_ods", description="The system's supplier.")
    system = one("schema.system.System", "system_id", description="The system whose state is disputed.")
