"""The engine: a document in, its answer out; a question in one snapshot, a change in one transaction."""

import asyncio
import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import asyncpg
from graphql import (
    DocumentNode,
    ExecutionResult,
    FieldNode,
    GraphQLError,
    OperationDefinitionNode,
    execute,
    value_from_ast_untyped,
)
from strawberry.federation import Schema as FederatedSchema
from strawberry.schema.config import StrawberryConfig

from api import metrics
from api.graphql.answers import Answers
from api.graphql.change import Change
from api.graphql.compiled.given import Given, UncompiledError
from api.graphql.compiled.plan import Plan
from api.graphql.context import Context
from api.graphql.documents import Documents, Found, Prepared
from api.graphql.failure import Failure, NotAStreamError, RefusedError, StepUpError, TooMuchError, failure_of
from api.graphql.nodes import NOUNS
from api.graphql.operation import RefusedInput, may, refuse_unsure
from api.graphql.operations import Mutation, Query, Subscription
from api.graphql.reading import RowReader
from api.graphql.scalars import SCALARS
from api.stream.following import Following
from auth.caller import Caller
from auth.tenancy import Database
from schema.kept.connection import BadCursorError, BadPageError

log = logging.getLogger("reinstate.graphql")
PATIENCE = 10.0  # seconds one document may run
LONGEST_MESSAGE = 500  # a refusal repeats what was sent, but not all of it

schema = FederatedSchema(
    query=Query,
    mutation=Mutation,
    subscription=Subscription,
    types=list(NOUNS.values()),
    config=StrawberryConfig(disable_field_suggestions=True, scalar_map=SCALARS),
    exception_handlers=[RefusedInput()],
    federation_version="2.11",
)
documents = Documents(schema._schema)  # noqa: SLF001 - Strawberry offers no public way to a document already parsed


@dataclass(frozen=True)
class Request:
    """One GraphQL request, as it came in."""

    query: str
    variables: Mapping[str, Any]
    operation_name: str | None
    request_id: str
    idempotency_key: str | None = None
    last_seen: str | None = None  # the cursor that a subscription goes on after
    found: Found = field(default_factory=Found)

    @property
    def digest(self) -> bytes:
        """SHA-256 of what was asked, the same for the same body."""
        asked = json.dumps([self.query, self.variables, self.operation_name], sort_keys=True)
        return hashlib.sha256(asked.encode()).digest()


@dataclass(frozen=True)
class Answer:
    """The bytes of an answer, and what HTTP needs to know of it."""

    body: bytes
    status: int = 200
    executed: bool = True
    has_errors: bool = False
    retryable: bool = False
    lasting: bool = False  # it depends on nothing but the caller's scope and the rows
    moved: tuple[Any, ...] = ()  # the rows that a change kept


