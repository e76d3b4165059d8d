"""The tables and the view that the questions read and write, as SQLModel maps them."""

import datetime as dt
import enum
import uuid
from typing import Annotated, Any

import strawberry
from sqlalchemy import DateTime, Identity
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

Instant = Annotated[dt.datetime, Field(sa_type=DateTime(timezone=True))]
Key = Annotated[uuid.UUID, Field(primary_key=True)]
Tenant = Annotated[str, Field(primary_key=True)]


def _enum(name: str, members: str) -> Any:
    return strawberry.enum(enum.Enum(name, [(member, member) for member in members.split()]))


Criticality = _enum("Criticality", "CRITICAL HIGH MEDIUM LOW")
Hosting = _enum("Hosting", "SUPPLIER TRUST")
MilestoneKind = _enum("MilestoneKind", "BUILD_READY SAFETY_CASE SECURITY_ASSURANCE HANDOVER GO_LIVE RECOVERED OTHER")
MilestoneStatus = _enum("MilestoneStatus", "PLANNED IN_PROGRESS MET MISSED CANCELLED")
ReasonCode = _enum(
    "ReasonCode", "FIRST_FORECAST ASSURANCE DEFECT FORENSIC_HOLD REBUILD_LONGER RESOURCE EARLIER_THAN_PLANNED OTHER"
)
SystemState = _enum(
    "SystemState",
    "OPERATIONAL OUTAGE ISOLATED REBUILDING AWAITING_HANDOVER HANDED_OVER IN_TRUST_TEST READY APPROVED REINSTATING "
    "LIVE RECOVERED ROLLED_BACK REPLACED RETIRED",
)
TestingStanding = _enum("TestingStanding", "NOT_REPORTED OPEN_FAILURES IN_PROGRESS ALL_MET")
TestKind = _enum(
    "TestKind",
    "CONNECTIVITY SMOKE ACCESS INTERFACE DATA_INTEGRITY REGRESSION UAT PERFORMANCE PENETRATION OAT REPORTING_EXTRACT",
)
TestOutcome = _enum("TestOutcome", "PASSED FAILED BLOCKED")


class Organisation(SQLModel, table=True):
    """An organisation of the list."""

    ods_code: Tenant
    name: str


class System(SQLModel, table=True):
    """A trust's system."""

    tenant_ods: Tenant
    id: Key
    name: str
    state: SystemState
    hosting: Hosting
    criticality: Criticality
    teams_total: int | None
    accounts_total: int | None


class Milestone(SQLModel, table=True):
    """A dated promise."""

    tenant_ods: Tenant
    id: Key
    system_id: uuid.UUID | None
    title: str
    kind: MilestoneKind
    status: MilestoneStatus
    baseline_on: dt.date
    forecast_on: dt.date
    actual_at: Instant | None


class MilestoneForecast(SQLModel, table=True):
    """One date that a milestone was given."""

    __tablename__ = "milestone_forecast"
    tenant_ods: Tenant
    id: Key
    milestone_id: uuid.UUID
    number: int
    forecast_on: dt.date
    moved_days: int
    reason_code: ReasonCode
    note: str | None


class TestReport(SQLModel, table=True):
    """A trust's result for one test stage."""

    __tablename__ = "test_report"
    tenant_ods: Tenant
    id: Key
    version: int
    test: TestKind
    outcome: TestOutcome
    reported_at: Instant


class Progress(SQLModel, table=True):
    """The view: one line a system."""

    tenant_ods: Tenant
    system_id: Key
    region_ods: str | None
    organisation_name: str
    system_name: str
    state: SystemState
    testing: TestingStanding
    percent_met: int | None
    latest_report_id: uuid.UUID | None


class BenchSystem(SQLModel, table=True):
    """The system's row that a report changes."""

    __tablename__ = "bench_system"
    tenant_ods: Tenant
    id: Key
    version: int
    supplier_ods: str
    region_ods: str | None
    current_build_id: uuid.UUID | None


class BenchReport(SQLModel, table=True):
    """A report as it is written."""

    __tablename__ = "bench_report"
    tenant_ods: Tenant
    id: Key = Field(default_factory=uuid.uuid4)
    version: int = 1
    created_at: Instant
    created_by: str
    outcome: TestOutcome
    planned: int
    run: int
    passed: int
    failed: int
    blocked: int
    entry_met: bool
    exit_met: bool
    environment: str
    notes: str | None
    system_id: uuid.UUID
    supplier_ods: str
    build_id: uuid.UUID
    region_ods: str | None
    test: TestKind
    as_of: Instant
    reported_at: Instant


class BenchAudit(SQLModel, table=True):
    """Who wrote what."""

    __tablename__ = "bench_audit"
    tenant_ods: Tenant
    id: int | None = Field(default=None, primary_key=True, sa_column_args=[Identity(always=True)])
    actor: str
    verb: str
    object_type: str
    object_key: str
    row: dict[str, Any] = Field(sa_type=JSONB)
