"""Product and Build: what was lost, and the numbered releases it comes back as."""

import uuid
from typing import Annotated, ClassVar

import strawberry
from pydantic import BaseModel, StringConstraints
from sqlalchemy import ForeignKeyConstraint, UniqueConstraint
from sqlmodel import Field

from schema.change import Change
from schema.kept.described import described_input, described_type
from schema.kept.node import Instant, Kept
from schema.kept.relation import many, one


class _Product(BaseModel):
    code: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9_]{2,40}$"), Field(max_length=40)] = Field(
        description="Short name, capitals; unique for its supplier."
    )
    name: Annotated[str, Field(min_length=2, max_length=120)] = Field(description="The name users know.")
    category: Annotated[str, StringConstraints(pattern=r"^[A-Z_]{2,60}$"), Field(max_length=60)] = Field(
        description="What it does, e.g. ELECTRONIC_PATIENT_RECORD."
    )


@described_input
class RegisterProduct(_Product, Change):
    """A product that was lost and is to come back."""


@described_type
class Product(_Product, Kept, table=True):
    """What was lost: a product of one supplier. Published to every caller."""

    KEY: ClassVar[str] = "id"

    __table_args__ = (
        UniqueConstraint("tenant_ods", "code"),
        ForeignKeyConstraint(["tenant_ods"], ["organisation.ods_code"]),
        ForeignKeyConstraint(["tenant_ods", "current_build_id"], ["build.tenant_ods", "build.id"], use_alter=True),
    )

    current_build_id: strawberry.Private[uuid.UUID | None] = None

    supplier = one("schema.organisation.Organisation", "tenant_ods", description="Who makes and hosts it.")
    current_build = one("schema.product.Build", "current_build_id", optional=True, description="The latest build.")
    builds = many("schema.product.Build", "product_id", newest_first=True, description="Newest first.")
    milestones = many("schema.milestone.Milestone", "product_id", description="That the caller may see.")
    systems = many("schema.system.System", "product_id", description="That the caller may see.")
    waves = many("schema.reinstatement.wave.Wave", "product_id", description="That the caller may see.")
    holds = many("schema.hold.Hold", "product_id", newest_first=True, description="On the product, newest first.")
    defects = many("schema.readiness.defect.Defect", "product_id", description="That the caller may see.")
    known_issues = many(
        "schema.readiness.known_issue.KnownIssue", "product_id", newest_first=True, description="Newest first."
    )


class _Build(BaseModel):
    label: Annotated[str, Field(min_length=1, max_length=60)] = Field(
        description="As printed on the release, e.g. CN-R1.1; unique for its product."
    )
    built_at: Instant = Field(description="When it was finished, UTC; not in the future.")
    safety_relevant_change: bool = Field(
        description="True: every test result and safety sign-off on earlier builds is stale (DCB0129)."
    )
    release_notes: str | None = Field(default=None, max_length=4000, description="What changed.")


@described_input
class RegisterBuild(_Build, Change):
    """A release of the rebuilt product; it becomes the current one."""

    product: strawberry.ID


@described_type
class Build(_Build, Kept, table=True):
    """A numbered release of the rebuilt product; tests and sign-offs attach to it. Published to every caller."""

    __table_args__ = (
        UniqueConstraint("tenant_ods", "product_id", "label"),
        UniqueConstraint("tenant_ods", "product_id", "number"),
        ForeignKeyConstraint(["tenant_ods", "product_id"], ["product.tenant_ods", "product.id"]),
        ForeignKeyConstraint(["tenant_ods", "supersedes_id"], ["build.tenant_ods", "build.id"]),
    )

    product_id: strawberry.Private[uuid.UUID]
    number: int = Field(description="1 for the first build of the product, then 2, 3 …")
    results_count_from: int = Field(description="Test results on builds from this number on still count.")
    supersedes_id: strawberry.Private[uuid.UUID | None] = None
    withdrawn_at: Instant | None = Field(default=None, description="When the supplier took it back.")

    product = one("schema.product.Product", "product_id", description="What it is a release of.")
    supersedes = one("schema.product.Build", "supersedes_id", optional=True, description="The build before.")
    holds = many("schema.hold.Hold", "build_id", newest_first=True, description="On this build, newest first.")
    assurances = many(
        "schema.readiness.assurance.SecurityAssurance",
        "build_id",
        newest_first=True,
        description="Of its security, that the caller may see, newest first.",
    )
    sign_offs = many(
        "schema.readiness.safety.SafetySignOff",
        "build_id",
        newest_first=True,
        description="Of its safety, by its supplier and by trusts, that the caller may see, newest first.",
    )
    defects = many("schema.readiness.defect.Defect", "build_id", description="Found on it, that the caller may see.")
    known_issues = many("schema.readiness.known_issue.KnownIssue", "first_build_id", description="First in this build.")
