"""How a rule becomes an operation: its scope, its arguments, its answer, read from the rule itself."""

import datetime as dt
import inspect
import types
import typing
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any

import strawberry
from graphql import GraphQLSchema
from strawberry.pydantic.error import InputValidationError
from strawberry.schema.exception_handlers import ExceptionHandler
from strawberry.types.field import StrawberryField
from strawberry.types.info import Info

from api.graphql.compiled.selections import told
from api.graphql.context import Context
from api.graphql.failure import BadSpanError, NoOffsetError, NotPermittedError, StepUpError
from auth.caller import Caller
from auth.scope import Scope
from auth.tenancy import Transaction
from schema.kept.connection import DEFAULT_PAGE, Connection, Edge, Order
from schema.kept.question import All, One, Page, Question
from schema.problem import FieldError, IdempotencyMismatch, NotPermitted, Problem, ValidationFailed

Rule = Callable[..., Awaitable[Any]]
ContextInfo = Info[Context, None]

ALWAYS = (NotPermitted, ValidationFailed, IdempotencyMismatch)  # what any mutation may answer
CAN = "reinstate.scope"
RULE = "reinstate.rule"
Remembered = Annotated[
    dt.datetime | None, strawberry.argument(description="The answer as the ledger knew it then; null: now.")
]

AFTER = inspect.Parameter("after", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=str | None)
PAGING = (inspect.Parameter("first", inspect.Parameter.KEYWORD_ONLY, default=DEFAULT_PAGE, annotation=int), AFTER)
AS_KNOWN_AT = inspect.Parameter("as_known_at", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Remembered)
_ANSWERS: dict[Any, Callable[[Any], Any]] = {
    One: lambda noun: noun | None,
    All: list.__class_getitem__,
    Page: Connection.__class_getitem__,  # type: ignore[attr-defined] # Generic has it
}


def query(rule: Callable[..., Question[Any]], *, needs: Scope, live: bool = False) -> Any:
    """Return the query field that answers what a rule `(arguments...)` asks, for callers with this scope.

    Unless it is `live`, it may be asked as known at an instant.
    """
    signature = inspect.signature(rule, eval_str=True)
    arguments = list(signature.parameters.values())
    kind, noun = typing.get_origin(signature.return_annotation), typing.get_args(signature.return_annotation)[0]
    beside = [*(PAGING if kind is Page else ()), *(() if live else (AS_KNOWN_AT,))]

    async def resolve(info: ContextInfo, as_known_at: dt.datetime | None = None, **given: Any) -> Any:
        if needs not in info.context.caller.scopes:
            raise NotPermittedError(needs)
        refuse_unsure(needs, info.context.caller)
        db = info.context.db
        if as_known_at is not None:
            db = await db.as_known_at(placed(as_known_at))
        refuse_disorder(given)
        paging = {name: given.pop(name) for name in ("first", "after") if name in given}
        return await _answer(db, rule(**given), Order(noun, tuple(given.values())), **paging)

    _sign(resolve, [*arguments, *beside], _ANSWERS[kind](noun))
    return strawberry.field(resolver=resolve, description=inspect.getdoc(rule), metadata={CAN: needs, RULE: rule})


def subscription(rule: Callable[..., Page[Any]], *, needs: Scope) -> Any:
    """Return the subscription field that tells what joins the page a rule `(arguments...)` asks for.

    Its rows come with their cursors, to go on after any of them; who tells them hands each as the root value.
    """
    signature = inspect.signature(rule, eval_str=True)
    (noun,) = typing.get_args(signature.return_annotation)

    async def resolve(info: ContextInfo, after: str | None = None, **_: Any) -> Any:  # noqa: ARG001 - the stream's
        if needs not in info.context.caller.scopes:
            raise NotPermittedError(needs)
        return info.root_value

    _sign(resolve, [*signature.parameters.values(), AFTER], Edge.__class_getitem__(noun))  # type: ignore[attr-defined] # Generic has it
    return strawberry.field(resolver=resolve, description=inspect.getdoc(rule), metadata={CAN: needs, RULE: rule})


async def _answer(
    db: Transaction, question: Question[Any], order: Order, first: int = DEFAULT_PAGE, after: str | None = None
) -> Any:
    if isinstance(question, Page):
        return await db.page(question.statement, order, first, after)
    return await (db.one if isinstance(question, One) else db.all)(question.statement)


