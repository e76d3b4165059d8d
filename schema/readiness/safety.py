"""SafetySignOff and HazardSummary: that a clinical safety officer takes a build, or its use in a trust, to be safe."""

import datetime as dt
import enum
import uuid
from typing import Annotated, Self

import strawberry
from pydantic import BaseModel, model_validator
from sqlalchemy import ForeignKeyConstraint, UniqueConstraint
from sqlmodel import Field

from schema.change import Change, Revision
from schema.kept.described import described_enum, described_input, described_type
from schema.kept.node import Audience, Instant, Kept
from schema.kept.relation import many, one

Count = Annotated[int, Field(ge=0, le=100_000)]
SignOffSystemId = Annotated[
    strawberry.ID | None, strawberry.argument(description="Those of this system's use of a build: DCB0160.")
]
Reason = Annotated[str, Field(min_length=2, max_length=2000)]


@described_enum
class SafetyStandard(enum.StrEnum):
    """DCB0129: a supplier's, for a build. DCB0160: a trust's, for its use of a build in its own system."""

    DCB0129 = "DCB0129"
    DCB0160 = "DCB0160"


@described_enum
class SignOffState(enum.StrEnum):
    """How far a sign-off has come. A build that supersedes its own makes it stale: the gates tell that."""

    DRAFT = "DRAFT"
    SUBMITTED = "SUBMITTED"
    SIGNED = "SIGNED"
    DECLINED = "DECLINED"
    WITHDRAWN = "WITHDRAWN"


class _Hazards(BaseModel):
    report_ref: Annotated[str, Field(min_length=2, max_length=120)] = Field(
        description="The safety case report, which is kept elsewhere."
    )
    report_version: Annotated[str, Field(min_length=1, max_length=40)] = Field(description="The report's version.")
    level_1: Count = Field(description="Hazards of level 1 after controls: acceptable.")
    level_2: Count = Field(description="Hazards of level 2: acceptable.")
    level_3: Count = Field(description="Hazards of level 3: tolerable where each is justified.")
    level_4: Count = Field(description="Hazards of level 4: unacceptable; none may be left to sign.")
    level_5: Count = Field(description="Hazards of level 5: unacceptable; none may be left to sign.")
    level_3_justified: Count = Field(description="Hazards of level 3 that are justified; at most level3.")
    transferred_total: Count = Field(
        description="Hazards whose control the supplier hands to trusts. A trust carries over the supplier's figure."
    )
    transferred_accepted: Count = Field(
        default=0, description="Of those, accepted by the trust; at most transferredTotal. A supplier accepts none: 0."
    )


class _Stated(_Hazards):
    @model_validator(mode="after")
    def _counts_agree(self) -> Self:
        if self.level_3_justified > self.level_3:
            raise ValueError("level3Justified is more than level3")
        if self.transferred_accepted > self.transferred_total:
            raise ValueError("transferredAccepted is more than transferredTotal")
        return self


@described_input
class DraftSignOff(_Stated, Change):
    """The sign-off of a build: by its supplier (DCB0129), or by a trust for its own system (DCB0160)."""

    build: strawberry.ID
    system: strawberry.ID | None = Field(
        default=None, description="The trust's own system that uses the build: DCB0160. Null: DCB0129, by its supplier."
    )


@described_input
class ReviseHazardSummary(_Stated, Revision):
    """Other figures for a sign-off that is still a draft. `expectedVersion` is the summary's."""

    hazards: strawberry.ID = Field(description="The hazard summary.")


@described_input
class SubmitSignOff(Revision):
    """The sign-off that is ready for the clinical safety officer."""

    sign_off: strawberry.ID


@described_input
class GiveSignOff(Revision):
    """A clinical safety officer's signature."""

    sign_off: strawberry.ID
    next_review_on: dt.date | None = Field(
        default=None,
        description="The day by which it is to be reviewed, after today; once it is past, it no longer stands.",
    )


@described_input
class DeclineSignOff(Revision):
    """A clinical safety officer does not sign."""

    sign_off: strawberry.ID
    reason: Reason = Field(description="Why. Read by whoever reads the hazards. Never patient data.")


@described_input
class WithdrawSignOff(Revision):
    """A clinical safety officer takes a signature back."""

    sign_off: strawberry.ID
    reason: Reason = Field(description="Why. Read by whoever reads the hazards. Never patient data.")


@described_type
class SafetySignOff(Kept, table=True):
    """A clinical safety officer's decision on a build (DCB0129), or on its use in a trust's system (DCB0160)."""

    __table_args__ = (
        ForeignKeyConstraint(["tenant_ods"], ["organisation.ods_code"]),
        ForeignKeyConstraint(["supplier_ods", "product_id"], ["product.tenant_ods", "product.id"]),
        ForeignKeyConstraint(["supplier_ods", "build_id"], ["build.tenant_ods", "build.id"]),
        ForeignKeyConstraint(["trust_ods", "system_id"], ["system.tenant_ods", "system.id"]),
    )

    standard: SafetyStandard
    supplier_ods: strawberry.Private[str] = Field(max_length=10)
    product_id: strawberry.Private[uuid.UUID]
    build_id: strawberry.Private[uuid.UUID]
    trust_ods: strawberry.Private[str | None] = Field(default=None, max_length=10)
    system_id: strawberry.Private[uuid.UUID | None] = None
    region_ods: strawberry.Private[str | None] = Field(default=None, max_length=10)
    audience: strawberry.Private[Audience] = Audience.PRIVATE
    state: SignOffState = SignOffState.DRAFT
    submitted_at: Instant | None = Field(default=None, description="When it was submitted, UTC.")
    signer: str | None = Field(
        default=None, max_length=120, description="The account of the safety officer who signed, or declined."
    )
    signed_at: Instant | None = Field(default=None, description="When it was signed, or declined, UTC.")
    next_review_on: dt.date | None = Field(
        default=None, description="The day by which it is to be reviewed; once it is past, it no longer stands."
    )
    withdrawn_at: Instant | None = Field(default=None, description="When the signature was taken back, UTC.")

    organisation = one("schema.organisation.Organisation", "tenant_ods", description="Whose safety officer decides.")
    product = one("schema.product.Product", "product_id", description="What it is about.")
    build = one("schema.product.Build", "build_id", description="The build it is about.")
    system = one(
        "schema.system.System", "system_id", optional=True, description="The trust's system it is about; null: DCB0129."
    )
    hazards = many(
        "schema.readiness.safety.HazardSummary",
        "sign_off_id",
        description="What was found: one summary, or none that the caller may see.",
    )


@described_type
class HazardSummary(_Hazards, Kept, table=True):
    """How many hazards there are, by level, and why a sign-off was declined or withdrawn.

    A supplier's is published; a trust's is read by that trust and the auditor alone.
    """

    __table_args__ = (
        UniqueConstraint("tenant_ods", "sign_off_id"),
        ForeignKeyConstraint(["tenant_ods", "sign_off_id"], ["safety_sign_off.tenant_ods", "safety_sign_off.id"]),
    )

    sign_off_id: strawberry.Private[uuid.UUID]
    audience: strawberry.Private[Audience] = Audience.PRIVATE
    decision_reason: str | None = Field(
        default=None, max_length=2000, description="Why it was declined, or withdrawn; null: neither."
    )

    sign_off = one("schema.readiness.safety.SafetySignOff", "sign_off_id", description="What it was stated for.")
