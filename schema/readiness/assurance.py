"""SecurityAssurance and Evidence: why a build may be trusted not to carry the attack back, and who found so."""

import enum
import uuid
from typing import Annotated, Self

import strawberry
from pydantic import BaseModel, model_validator
from sqlalchemy import TEXT, ForeignKeyConstraint, UniqueConstraint, and_, case, cast, literal_column
from sqlmodel import Field

from schema.change import Change, Revision
from schema.kept.computed import computed
from schema.kept.described import described_enum, described_input, described_type
from schema.kept.instant import as_of
from schema.kept.node import Audience, Instant, Kept
from schema.kept.relation import many, one
from schema.kept.text import Sha256
from schema.milestone import Confidence

Reason = Annotated[str, Field(min_length=2, max_length=2000)]


@described_enum
class AssuranceState(enum.StrEnum):
    """How far an assurance has come. It expires by itself: see its standing."""

    DRAFT = "DRAFT"
    SUBMITTED = "SUBMITTED"
    UNDER_REVIEW = "UNDER_REVIEW"
    MORE_EVIDENCE = "MORE_EVIDENCE"
    APPROVED = "APPROVED"
    REJECTED = "REJECTED"
    REVOKED = "REVOKED"


@described_enum
class AssuranceStanding(enum.StrEnum):
    """Where an assurance stands at the moment of the answer: its state, or EXPIRED."""

    DRAFT = "DRAFT"
    SUBMITTED = "SUBMITTED"
    UNDER_REVIEW = "UNDER_REVIEW"
    MORE_EVIDENCE = "MORE_EVIDENCE"
    APPROVED = "APPROVED"
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"
    REVOKED = "REVOKED"


@described_enum
class AssuranceVerdict(enum.StrEnum):
    """What an assurer may decide of an assurance under review."""

    APPROVED = "APPROVED"
    MORE_EVIDENCE = "MORE_EVIDENCE"
    REJECTED = "REJECTED"


@described_enum
class EvidenceKind(enum.StrEnum):
    """What a document shows."""

    BACKUP_TEST = "BACKUP_TEST"
    FORENSIC_REPORT = "FORENSIC_REPORT"
    IOC_SWEEP = "IOC_SWEEP"
    OTHER = "OTHER"
    PENETRATION_TEST = "PENETRATION_TEST"
    REBUILD_ATTESTATION = "REBUILD_ATTESTATION"
    VULNERABILITY_SCAN = "VULNERABILITY_SCAN"


class _Assurance(BaseModel):
    reference: Annotated[str, Field(min_length=2, max_length=80)] = Field(
        description="The supplier's name for this pack of evidence; unique for it."
    )


@described_input
class DraftAssurance(_Assurance, Change):
    """A pack of evidence for a build of one's own; a draft that others do not see until it is submitted."""

    build: strawberry.ID
    supersedes: strawberry.ID | None = Field(
        default=None, description="An earlier, submitted one of the same build, which it is to take the place of."
    )


class _Evidence(BaseModel):
    kind: EvidenceKind
    title: Annotated[str, Field(min_length=2, max_length=200)] = Field(description="What the document is called.")
    held_in: Annotated[str, Field(min_length=2, max_length=300)] = Field(
        description="Where the document is kept. It is referred to, never held here."
    )
    sha256: Sha256 = Field(
        description="SHA-256 of the document, 64 digits, lower-case hexadecimal: whoever holds it can tell it is this."
    )


@described_input
class AddEvidence(_Evidence, Change):
    """A document that an assurance rests on."""

    assurance: strawberry.ID


@described_input
class SubmitAssurance(Revision):
    """The assurance that is ready to be reviewed; from now on everybody sees it, and its evidence the assurer."""

    assurance: strawberry.ID


@described_input
class ReviewAssurance(Revision):
    """The assurance whose review begins."""

    assurance: strawberry.ID


class _Verdict(Revision):
    verdict: AssuranceVerdict
    reason: Reason = Field(description="Why, or what evidence is missing. Published with it. Never patient data.")
    confidence: Confidence | None = Field(default=None, description="How sure; with APPROVED, and only then.")
    valid_until: Instant | None = Field(
        default=None, description="Until when it holds, UTC, in the future; with APPROVED, and only then."
    )

    @model_validator(mode="after")
    def _approval_is_whole(self) -> Self:
        stated = [self.confidence is not None, self.valid_until is not None]
        if stated != [self.verdict == AssuranceVerdict.APPROVED] * 2:
            raise ValueError("confidence and validUntil are stated with APPROVED, both, and with nothing else")
        return self