def placed(instant: dt.datetime) -> dt.datetime:
    """Return an instant that says where it stands against UTC, or refuse it."""
    if instant.tzinfo is None:
        raise NoOffsetError
    return instant


def refuse_disorder(given: Mapping[str, Any]) -> None:
    """Refuse an instant that does not say where it stands against UTC, and `since` that is not before `until`."""
    for value in given.values():
        if isinstance(value, dt.datetime):
            placed(value)
    if given.get("since") and given.get("until") and given["since"] >= given["until"]:
        raise BadSpanError


def mutation(rule: Rule, *, needs: Scope) -> Any:
    """Return the mutation field for a rule `(db, caller, input)`, for callers with this scope.

    Its answer is the union of what the rule returns and what the way to the rule may refuse. A refusal keeps
    nothing. Whether its caller is sure enough for it was asked before its transaction began (`refuse_unsure`).
    """
    signature = inspect.signature(rule, eval_str=True)
    argument = list(signature.parameters.values())[2]

    async def resolve(info: ContextInfo, input: Any) -> Any:
        context = info.context
        if needs not in context.caller.scopes:
            told = _next_step(needs, context.caller)
            return refuse(info, NotPermitted(message="Your client may not do this.", needs=needs, next_step=told))
        answer = context.decided() if context.decided else await rule(context.db, context.caller, input)
        return refuse(info, answer) if isinstance(answer, Problem) else answer

    members = dict.fromkeys((*_members(signature.return_annotation), *ALWAYS))
    union: Any = typing.Union[tuple(members)]  # noqa: UP007 - made from a list
    answer = Annotated[union, strawberry.union(name=f"{argument.annotation.__name__}Answer")]
    _sign(resolve, [argument.replace(name="input")], answer)
    return strawberry.field(resolver=resolve, description=inspect.getdoc(rule), metadata={CAN: needs})


ASK = "Ask the operator of this installation for a client with the scope {}, if your organisation may hold it."


DECIDES = "People decide: somebody with the role {} signs in with a second factor."
SIGN_IN = "Sign in again and ask for the scope {}, if your role may hold it."


def _next_step(needs: Scope, caller: Caller) -> str:
    if caller.person:
        return SIGN_IN.format(needs)
    return DECIDES.format(" or ".join(sorted(needs.roles))) if needs.personal else ASK.format(needs)


def may(schema: GraphQLSchema, caller: Caller, operation: str) -> bool | None:
    """Tell whether a token lets its bearer call an operation, however long ago a person signed in; None: no such."""
    for root in (schema.query_type, schema.mutation_type, schema.subscription_type):
        if root and CAN in (said := getattr(told(root.fields.get(operation)), "metadata", {})):
            needs = said[CAN]
            return needs is None or (needs in caller.scopes and (caller.person is not None or not needs.personal))
    return None


def refuse_unsure(needs: Scope | None, caller: Caller) -> None:
    """Refuse what is personal to all who hold it but a person who signed in surely and lately (RFC 9470)."""
    if needs and needs.personal and needs in caller.scopes and not caller.may_decide:
        raise StepUpError


def refuse(info: ContextInfo, problem: Problem) -> Problem:
    """Note that this request keeps nothing, and answer why."""
    info.context.refusal = problem
    info.context.db.refuse()
    return problem


class RefusedInput(ExceptionHandler[InputValidationError, ValidationFailed]):
    """Answers an input that does not meet its description with the fields it is about."""

    def handle(
        self,
        exception: InputValidationError,
        *,
        field: StrawberryField,  # noqa: ARG002 - the protocol's
        info: Info[Any, Any],
    ) -> ValidationFailed | None:
        """Return the typed refusal of an input."""
        errors = [
            FieldError(path=list(detail.location), message=detail.message.removeprefix("Value error, "))
            for detail in exception.errors
        ]
        problem = ValidationFailed(errors=errors, path=errors[0].path if errors else [])
        refuse(info, problem)
        return problem


def _members(annotation: Any) -> tuple[Any, ...]:
    union = typing.get_origin(annotation) in (typing.Union, types.UnionType)
    return typing.get_args(annotation) if union else (annotation,)


def _sign(resolve: Any, arguments: list[inspect.Parameter], answer: Any) -> None:
    info = inspect.Parameter("info", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=ContextInfo)
    resolve.__signature__ = inspect.Signature([info, *arguments], return_annotation=answer)
    resolve.__annotations__ = {p.name: p.annotation for p in (info, *arguments)} | {"return": answer}
