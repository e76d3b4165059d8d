"""KnownIssue and KnownIssueSighting: a defect the supplier publishes to all, and the trusts that see it, too."""

import datetime as dt
import uuid
from typing import Annotated, ClassVar

import strawberry
from pydantic import BaseModel
from sqlalchemy import ForeignKeyConstraint, UniqueConstraint
from sqlmodel import Field

from schema.change import Change, Revision
from schema.kept.described import described_input, described_type
from schema.kept.node import Instant, Kept
from schema.kept.relation import many, one
from schema.readiness.defect import DefectSeverity


class _Issue(BaseModel):
    title: Annotated[str, Field(min_length=2, max_length=200)] = Field(description="What is wrong, in a line.")
    severity: DefectSeverity
    workaround: str | None = Field(default=None, max_length=2000, description="How to do without until it is fixed.")


@described_input
class PublishKnownIssue(_Issue, Change):
    """Something wrong with a product that every caller is told of."""

    product: strawberry.ID
    first_build: strawberry.ID = Field(description="The first build that has it.")
    fixed_in: strawberry.ID | None = Field(default=None, description="The build that mends it, where there is one.")
    defect: strawberry.ID | None = Field(
        default=None, description="The publisher's own defect that it comes from, if any; never a trust's."
    )


@described_input
class ResolveKnownIssue(Revision):
    """A known issue is no more."""

    known_issue: strawberry.ID
    fixed_in: strawberry.ID | None = Field(
        default=None, description="The build that mends it; null: the one named before, or none was needed."
    )


@described_input
class SightKnownIssue(Change):
    """We see it, too: on one system of a trust."""

    known_issue: strawberry.ID
    system: strawberry.ID
    seen_on: dt.date | None = Field(default=None, description="The day it was first seen; not to come. Null: today.")


@described_type
class KnownIssue(_Issue, Kept, table=True):
    """Something wrong with a product, published to every caller."""

    UNRECORDED: ClassVar[tuple[str, ...]] = ("sightings",)

    __table_args__ = (
        ForeignKeyConstraint(["tenant_ods"], ["organisation.ods_code"]),
        ForeignKeyConstraint(["tenant_ods", "product_id"], ["product.tenant_ods", "product.id"]),
        ForeignKeyConstraint(["tenant_ods", "first_build_id"], ["build.tenant_ods", "build.id"]),
        ForeignKeyConstraint(["tenant_ods", "fixed_in_id"], ["build.tenant_ods", "build.id"]),
        ForeignKeyConstraint(["tenant_ods", "defect_id"], ["defect.tenant_ods", "defect.id"]),
    )

    product_id: strawberry.Private[uuid.UUID]
    first_build_id: strawberry.Private[uuid.UUID]
    fixed_in_id: strawberry.Private[uuid.UUID | None] = None
    defect_id: strawberry.Private[uuid.UUID | None] = None
    published_at: Instant = Field(description="When it was published, UTC.")
    resolved_at: Instant | None = Field(default=None, description="When it was no more, UTC; null: it still is.")
    sightings: int | None = Field(
        default=None,
        description="How many trusts see it; null: fewer than 3, so that nobody is found out. "
        "As known at an instant: by its latest change before.",
    )

    published_by = one("schema.organisation.Organisation", "tenant_ods", description="The supplier.")
    product = one("schema.product.Product", "product_id", description="What has it.")
    first_build = one("schema.product.Build", "first_build_id", description="The first build that has it.")
    fixed_in = one("schema.product.Build", "fixed_in_id", optional=True, description="The build that mends it.")
    defect = one(
        "schema.readiness.defect.Defect",
        "defect_id",
        optional=True,
        description="The supplier's own defect behind it, where the caller may see that.",
    )
    seen = many(
        "schema.readiness.known_issue.KnownIssueSighting", "known_issue_id", description="That the caller may see."
    )


@described_type
class KnownIssueSighting(Kept, table=True):
    """One trust sees a known issue on one of its systems. No other trust is told which."""

    __table_args__ = (
        UniqueConstraint("tenant_ods", "system_id", "known_issue_id"),
        ForeignKeyConstraint(["supplier_ods", "known_issue_id"], ["known_issue.tenant_ods", "known_issue.id"]),
        ForeignKeyConstraint(["tenant_ods", "system_id"], ["system.tenant_ods", "system.id"]),
    )

    seen_on: dt.date = Field(description="The day it was first seen.")
    supplier_ods: strawberry.Private[str] = Field(max_length=10)
    known_issue_id: strawberry.Private[uuid.UUID]
    system_id: strawberry.Private[uuid.UUID]
    region_ods: strawberry.Private[str | None] = Field(default=None, max_length=10)

    known_issue = one("schema.readiness.known_issue.KnownIssue", "known_issue_id", description="What is seen.")
    system = one("schema.system.System", "system_id", description="Where it is seen.")
