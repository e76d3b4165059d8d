"""GateAssessment: what a gate's owner found of a system or a wave; its private note; and GateWaiver."""

import enum
import uuid
from typing import Annotated

import strawberry
from pydantic import BaseModel
from sqlalchemy import ForeignKeyConstraint, UniqueConstraint
from sqlmodel import Field

from schema.change import Change, Revision
from schema.kept.described import described_enum, described_input, described_type
from schema.kept.node import Audience, Instant, Kept
from schema.kept.relation import many, one
from schema.people.account import Role

Note = Annotated[str | None, Field(min_length=2, max_length=2000)]
Reason = Annotated[str, Field(min_length=2, max_length=2000)]


@described_enum
class GateOutcome(enum.StrEnum):
    """What an owner of a gate found. The latest counts."""

    IN_REVIEW = "IN_REVIEW"
    PASSED = "PASSED"
    PASSED_WITH_CONDITIONS = "PASSED_WITH_CONDITIONS"
    FAILED = "FAILED"


@described_input
class AssessGate(Change):
    """What the caller, in a role that owns the gate, found of a system, or of a wave."""

    gate: strawberry.ID
    subject: strawberry.ID = Field(description="The system; of a gate of waves, the wave.")
    outcome: GateOutcome
    role: Role | None = Field(
        default=None, description="The role it is assessed in. Null: the first of the gate's owners that the caller is."
    )
    note: Note = Field(
        default=None,
        description="What it rests on and its conditions; needed unless it is PASSED or IN_REVIEW. Never patient data. "
        "Not shown to the supplier.",
    )
    evidence_ref: Annotated[str | None, Field(min_length=2, max_length=200)] = Field(
        default=None, description="Where the evidence is kept, e.g. the board's minute. Not shown to the supplier."
    )


@described_type
class GateAssessment(Kept, table=True):
    """What an owner of a gate found of a system, or of a wave, on a build. Never changed; a later one counts."""

    __table_args__ = (
        ForeignKeyConstraint(["tenant_ods"], ["organisation.ods_code"]),
        ForeignKeyConstraint(["gate_ods", "gate_id"], ["gate.tenant_ods", "gate.id"]),
        ForeignKeyConstraint(["trust_ods", "system_id"], ["system.tenant_ods", "system.id"]),
        ForeignKeyConstraint(["supplier_ods", "wave_id"], ["wave.tenant_ods", "wave.id"]),
        ForeignKeyConstraint(["supplier_ods", "build_id"], ["build.tenant_ods", "build.id"]),
    )

    gate_ods: strawberry.Private[str] = Field(max_length=10)
    gate_id: strawberry.Private[uuid.UUID]
    trust_ods: strawberry.Private[str | None] = Field(default=None, max_length=10)
    system_id: strawberry.Private[uuid.UUID | None] = None
    supplier_ods: strawberry.Private[str] = Field(max_length=10)
    wave_id: strawberry.Private[uuid.UUID | None] = None
    build_id: strawberry.Private[uuid.UUID | None] = None
    region_ods: strawberry.Private[str | None] = Field(default=None, max_length=10)
    audience: strawberry.Private[Audience] = Audience.PRIVATE
    outcome: GateOutcome
    assessor_role: Role = Field(description="The role it was assessed in.")
    assessed_at: Instant = Field(description="When, UTC.")
    expires_at: Instant | None = Field(default=None, description="When it ceases to count, UTC; null: never by age.")

    assessed_by = one("schema.organisation.Organisation", "tenant_ods", description="Whose person assessed it.")
    gate = one("schema.readiness.gate.Gate", "gate_id", optional=True, description="The gate.")
    system = one("schema.system.System", "system_id", optional=True, description="Of what; null: of a wave.")
    wave = one("schema.reinstatement.wave.Wave", "wave_id", optional=True, description="Of what; null: of a system.")
    build = one("schema.product.Build", "build_id", optional=True, description="On which build; null: there was none.")
    notes = many(
        "schema.readiness.assessment.AssessmentNote",
        "assessment_id",
        description="What it rests on; none: the caller may not see it.",
    )


@described_type
class AssessmentNote(Kept, table=True):
    """What an assessment rests on: for the trust, its region, the national team and the auditor, never the supplier."""

    __table_args__ = (
        UniqueConstraint("tenant_ods", "assessment_id"),
        ForeignKeyConstraint(["tenant_ods", "assessment_id"], ["gate_assessment.tenant_ods", "gate_assessment.id"]),
    )

    assessment_id: strawberry.Private[uuid.UUID]
    trust_ods: strawberry.Private[str | None] = Field(default=None, max_length=10)
    region_ods: strawberry.Private[str | None] = Field(default=None, max_length=10)
    note: str | None = Field(default=None, max_length=2000, description="What it rests on, and its conditions.")
    evidence_ref: str | None = Field(default=None, max_length=200, description="Where the evidence is kept.")

    assessment = one("schema.readiness.assessment.GateAssessment", "assessment_id", description="The assessment.")


class _Waived(BaseModel):
    reason: Reason = Field(description="Why it may stay shut, in words. Never patient data.")
    until: Instant = Field(description="When the waiver ends, UTC; in the future.")


@described_input
class WaiveGate(_Waived, Change):
    """The national team's decision that a system may go on though a gate is shut."""

    gate: strawberry.ID
    system: strawberry.ID


@described_input
class RevokeWaiver(Revision):
    """The national team's decision that a waiver no longer holds."""

    waiver: strawberry.ID
    reason: Reason = Field(description="Why it no longer holds, in words. Never patient data.")


@described_type
class GateWaiver(_Waived, Kept, table=True):
    """A gate waived for one system until an instant. Security, clinical safety and the board's approval never are."""

    __table_args__ = (
        ForeignKeyConstraint(["tenant_ods"], ["organisation.ods_code"]),
        ForeignKeyConstraint(["gate_ods", "gate_id"], ["gate.tenant_ods", "gate.id"]),
        ForeignKeyConstraint(["trust_ods", "system_id"], ["system.tenant_ods", "system.id"]),
    )

    gate_ods: strawberry.Private[str] = Field(max_length=10)
    gate_id: strawberry.Private[uuid.UUID]
    trust_ods: strawberry.Private[str] = Field(max_length=10)
    system_id: strawberry.Private[uuid.UUID]
    supplier_ods: strawberry.Private[str] = Field(max_length=10)
    region_ods: strawberry.Private[str | None] = Field(default=None, max_length=10)
    waived_at: Instant = Field(description="When it was waived, UTC.")
    revoked_at: Instant | None = Field(default=None, description="When it was revoked, UTC; null: it was not.")
    revoker: str | None = Field(default=None, max_length=120, description="The account of the person who revoked it.")
    revoke_reason: str | None = Field(default=None, max_length=2000, description="Why it was revoked.")

    waived_by = one("schema.organisation.Organisation", "tenant_ods", description="Who waived it.")
    gate = one("schema.readiness.gate.Gate", "gate_id", optional=True, description="The gate.")
    system = one("schema.system.System", "system_id", description="For which system.")
