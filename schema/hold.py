"""Hold: a stop on a system, a wave, a build, a product or an incident, until a person releases it."""

import enum
import uuid
from typing import Annotated

import strawberry
from pydantic import BaseModel, field_validator
from sqlalchemy import ForeignKeyConstraint
from sqlmodel import Field

from schema.change import Change, Revision
from schema.kept.described import described_enum, described_input, described_type
from schema.kept.node import Audience, Instant, Kept
from schema.kept.relation import one
from schema.organisation import OrganisationKind
from schema.system import turn_of

SystemId = Annotated[
    strawberry.ID | None,
    strawberry.argument(
        description="Those over this system: on itself, its wave or an earlier one, its product, the product's current "
        "build, or its incident."
    ),
]


@described_enum
class HoldScope(enum.StrEnum):
    """What a hold stops: one system, a wave and those after, or all on a build, of a product, of an incident."""

    BUILD = "BUILD"
    INCIDENT = "INCIDENT"
    PRODUCT = "PRODUCT"
    SYSTEM = "SYSTEM"
    WAVE = "WAVE"


@described_enum
class HoldReason(enum.StrEnum):
    """Why progress is stopped."""

    CHANGE_FREEZE = "CHANGE_FREEZE"
    CLINICAL_SAFETY = "CLINICAL_SAFETY"
    DEFECT = "DEFECT"
    OPERATIONAL = "OPERATIONAL"
    ROLLBACK = "ROLLBACK"
    SECURITY = "SECURITY"


@described_enum
class HoldState(enum.StrEnum):
    """Whether a hold stands; PLACED alone stops anything. Released and dismissed are for good: hold again instead.

    PROPOSED: a defect asks for it, and a person has yet to confirm or to dismiss it.
    """

    PROPOSED = "PROPOSED"
    PLACED = "PLACED"
    RELEASED = "RELEASED"
    DISMISSED = "DISMISSED"


class _Placed(BaseModel):
    reason_code: HoldReason
    reason: Annotated[str, Field(min_length=2, max_length=2000)] = Field(
        description="Why, in words. Never patient data."
    )


@described_input
class PlaceHold(_Placed, Change):
    """Stops progress until a person releases it."""

    held: strawberry.ID = Field(description="A system, a wave, a build, a product or an incident.")
    effective_from: Instant | None = Field(
        default=None, description="From when it stops progress, UTC; may be announced ahead. Null: now."
    )

    @field_validator("reason_code")
    @classmethod
    def _is_not_a_roll_backs(cls, reason_code: HoldReason) -> HoldReason:
        if reason_code == HoldReason.ROLLBACK:
            raise ValueError("is a roll-back's own: rollBack places that hold by itself; give another reason")
        return reason_code


@described_input
class ConfirmHold(Revision):
    """A hold that a defect proposed is wanted: from now on it stops progress."""

    hold: strawberry.ID


@described_input
class DismissHold(Revision):
    """A person's decision that a hold which a defect proposed is not wanted."""

    hold: strawberry.ID
    reason: Annotated[str, Field(min_length=2, max_length=2000)] = Field(
        description="Why progress may go on all the same, in words. Never patient data."
    )


@described_input
class ReleaseHold(Revision):
    """A person's decision that progress may go on."""

    hold: strawberry.ID
    reason: Annotated[str, Field(min_length=2, max_length=2000)] = Field(
        description="Why it may go on, in words. Never patient data."
    )


@described_type
class Hold(_Placed, Kept, table=True):
    """A stop on what is being recovered. It is no state of a system: whatever it covers keeps its own."""

    __table_args__ = (
        ForeignKeyConstraint(["tenant_ods"], ["organisation.ods_code"]),
        ForeignKeyConstraint(["trust_ods", "system_id"], ["system.tenant_ods", "system.id"]),
        ForeignKeyConstraint(["supplier_ods", "product_id"], ["product.tenant_ods", "product.id"]),
        ForeignKeyConstraint(["supplier_ods", "build_id"], ["build.tenant_ods", "build.id"]),
        ForeignKeyConstraint(["incident_ods", "incident_id"], ["incident.tenant_ods", "incident.id"]),
        ForeignKeyConstraint(["supplier_ods", "wave_id"], ["wave.tenant_ods", "wave.id"]),
        ForeignKeyConstraint(["releaser_ods"], ["organisation.ods_code"]),
        ForeignKeyConstraint(["confirmer_ods"], ["organisation.ods_code"]),
    )

    scope: HoldScope
    trust_ods: strawberry.Private[str | None] = Field(default=None, max_length=10)
    system_id: strawberry.Private[uuid.UUID | None] = None
    supplier_ods: strawberry.Private[str | None] = Field(default=None, max_length=10)
    product_id: strawberry.Private[uuid.UUID | None] = None
    build_id: strawberry.Private[uuid.UUID | None] = None
    incident_ods: strawberry.Private[str | None] = Field(default=None, max_length=10)
    incident_id: strawberry.Private[uuid.UUID | None] = None
    wave_id: strawberry.Private[uuid.UUID | None] = None
    region_ods: strawberry.Private[str | None] = Field(default=None, max_length=10)
    audience: strawberry.Private[Audience] = Audience.PRIVATE
    tier: OrganisationKind = Field(description="The kind of organisation that placed it; a higher one may release it.")
    placed_at: Instant = Field(description="When it was placed or proposed, UTC.")
    effective_from: Instant = Field(description="From when it stops progress, while it is PLACED, UTC.")
    state: HoldState = HoldState.PLACED
    released_at: Instant | None = Field(default=None, description="When it was released or dismissed, UTC.")
    releaser_ods: strawberry.Private[str | None] = Field(default=None, max_length=10)
    releaser: str | None = Field(
        default=None, max_length=120, description="The account of the person who released or dismissed it."
    )
    release_reason: str | None = Field(default=None, max_length=2000, description="Why it was released or dismissed.")
    confirmed_at: Instant | None = Field(
        default=None, description="When one that was proposed was confirmed, UTC; it stops nothing before."
    )
    confirmer_ods: strawberry.Private[str | None] = Field(default=None, max_length=10)
    confirmer: str | None = Field(default=None, max_length=120, description="The client or account that confirmed it.")

    placed_by = one("schema.organisation.Organisation", "tenant_ods", description="Who placed it.")
    released_by = one(
        "schema.organisation.Organisation", "releaser_ods", optional=True, description="Whose person released it."
    )
    confirmed_by = one(
        "schema.organisation.Organisation", "confirmer_ods", optional=True, description="Who confirmed it."
    )
    system = one("schema.system.System", "system_id", optional=True, description="What is held; null: no system is.")
    build = one("schema.product.Build", "build_id", optional=True, description="What is held; null: no build is.")
    product = one(
        "schema.product.Product", "product_id", optional=True, description="What is held; null: no product is."
    )
    incident = one(
        "schema.incident.Incident", "incident_id", optional=True, description="What is held; null: no incident is."
    )
    wave = one(
        "schema.reinstatement.wave.Wave", "wave_id", optional=True, description="What is held; null: no wave is."
    )


def turn_of_held(hold: Hold) -> str:
    """Return the name of the turn in which holds on a thing are placed and released: whoever has it misses none."""
    if hold.system_id:
        return turn_of(str(hold.trust_ods), hold.system_id)
    return str(hold.product_id or hold.build_id or hold.incident_id or hold.wave_id)
