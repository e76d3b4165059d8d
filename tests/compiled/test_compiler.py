"""How the compiler behaves: one statement a document, plans kept by shape, and the executor where a promise breaks."""

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import asyncpg
import pytest

from api.graphql.compiled.given import UncompiledError
from api.graphql.compiled.operation import SHAPES, Operation
from api.graphql.compiled.plan import Plan
from api.graphql.documents import KEPT
from api.graphql.engine import Answer, Engine, Request, documents
from auth.tenancy import Database
from tests.stage import Stage, caller

SYSTEMS = "query($first: Int! = 50, $after: String, $state: SystemState) { systems(first: $first, after: $after, state: $state) { totalCount nodes { name product { name } } pageInfo { endCursor } } }"


class Counted:
    """A database whose reads are counted."""

    def __init__(self, stage: Stage, runner: asyncio.Runner) -> None:
        self.database = Database(stage.url)
        self.engine = Engine(self.database)
        self.runner = runner
        self.sent: list[str] = []
        reads = self.database.reads
        one, several = reads.one, reads.several

        async def counted_one(who: Any, statement: str, arguments: Any) -> bytes:
            self.sent.append(statement)
            return await one(who, statement, arguments)

        async def counted_several(who: Any, clock: Any, asked: Any) -> list[bytes]:
            self.sent += [statement for _, statement, _ in asked]
            return await several(who, clock, asked)

        reads.one, reads.several = counted_one, counted_several  # type: ignore[method-assign] # counted

    def ask(self, document: str, **variables: Any) -> dict[str, Any]:
        """Ask, by the statement alone."""
        body: dict[str, Any] = json.loads(self._compiled(document, variables).body)
        return body["data"]

    def answer(self, document: str) -> dict[str, Any]:
        """Ask as everybody does."""
        request = Request(document, {}, None, "asked")
        told: dict[str, Any] = json.loads(self.runner.run(self.engine.answer(request, caller("R1A"))).body)
        return told

    def _compiled(self, document: str, variables: dict[str, Any]) -> Answer:
        operation = documents.read(document).operation(None, variables)
        request = Request(document, variables, None, "asked")
        return self.runner.run(self.engine.compiled(request, operation, caller("R1A")))

    def reason(self, document: str) -> str:
        """Give why a document is not compiled."""
        with pytest.raises(UncompiledError) as refused:
            self._compiled(document, {})
        return refused.value.reason


@pytest.fixture(scope="module")
def counted(stage: Stage) -> Iterator[Counted]:
    """A database with two systems, and its reads counted."""
    told = stage.tell("R1A")
    lost = {"product": told["product"], "incident": told["incident"], "name": "Carenotes 2", "state": "REBUILDING"}
    stage.change("R1A", "registerSystem", **lost)
    with asyncio.Runner() as runner:
        made = Counted(stage, runner)
        yield made
        runner.run(made.database.close())


def plan_of(document: str, **variables: Any) -> Plan:
    """Give the plan a document is answered by."""
    operation = documents.read(document).operation(None, variables).compiled
    return operation.planned(variables)[0]


def test_a_document_is_one_statement(counted: Counted) -> None:
    counted.sent.clear()
    told = counted.ask(
        "{ viewer { subject } systems { nodes { reports { totalCount } milestones { nodes { title } } } } progress { testing } }"
    )
    assert len(counted.sent) == 1
    assert len(told["systems"]["nodes"]) == len(told["progress"]) == 2


def test_each_instant_that_is_asked_about_is_a_statement_of_its_own(counted: Counted) -> None:
    counted.sent.clear()
    told = counted.ask(
        '{ now: progress { asOf } before: progress(asKnownAt: "2001-01-01T00:00:00Z") { asOf } as: progress(asKnownAt: "2001-01-01T00:00:00Z") { asOf } }'
    )
    assert len(counted.sent) == 2
    assert len(told["now"]) == 2
    assert told["before"] == told["as"] == []


def test_another_value_takes_the_same_plan(counted: Counted) -> None:
    one, two = plan_of(SYSTEMS, first=1), plan_of(SYSTEMS, first=2)
    assert one is two
    counted.sent.clear()
    pages = [counted.ask(SYSTEMS, first=size)["systems"]["nodes"] for size in (1, 2)]
    assert [len(page) for page in pages] == [1, 2]
    assert len(set(counted.sent)) == 1


def test_another_shape_is_compiled_anew(counted: Counted) -> None:
    assert plan_of(SYSTEMS) is not plan_of(SYSTEMS, state="OUTAGE")
    first = counted.ask(SYSTEMS, first=1)["systems"]
    then = counted.ask(SYSTEMS, first=1, after=first["pageInfo"]["endCursor"])["systems"]
    assert first["nodes"] != then["nodes"]
    assert [node["name"] for node in counted.ask(SYSTEMS, state="REBUILDING")["systems"]["nodes"]] == ["Carenotes 2"]