class Engine:
    """Answers documents for callers."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def answer(self, request: Request, caller: Caller, *, reads_only: bool = False) -> Answer:
        """Answer one document. Never raises: whatever fails is told with a code and what to do next."""
        try:
            operation = request.found.operation or _operation(request, reads_only=reads_only)
            answering = self._change if operation.changes else self._question
            return await answering(request, operation, caller)
        except Exception as error:  # noqa: BLE001 - the edge: nothing passes it unmasked
            return _wrong(error, request)

    async def opened(self, request: Request, caller: Caller, *, reads_only: bool = False) -> Answer | Following:
        """Return a subscription ready to be followed, or the answer to whatever else a document is. Never raises."""
        try:
            operation = request.found.operation or _operation(request, reads_only=reads_only)
            if operation.streams:
                return self._following(request, operation, caller)
        except Exception as error:  # noqa: BLE001 - the edge: nothing passes it unmasked
            return _wrong(error, request)
        return await self.answer(request, caller, reads_only=reads_only)

    def _following(self, request: Request, operation: Prepared, caller: Caller) -> Following:
        async def worded(context: Context, edge: Any) -> bytes:
            return (await _execute(request, operation.document, context, edge)).body

        following = Following(self._database, operation, caller, request.variables, worded)
        if request.last_seen is not None:
            following.resume(request.last_seen)
        return following

    async def _question(self, request: Request, operation: Prepared, caller: Caller) -> Answer:
        if operation.streams:
            raise NotAStreamError
        try:
            answer = await self.compiled(request, operation, caller)
        except UncompiledError as error:
            metrics.fell_back(error.reason)
            return await self.executed(request, operation, caller)
        metrics.answered("compiled")
        return answer

    async def compiled(self, request: Request, operation: Prepared, caller: Caller) -> Answer:
        """Answer a question by its compiled statement; `UncompiledError` where the executor has to."""
        ready = request.found.ready
        if ready is None:
            ready = request.found.ready = operation.compiled.planned(request.variables)
        plan, arguments = ready
        texts = await self._texts(plan, Given(caller, self._database.clock, arguments))
        return Answer(plan.body(texts), lasting=plan.lasting)

    async def executed(self, request: Request, operation: Prepared, caller: Caller) -> Answer:
        """Answer a question field by field: slower, and able to word every error."""
        async with self._database.transaction(caller, "query", request.request_id, read_only=True) as db:
            context = Context(caller, db, RowReader(db), may=partial(may, documents.schema, caller))
            return await _execute(request, operation.document, context)

    async def _texts(self, plan: Plan, given: Given) -> list[bytes]:
        reads = self._database.reads
        try:
            asked = plan.asked(given)
            if len(asked) == 1 and asked[0][0] is None:
                return [await reads.one(given.caller, *asked[0][1:])]
            return await reads.several(given.caller, given.clock, asked)
        except (BadCursorError, BadPageError, RefusedError, asyncpg.DataError) as error:
            raise UncompiledError("refused") from error

    async def _change(self, request: Request, operation: Prepared, caller: Caller) -> Answer:
        (field,) = operation.node.selection_set.selections
        if not isinstance(field, FieldNode):
            raise RefusedError("Name the change itself, not a fragment that holds it.")
        key = _key(request, operation.node, field)
        change = Change(documents.schema, operation, field, request.variables)
        refuse_unsure(change.needs, caller)
        async with self._database.change(caller, field.name.value, request.request_id, key) as db:
            answers = Answers(db, key, request.digest if key else b"")
            given = answers.given()
            if isinstance(given, str):
                return Answer(given.encode())
            context = Context(caller, db, RowReader(db), decided=(lambda: given) if given else None)
            answer = await _changed(request, change, context, answers)
        return replace(answer, moved=() if db.refused else tuple(db.kept))


def _operation(request: Request, *, reads_only: bool) -> Prepared:
    document = documents.read(request.query)
    request.found.operation = document.operation(request.operation_name, request.variables, reads_only=reads_only)
    return request.found.operation


async def _changed(request: Request, change: Change, context: Context, answers: Answers) -> Answer:
    async with asyncio.timeout(PATIENCE):
        body = await change.answer(context, answers)
    if body is not None:
        return Answer(body)
    answer = await _execute(request, change.operation.document, context)
    if answer.has_errors or context.refusal:
        context.db.refuse()
    else:
        await answers.keep(answer.body.decode())
    return answer


async def _execute(request: Request, document: DocumentNode, context: Context, root: Any = None) -> Answer:
    async with asyncio.timeout(PATIENCE):
        running = execute(
            documents.schema,
            document,
            root_value=root,
            context_value=context,
            variable_values=dict(request.variables),
            operation_name=request.operation_name,
        )
        result = running if isinstance(running, ExecutionResult) else await running
    if result.data is None and result.errors and all(error.path is None for error in result.errors):
        return _refused(result.errors, request)
    unsure = [error.original_error for error in result.errors or () if isinstance(error.original_error, StepUpError)]
    if unsure:
        return _refused(unsure[:1], request)  # the whole request, whatever else it asked
    body: dict[str, Any] = {"data": result.data}
    failures = [_failure(error, request) for error in result.errors or ()]
    if result.errors:
        body["errors"] = [
            _located(error, failure, request) for error, failure in zip(result.errors, failures, strict=True)
        ]
    worst = max((failure.status for failure in failures), default=200)
    return Answer(_encode(body), worst, has_errors=bool(failures), retryable=any(f.retryable for f in failures))


def _key(request: Request, operation: OperationDefinitionNode, field: FieldNode) -> str | None:
    if request.idempotency_key:
        return request.idempotency_key
    variables = {
        node.variable.name.value: value_from_ast_untyped(node.default_value)
        for node in operation.variable_definitions or ()
        if node.default_value
    } | dict(request.variables)
    given = {node.name.value: value_from_ast_untyped(node.value, variables) for node in field.arguments or ()}
    inside = given["input"].get("idempotencyKey") if isinstance(given.get("input"), dict) else None
    return inside if isinstance(inside, str) else None


def _wrong(error: Exception, request: Request) -> Answer:
    if isinstance(error, GraphQLError):
        return _refused([error], request)
    if isinstance(error, RecursionError):
        return _refused([TooMuchError("This is nested too deeply. Ask for less.")], request)
    return _failed(error, request)


def _failed(error: Exception, request: Request) -> Answer:
    failure = failure_of(error)
    _note(failure, error, request)
    body = _encode({"errors": [failure.as_error(request.request_id)]})
    status = 503 if failure.retryable else 500 if failure.code == "INTERNAL" else 400
    return Answer(body, status, False, True, failure.retryable)


def _failure(error: GraphQLError, request: Request) -> Failure:
    cause = error.original_error
    if cause is None or isinstance(cause, GraphQLError):
        return _stated(error)
    failure = failure_of(cause)
    _note(failure, cause, request)
    return failure


def _stated(error: GraphQLError) -> Failure:
    """Return what is wrong with the document itself; whatever lies behind it, the sender can mend it."""
    told = (error.original_error if isinstance(error.original_error, GraphQLError) else error).extensions or {}
    message = error.message if len(error.message) <= LONGEST_MESSAGE else f"{error.message[:LONGEST_MESSAGE]} …"
    return Failure(told.get("code", "BAD_REQUEST"), message, told.get("retryable", False))


def _located(error: GraphQLError, failure: Failure, request: Request) -> dict[str, Any]:
    return {**error.formatted, **failure.as_error(request.request_id)}


def _refused(errors: Sequence[GraphQLError], request: Request) -> Answer:
    told = [_located(error, _stated(error), request) for error in errors]
    status = max(error.status if isinstance(error, RefusedError) else 400 for error in errors)
    return Answer(_encode({"errors": told}), status, executed=False, has_errors=True)


def _note(failure: Failure, error: BaseException, request: Request) -> None:
    if failure.code == "INTERNAL":
        log.error("request %s failed", request.request_id, exc_info=error)
    else:
        log.warning("request %s: %s (%s)", request.request_id, failure.code, type(error).__name__)


def _encode(body: dict[str, Any]) -> bytes:
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
