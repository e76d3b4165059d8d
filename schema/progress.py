"""SystemProgress: one line of the answer to 'where does everybody stand?'."""

import enum
import uuid

import strawberry
from sqlalchemy import ForeignKeyConstraint
from sqlmodel import Field

from schema.kept.described import described_enum, described_type
from schema.kept.node import Instant, Row
from schema.kept.relation import one
from schema.system import SystemState


@described_enum
class TestingStanding(enum.StrEnum):
    """Where testing stands on the current build. Not reported is its own value: never zero, never green."""

    NOT_REPORTED = "NOT_REPORTED"
    OPEN_FAILURES = "OPEN_FAILURES"
    IN_PROGRESS = "IN_PROGRESS"
    ALL_MET = "ALL_MET"


@described_type
class SystemProgress(Row, table=True):
    """Where one trust's system stands: one line. Figures are of the answer's own moment, `asOf`."""

    __tablename__ = "progress"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_ods"], ["organisation.ods_code"]),
        ForeignKeyConstraint(["tenant_ods", "system_id"], ["system.tenant_ods", "system.id"]),
        ForeignKeyConstraint(["supplier_ods", "current_build_id"], ["build.tenant_ods", "build.id"]),
        ForeignKeyConstraint(["tenant_ods", "latest_report_id"], ["test_report.tenant_ods", "test_report.id"]),
        ForeignKeyConstraint(["supplier_ods", "next_milestone_id"], ["milestone.tenant_ods", "milestone.id"]),
        {"info": {"view": 10}},
    )

    tenant_ods: strawberry.Private[str] = Field(max_length=10, primary_key=True)
    system_id: strawberry.Private[uuid.UUID] = Field(primary_key=True)
    product_id: strawberry.Private[uuid.UUID]
    incident_ods: strawberry.Private[str] = Field(max_length=10)
    incident_id: strawberry.Private[uuid.UUID]
    supplier_ods: strawberry.Private[str] = Field(max_length=10)
    region_ods: strawberry.Private[str | None] = Field(default=None, max_length=10)
    organisation_name: strawberry.Private[str] = Field(max_length=200)
    system_name: strawberry.Private[str] = Field(max_length=120)
    as_of: Instant = Field(description="When this was so, UTC.")
    state: SystemState
    current_build_id: strawberry.Private[uuid.UUID | None] = None
    testing: TestingStanding
    mandatory_total: int = Field(description="Mandatory test stages in the catalogue.")
    mandatory_met: int | None = Field(description="Met on the current build; null: not reported.")
    percent_met: int | None = Field(description="0 to 100, rounded down; null: not reported.")
    open_failures: int | None = Field(description="Test stages whose latest result failed; null: not reported.")
    latest_report_id: strawberry.Private[uuid.UUID | None] = None
    hours_since_report: int | None = Field(description="Age of the latest report; null: not reported.")
    next_milestone_id: strawberry.Private[uuid.UUID | None] = None
    open_holds: int = Field(
        description="Holds in force over it that the caller may see: on it, its current build, product or incident."
    )

    organisation = one(
        "schema.organisation.Organisation",
        "tenant_ods",
        description="The trust.",
        carried={"name": "organisation_name"},
    )
    system = one(
        "schema.system.System",
        "system_id",
        description="The system.",
        carried={"name": "system_name", "state": "state"},
    )
    current_build = one(
        "schema.product.Build",
        "current_build_id",
        optional=True,
        description="The product's latest build; null: none yet.",
    )
    latest_report = one(
        "schema.testing.TestReport",
        "latest_report_id",
        optional=True,
        description="Its latest report on any build; null: not reported.",
    )
    next_milestone = one(
        "schema.milestone.Milestone",
        "next_milestone_id",
        optional=True,
        description="The open milestone expected first, with its slip.",
    )
