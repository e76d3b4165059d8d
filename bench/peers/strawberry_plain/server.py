"""Peer: Strawberry as its documentation builds it: SQLModel, DataLoaders, both caches, on Litestar and uvicorn."""

import datetime as dt
import os
import uuid
from collections.abc import AsyncIterator
from typing import Annotated, Any

import kept
import strawberry
import uvicorn
from answers import ID, Info, Node, System, SystemProgress, TestReport, named
from asking import Asking
from kept import BenchAudit, BenchReport, BenchSystem, Progress
from litestar import Litestar, Request, get
from sqlmodel import col, select
from strawberry.extensions import ParserCache, SchemaExtension, ValidationCache
from strawberry.litestar import make_graphql_controller


@strawberry.input
class ReportTest:
    """One result for one test stage on one build."""

    outcome: kept.TestOutcome
    planned: int
    run: int
    passed: int
    failed: int
    blocked: int
    entry_met: bool
    exit_met: bool
    system: ID
    build: ID
    test: kept.TestKind
    environment: str = "TRUST_TEST"
    as_of: dt.datetime | None = None
    notes: str | None = None
    idempotency_key: str | None = None


@strawberry.type
class NotFound:
    """There is none that the caller may see."""

    message: str


ReportTestAnswer = Annotated[TestReport | NotFound, strawberry.union("ReportTestAnswer")]
_FIGURES = (
    *("outcome", "planned", "run", "passed", "failed", "blocked", "entry_met", "exit_met"),
    *("test", "environment", "notes"),
)


@strawberry.type
class Query:
    """What may be asked."""

    @strawberry.field
    async def node(self, info: Info, id: ID) -> Node | None:  # noqa: A002 - the API's name
        """Return a system by its global id."""
        noun, key = named(id)
        row = await info.context["asking"].system.load(uuid.UUID(key)) if noun == "System" else None
        return System.of(row) if row else None

    @strawberry.field
    async def progress(self, info: Info, region: str | None = None) -> list[SystemProgress]:
        """Return where every system stands."""
        statement = select(Progress).order_by(Progress.region_ods, Progress.organisation_name, Progress.system_name)
        if region is not None:
            statement = statement.where(col(Progress.region_ods) == region)
        rows = await info.context["asking"].rows(statement)
        return [
            SystemProgress(row=row, state=row.state, testing=row.testing, percent_met=row.percent_met) for row in rows
        ]


@strawberry.type
class Mutation:
    """What may be changed."""

    @strawberry.mutation
    async def report_test(self, info: Info, input: ReportTest) -> ReportTestAnswer:  # noqa: A002 - the API's name
        """Write a report, its system's row and an audit row."""
        asking: Asking = info.context["asking"]
        system_id, build_id = (uuid.UUID(named(given)[1]) for given in (input.system, input.build))
        found = await asking.rows(select(BenchSystem).where(col(BenchSystem.id) == system_id))
        if not found:
            return NotFound(message="There is no such system.")
        report = _report(found[0], build_id, input)
        await asking.keep(report, _audit(report))
        return TestReport.of(report)


def _report(system: BenchSystem, build_id: uuid.UUID, given: ReportTest) -> BenchReport:
    now = dt.datetime.now(dt.UTC)
    system.version += 1
    system.current_build_id = build_id
    return BenchReport(
        tenant_ods=system.tenant_ods,
        created_at=now,
        created_by=f"{system.tenant_ods}-client",
        system_id=system.id,
        supplier_ods=system.supplier_ods,
        build_id=build_id,
        region_ods=system.region_ods,
        as_of=given.as_of or now,
        reported_at=now,
        **{name: getattr(given, name) for name in _FIGURES},
    )


def _audit(report: BenchReport) -> BenchAudit:
    return BenchAudit(
        tenant_ods=report.tenant_ods,
        actor=report.created_by,
        verb="reportTest",
        object_type="TestReport",
        object_key=str(report.id),
        row=report.model_dump(mode="json"),
    )


class Closing(SchemaExtension):
    """Ends the request's transaction."""

    async def on_operation(self) -> AsyncIterator[None]:
        """Give the connection back after the answer is made."""
        yield
        await self.execution_context.context["asking"].session.close()


async def asked_by(request: Request[Any, Any, Any]) -> dict[str, Any]:
    """Return the request's context."""
    return {"asking": Asking(request.headers["x-role"], request.headers["x-tenant"])}


@get("/healthz", sync_to_thread=False)
def healthz() -> str:
    """Say that it is ready."""
    return "ready"


schema = strawberry.Schema(
    Query, Mutation, types=[System, TestReport], extensions=[ParserCache, ValidationCache, Closing]
)
graphql = make_graphql_controller(schema, path="/graphql", graphql_ide=None, context_getter=asked_by)
app = Litestar([healthz, graphql], openapi_config=None)

if __name__ == "__main__":
    port = int(os.environ["PORT"])  # noqa: TID251 - the runner says it
    uvicorn.run(app, port=port, loop="uvloop", http="httptools", log_level="warning", access_log=False)