@described_input
class DecideAssurance(_Verdict):
    """What the review came to."""

    assurance: strawberry.ID


@described_input
class RevokeAssurance(Revision):
    """An approval that no longer holds."""

    assurance: strawberry.ID
    reason: Reason = Field(description="Why. Published with it. Never patient data.")


@described_type
class SecurityAssurance(_Assurance, Kept, table=True):
    """A supplier's evidence for the security of a build, and what an assurer decided of it.

    Of those on the builds on which results count, the newest submitted is the one that counts.
    """

    __table_args__ = (
        UniqueConstraint("tenant_ods", "reference"),
        ForeignKeyConstraint(["tenant_ods"], ["organisation.ods_code"]),
        ForeignKeyConstraint(["tenant_ods", "product_id"], ["product.tenant_ods", "product.id"]),
        ForeignKeyConstraint(["tenant_ods", "build_id"], ["build.tenant_ods", "build.id"]),
        ForeignKeyConstraint(
            ["tenant_ods", "supersedes_id"], ["security_assurance.tenant_ods", "security_assurance.id"]
        ),
        ForeignKeyConstraint(["assurer_ods"], ["organisation.ods_code"]),
    )

    product_id: strawberry.Private[uuid.UUID]
    build_id: strawberry.Private[uuid.UUID]
    supersedes_id: strawberry.Private[uuid.UUID | None] = None
    state: AssuranceState = AssuranceState.DRAFT
    audience: strawberry.Private[Audience] = Audience.PRIVATE
    submitted_at: Instant | None = Field(default=None, description="When it was last submitted, UTC.")
    assurer_ods: strawberry.Private[str | None] = Field(default=None, max_length=10)
    decider: str | None = Field(default=None, max_length=120, description="The account of the person who decided last.")
    decided_at: Instant | None = Field(default=None, description="When it was last decided, UTC; a revocation decides.")
    confidence: Confidence | None = Field(default=None, description="How sure the assurer was; null: not approved.")
    valid_until: Instant | None = Field(default=None, description="Until when the approval holds, UTC.")
    decision_reason: str | None = Field(default=None, max_length=2000, description="Why it was decided so.")

    supplier = one("schema.organisation.Organisation", "tenant_ods", description="Whose evidence it is.")
    product = one("schema.product.Product", "product_id", description="What it is about.")
    build = one("schema.product.Build", "build_id", description="The build it is about.")
    supersedes = one(
        "schema.readiness.assurance.SecurityAssurance",
        "supersedes_id",
        optional=True,
        description="The earlier one it takes the place of.",
    )
    assurer = one(
        "schema.organisation.Organisation", "assurer_ods", optional=True, description="Who reviews it, or decided."
    )
    evidence = many(
        "schema.readiness.assurance.Evidence", "assurance_id", description="What it rests on, that the caller may see."
    )

    @computed(
        description="Its state, or EXPIRED where its validity has passed. Computed, never stated.",
        sql=lambda row: case(
            (
                and_(row.state == AssuranceState.APPROVED, row.valid_until <= as_of()),
                literal_column("'EXPIRED'", TEXT),
            ),
            else_=cast(row.state, TEXT),
        ),
    )
    def standing(self, info: strawberry.Info) -> AssuranceStanding:
        """Return where it stands at the moment of the answer."""
        expired = self.valid_until is not None and self.valid_until <= info.context.now(self)
        if self.state == AssuranceState.APPROVED and expired:
            return AssuranceStanding.EXPIRED
        return AssuranceStanding(self.state)


@described_type
class Evidence(_Evidence, Kept, table=True):
    """A document that an assurance rests on. Read by its supplier, the assurer, the national team and the auditor."""

    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_ods", "assurance_id"], ["security_assurance.tenant_ods", "security_assurance.id"]
        ),
    )

    assurance_id: strawberry.Private[uuid.UUID]

    assurance = one("schema.readiness.assurance.SecurityAssurance", "assurance_id", description="What rests on it.")
