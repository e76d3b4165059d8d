"""Progress: one line a system, in one statement."""

from typing import Any

from sqlalchemy import ColumnElement, and_, case, exists, func, true
from sqlalchemy import select as columns
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import aliased
from sqlalchemy.sql.selectable import LateralFromClause
from sqlmodel import col, select

from auth.tenancy import Transaction
from schema.incident import Incident
from schema.milestone import OPEN, Milestone
from schema.organisation import Organisation
from schema.product import Build, Product
from schema.progress import SystemProgress, TestingStanding
from schema.system import System
from schema.testing import TestMilestone, TestOutcome, TestReport


async def lines(db: Transaction, incident: str | None = None, region: str | None = None) -> list[SystemProgress]:
    """Where every system stands that the caller may see: one line each, by region, trust and system."""
    latest, coming, results = _latest_report(), _next_milestone(), _results()
    report, milestone = aliased(TestReport, latest), aliased(Milestone, coming)
    mandatory = columns(func.count()).where(col(TestMilestone.mandatory)).scalar_subquery()
    statement = (
        columns(System, Organisation, Build, report, milestone, results, mandatory.label("mandatory"))
        .join(Organisation, col(Organisation.ods_code) == System.tenant_ods)
        .join(Product, col(Product.id) == System.product_id)
        .outerjoin(Build, col(Build.id) == Product.current_build_id)
        .outerjoin(latest, true())
        .outerjoin(coming, true())
        .outerjoin(results, true())
        .order_by(col(Organisation.region_ods), col(Organisation.name), col(System.name))
    )
    if incident is not None:
        found = select(col(Incident.id)).where(col(Incident.reference) == incident)
        statement = statement.where(col(System.incident_id).in_(found))
    if region is not None:
        statement = statement.where(col(System.region_ods) == region)
    return [_line(db, row) for row in await db.rows(statement)]


def _line(db: Transaction, row: Any) -> SystemProgress:
    system, organisation, build, report, milestone, reported, met, failing, mandatory = row
    known = reported > 0
    return SystemProgress.model_construct(
        as_of=db.now,
        organisation=organisation,
        system=system,
        state=system.state,
        current_build=build,
        testing=_standing(reported, failing, done=met == mandatory),
        mandatory_total=mandatory,
        mandatory_met=met if known else None,
        percent_met=100 * met // mandatory if known else None,
        open_failures=failing if known else None,
        latest_report=report,
        hours_since_report=int((db.now - report.reported_at).total_seconds() // 3600) if report else None,
        next_milestone=milestone,
    )


def _standing(reported: int, failing: int, *, done: bool) -> TestingStanding:
    if not reported:
        return TestingStanding.NOT_REPORTED
    if failing:
        return TestingStanding.OPEN_FAILURES
    return TestingStanding.ALL_MET if done else TestingStanding.IN_PROGRESS


def _stands() -> ColumnElement[bool]:
    """Return the condition that no later report corrects this one."""
    later = aliased(TestReport)
    return ~exists().where(col(later.tenant_ods) == TestReport.tenant_ods, col(later.corrects_id) == TestReport.id)


def _latest_report() -> LateralFromClause:
    newest = col(TestReport.as_of).desc(), col(TestReport.reported_at).desc(), col(TestReport.id).desc()
    return (
        columns(TestReport)
        .where(col(TestReport.system_id) == System.id, col(TestReport.tenant_ods) == System.tenant_ods, _stands())
        .order_by(*newest)
        .limit(1)
        .correlate(System)
        .lateral("latest_report")
    )


def _next_milestone() -> LateralFromClause:
    for_it = func.coalesce(Milestone.system_id, System.id) == System.id
    return (
        columns(Milestone)
        .where(col(Milestone.product_id) == System.product_id, for_it, col(Milestone.status).in_(OPEN))
        .order_by(col(Milestone.forecast_on), col(Milestone.id))
        .limit(1)
        .correlate(System)
        .lateral("next_milestone")
    )


def _results() -> LateralFromClause:
    """Return the counts over the latest standing result of each test stage that still counts."""
    tested = aliased(Build)
    newest = col(TestReport.as_of).desc(), col(TestReport.reported_at).desc(), col(TestReport.id).desc()
    latest = (
        columns(
            col(TestReport.test),
            col(TestReport.exit_met),
            col(TestReport.outcome),
            col(TestMilestone.mandatory),
        )
        .ext(distinct_on(col(TestReport.test)))
        .join(
            tested,
            and_(col(tested.id) == TestReport.build_id, col(tested.tenant_ods) == TestReport.supplier_ods),
        )
        .join(TestMilestone, col(TestMilestone.kind) == TestReport.test)
        .where(
            col(TestReport.system_id) == System.id,
            col(TestReport.tenant_ods) == System.tenant_ods,
            col(tested.number) >= Build.results_count_from,
            _stands(),
        )
        .order_by(col(TestReport.test), *newest)
        .correlate(System, Build)
        .subquery()
    )
    return (
        columns(
            func.count().label("reported"),
            func.count(case((and_(latest.c.mandatory, latest.c.exit_met), 1))).label("met"),
            func.count(case((latest.c.outcome == TestOutcome.FAILED, 1))).label("failing"),
        )
        .select_from(latest)
        .lateral("results")
    )
