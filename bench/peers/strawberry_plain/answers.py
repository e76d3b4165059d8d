"""What is answered: Strawberry types over the rows, relations by DataLoader."""

import base64
import datetime as dt
import uuid
from typing import Any, Self

import kept
import strawberry
from kept import BenchReport, Progress

ID = strawberry.ID
Info = strawberry.Info[dict[str, Any], None]


def _global_id(noun: str, key: uuid.UUID) -> ID:
    return ID(base64.urlsafe_b64encode(f"{noun}:{key}".encode()).decode().rstrip("="))


def named(given: ID) -> tuple[str, str]:
    """Return the noun and the key that a global id names."""
    noun, _, key = base64.urlsafe_b64decode(given + "=" * (-len(given) % 4)).decode().partition(":")
    return noun, key


@strawberry.interface
class Node:
    """Anything with an id."""

    id: ID


@strawberry.type
class Organisation:
    """An organisation of the list."""

    ods_code: str
    name: str


@strawberry.type
class MilestoneForecast:
    """One date that a milestone was given."""

    number: int
    forecast_on: dt.date
    moved_days: int
    reason_code: kept.ReasonCode
    note: str | None


@strawberry.type
class MilestoneForecastConnection:
    """A page of forecasts."""

    nodes: list[MilestoneForecast]


@strawberry.type
class Milestone(Node):
    """A dated promise."""

    row: strawberry.Private[kept.Milestone]
    title: str
    kind: kept.MilestoneKind
    status: kept.MilestoneStatus
    baseline_on: dt.date
    forecast_on: dt.date

    @classmethod
    def of(cls, row: kept.Milestone) -> Self:
        """Return what is shown of a row."""
        shown = {name: getattr(row, name) for name in ("title", "kind", "status", "baseline_on", "forecast_on")}
        return cls(id=_global_id("Milestone", row.id), row=row, **shown)

    @strawberry.field
    def slipped_days(self) -> int:
        """Return days late against the baseline."""
        reached = self.row.actual_at.date() if self.row.actual_at else self.row.forecast_on
        return (reached - self.row.baseline_on).days

    @strawberry.field
    async def forecasts(self, info: Info, first: int = 50) -> MilestoneForecastConnection:
        """Return the first forecasts."""
        rows = await info.context["asking"].forecasts.load((self.row.id, first))
        shown = ("number", "forecast_on", "moved_days", "reason_code", "note")
        nodes = [MilestoneForecast(**{name: getattr(row, name) for name in shown}) for row in rows]
        return MilestoneForecastConnection(nodes=nodes)


@strawberry.type
class MilestoneConnection:
    """A page of milestones."""

    nodes: list[Milestone]


@strawberry.type
class System(Node):
    """A trust's system."""

    key: strawberry.Private[uuid.UUID]
    name: str
    state: kept.SystemState
    hosting: kept.Hosting
    criticality: kept.Criticality
    teams_total: int | None
    accounts_total: int | None

    @classmethod
    def of(cls, row: kept.System) -> Self:
        """Return what is shown of a row."""
        shown = ("name", "state", "hosting", "criticality", "teams_total", "accounts_total")
        return cls(id=_global_id("System", row.id), key=row.id, **{name: getattr(row, name) for name in shown})

    @strawberry.field
    async def milestones(self, info: Info, first: int = 50) -> MilestoneConnection:
        """Return the first milestones."""
        rows = await info.context["asking"].milestones.load((self.key, first))
        return MilestoneConnection(nodes=[Milestone.of(row) for row in rows])


@strawberry.type
class TestReport(Node):
    """A trust's result for one test stage."""

    version: int
    test: kept.TestKind
    outcome: kept.TestOutcome
    reported_at: dt.datetime

    @classmethod
    def of(cls, row: kept.TestReport | BenchReport) -> Self:
        """Return what is shown of a row."""
        shown = {name: getattr(row, name) for name in ("version", "test", "outcome", "reported_at")}
        return cls(id=_global_id("TestReport", row.id), **shown)


@strawberry.type
class SystemProgress:
    """Where one system stands."""

    row: strawberry.Private[Progress]
    state: kept.SystemState
    testing: kept.TestingStanding
    percent_met: int | None

    @strawberry.field
    async def organisation(self, info: Info) -> Organisation:
        """Return the trust."""
        row = await info.context["asking"].organisation.load(self.row.tenant_ods)
        return Organisation(ods_code=row.ods_code, name=row.name)

    @strawberry.field
    async def system(self, info: Info) -> System:
        """Return the system."""
        return System.of(await info.context["asking"].system.load(self.row.system_id))

    @strawberry.field
    async def latest_report(self, info: Info) -> TestReport | None:
        """Return the newest report."""
        key = self.row.latest_report_id
        row = await info.context["asking"].report.load(key) if key else None
        return TestReport.of(row) if row else None
