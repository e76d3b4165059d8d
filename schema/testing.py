"""TestMilestone and TestReport: the test stages, and one trust's result for one of them on one build."""

import enum
import uuid
from typing import Annotated, ClassVar, Self

import strawberry
from pydantic import BaseModel, model_validator
from sqlalchemy import ForeignKeyConstraint, UniqueConstraint
from sqlmodel import Field

from schema.change import Change
from schema.kept.described import described_enum, described_input, described_type
from schema.kept.node import Instant, Kept, Node, Row
from schema.kept.relation import one


@described_enum
class TestKind(enum.StrEnum):
    """Test stages of a trust before reinstatement."""

    CONNECTIVITY = "CONNECTIVITY"
    SMOKE = "SMOKE"
    ACCESS = "ACCESS"
    INTERFACE = "INTERFACE"
    DATA_INTEGRITY = "DATA_INTEGRITY"
    REGRESSION = "REGRESSION"
    UAT = "UAT"
    PERFORMANCE = "PERFORMANCE"
    PENETRATION = "PENETRATION"
    OAT = "OAT"
    REPORTING_EXTRACT = "REPORTING_EXTRACT"


@described_enum
class TestOutcome(enum.StrEnum):
    """How a test ended."""

    PASSED = "PASSED"
    FAILED = "FAILED"
    BLOCKED = "BLOCKED"


@described_type
class TestMilestone(Row, Node, table=True):
    """A test stage of the catalogue: the same for every trust, published to every caller."""

    ORDER: ClassVar[tuple[str, ...]] = ("kind",)

    kind: TestKind = Field(primary_key=True)
    title: str = Field(max_length=120)
    mandatory: bool = Field(description="True: a system is not ready without it.")
    position: int = Field(description="Order in which they are usually run, from 1.")


class _Reported(BaseModel):
    outcome: TestOutcome
    planned: int = Field(ge=0, le=1_000_000, description="Test cases planned.")
    run: int = Field(ge=0, description="Test cases run; at most planned.")
    passed: int = Field(ge=0)
    failed: int = Field(ge=0)
    blocked: int = Field(ge=0, description="Run could not finish; passed + failed + blocked = run.")
    entry_met: bool = Field(description="The test might start: its entry criteria were met.")
    exit_met: bool = Field(description="The test is done: its exit criteria are met.")
    environment: Annotated[str, Field(min_length=2, max_length=60)] = Field(
        default="TRUST_TEST", description="Where it was run."
    )
    as_of: Instant | None = Field(default=None, description="When it was so, UTC; not in the future. Null: now.")
    notes: str | None = Field(default=None, max_length=2000, description="Free text. Never patient data.")


class _Counted(_Reported, Change):
    @model_validator(mode="after")
    def _counts_agree(self) -> Self:
        if self.run > self.planned or self.passed + self.failed + self.blocked != self.run:
            raise ValueError("planned ≥ run = passed + failed + blocked must hold")
        if self.exit_met and not (self.entry_met and self.outcome == TestOutcome.PASSED):
            raise ValueError("exitMet needs entryMet and outcome PASSED")
        return self


@described_input
class ReportTest(_Counted):
    """One result for one test stage on one build."""

    system: strawberry.ID
    build: strawberry.ID
    test: TestKind = Field(description="The test stage.")


@described_input
class CorrectTestReport(_Counted):
    """The right figures of a report that was wrong; the wrong one stays readable."""

    corrects: strawberry.ID = Field(description="The report that was wrong.")
    reason: Annotated[str, Field(min_length=2, max_length=500)] = Field(description="What was wrong with it.")


@described_type
class TestReport(_Reported, Kept, table=True):
    """One trust's result for one test stage on one build. Immutable; a correction is a new report."""

    __table_args__ = (
        UniqueConstraint("tenant_ods", "corrects_id"),
        ForeignKeyConstraint(["tenant_ods", "system_id"], ["system.tenant_ods", "system.id"]),
        ForeignKeyConstraint(["supplier_ods", "build_id"], ["build.tenant_ods", "build.id"]),
        ForeignKeyConstraint(["test"], ["test_milestone.kind"]),
        ForeignKeyConstraint(["tenant_ods", "corrects_id"], ["test_report.tenant_ods", "test_report.id"]),
    )

    system_id: strawberry.Private[uuid.UUID]
    supplier_ods: strawberry.Private[str] = Field(max_length=10)
    build_id: strawberry.Private[uuid.UUID]
    region_ods: strawberry.Private[str | None] = Field(default=None, max_length=10)
    test: TestKind = Field(description="The test stage.")
    as_of: Instant = Field(description="When it was so, UTC.")
    reported_at: Instant = Field(description="When it was reported, UTC.")
    corrects_id: strawberry.Private[uuid.UUID | None] = None
    reason: str | None = Field(default=None, max_length=500, description="Why it corrects the earlier one.")

    system = one("schema.system.System", "system_id", description="The system tested.")
    build = one("schema.product.Build", "build_id", description="The build tested.")
    test_milestone = one("schema.testing.TestMilestone", "test", description="The test stage.")
    corrects = one("schema.testing.TestReport", "corrects_id", optional=True, description="The report it corrects.")
