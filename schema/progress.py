"""SystemProgress: one line of the answer to 'where does everybody stand?'."""

import enum

from pydantic import BaseModel, Field

from schema.kept.described import described_enum, described_type
from schema.kept.node import Instant
from schema.milestone import Milestone
from schema.organisation import Organisation
from schema.product import Build
from schema.system import System, SystemState
from schema.testing import TestReport


@described_enum
class TestingStanding(enum.StrEnum):
    """Where testing stands on the current build. Not reported is its own value: never zero, never green."""

    NOT_REPORTED = "NOT_REPORTED"
    OPEN_FAILURES = "OPEN_FAILURES"
    IN_PROGRESS = "IN_PROGRESS"
    ALL_MET = "ALL_MET"


@described_type
class SystemProgress(BaseModel):
    """Where one trust's system stands: one line. Figures are of the answer's own moment, `asOf`."""

    as_of: Instant = Field(description="When this was so, UTC.")
    organisation: Organisation
    system: System
    state: SystemState
    current_build: Build | None = Field(description="The product's latest build; null: none yet.")
    testing: TestingStanding
    mandatory_total: int = Field(description="Mandatory test stages in the catalogue.")
    mandatory_met: int | None = Field(description="Met on the current build; null: not reported.")
    percent_met: int | None = Field(description="0 to 100, rounded down; null: not reported.")
    open_failures: int | None = Field(description="Test stages whose latest result failed; null: not reported.")
    latest_report: TestReport | None = Field(description="Its latest report on any build; null: not reported.")
    hours_since_report: int | None = Field(description="Age of the latest report; null: not reported.")
    next_milestone: Milestone | None = Field(description="The open milestone expected first, with its slip.")