def test_plans_of_a_document_are_bounded() -> None:
    switches = [f"s{number}" for number in range(5)]
    stated = ", ".join(f"${name}: Boolean!" for name in switches)
    fields = " ".join(f"{name}: subject @include(if: ${name})" for name in switches)
    document = f"query({stated}) {{ viewer {{ {fields} }} }}"
    for number in range(2 ** len(switches)):
        plan_of(document, **{name: bool(number >> at & 1) for at, name in enumerate(switches)})
    compiled: Operation = documents.read(document).operation(None, dict.fromkeys(switches, True)).compiled
    assert len(compiled._plans) <= SHAPES


def test_documents_are_bounded() -> None:
    for number in range(KEPT + 10):
        documents.read(f"{{ viewer {{ a{number}: subject }} }}")
    remembered: Any = documents.read
    assert remembered.cache_info().currsize == KEPT


def test_what_asks_after_the_schema_is_executed(counted: Counted) -> None:
    assert counted.reason("{ __schema { queryType { name } } }") == "introspection"
    assert counted.answer("{ __schema { queryType { name } } }") == {
        "data": {"__schema": {"queryType": {"name": "Query"}}}
    }


def test_a_refused_argument_is_worded_by_the_executor(counted: Counted) -> None:
    asked = "{ systems(first: 201) { totalCount } }"
    assert counted.reason(asked) == "refused"
    assert counted.answer(asked)["errors"][0]["extensions"]["code"] == "BAD_PAGE"


def test_a_variable_of_another_operation_is_not_asked_for(counted: Counted) -> None:
    document = "query A($id: ID!) { node(id: $id) { id } } query B { viewer { subject } }"
    operation = documents.read(document).operation("B", {})
    request = Request(document, {}, "B", "asked")
    assert counted.runner.run(counted.engine.compiled(request, operation, caller("R1A"))).body == (
        b'{"data":{"viewer":{"subject":"r1a-client"}}}'
    )


def test_null_for_what_switches_a_field_is_refused(counted: Counted) -> None:
    document = "query($on: Boolean = true) { viewer { subject @include(if: $on) } }"
    operation = documents.read(document).operation(None, {"on": None})
    with pytest.raises(UncompiledError) as refused:
        operation.compiled.planned({"on": None})
    assert refused.value.reason == "refused"


def test_a_broken_promise_falls_to_the_executor_and_gives_its_error(
    counted: Counted, stage: Stage, as_administrator: Callable[[str], None]
) -> None:
    asked = "{ systems { nodes { name product { name } } } }"
    as_administrator("create policy hidden on product as restrictive for select to app_trust using (false)")
    try:
        assert counted.reason(asked) == "promise"
        told = counted.answer(asked)
    finally:
        as_administrator("drop policy hidden on product")
    assert told["data"] is None
    assert told["errors"][0]["path"] == ["systems", "nodes", 0, "product"]
    assert told["errors"][0]["extensions"]["code"] == "INTERNAL"
    assert counted.ask(asked)["systems"]["nodes"][0]["product"] == {"name": "Carenotes"}


def test_a_connection_whose_transaction_failed_to_begin_is_given_up(counted: Counted) -> None:
    asked = '{ progress(asKnownAt: "2001-01-01T00:00:00Z") { asOf } }'
    assert counted.ask(asked) == {"progress": []}
    pool = counted.database.reads._pools.of("app_trust")
    before = [lane.connection for lane in pool._resting]
    assert before
    for connection in before:
        connection._top_xact = connection.transaction(isolation="repeatable_read")  # as the driver leaves it
    assert counted.ask(asked) == {"progress": []}
    assert not {*map(id, before)} & {id(lane.connection) for lane in pool._resting}


def test_what_a_line_carries_is_not_joined() -> None:
    def joined(asked: str) -> int:
        return plan_of(f"{{ progress {{ {asked} }} }}").runs[0].statement.text.count(" JOIN ")

    assert joined("organisation { odsCode name } system { id name state }") == 0
    assert joined("system { name hosting }") == 1
    assert joined("system { name product { name } }") == 2
    assert joined("latestReport { id }") == 1


def test_the_scope_is_of_today_whatever_instant_is_asked_about(counted: Counted) -> None:
    asked = documents.read('{ progress(asKnownAt: "2001-01-01T00:00:00Z") { state } }').operation(None, {})
    plan, _ = asked.compiled.planned({})
    assert "FROM public.organisation" in plan.runs[0].statement.text


@pytest.fixture
def as_administrator(stage: Stage) -> Callable[[str], None]:
    """Runs a statement as the administrator."""

    async def run(statement: str) -> None:
        admin = await asyncpg.connect(stage.server.admin_url, database=stage.name)
        await admin.execute(statement)
        await admin.close()

    def now(statement: str) -> None:
        work: Coroutine[Any, Any, None] = run(statement)
        asyncio.run(work)

    return now
