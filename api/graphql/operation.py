"""How a rule becomes an operation: its scope, its arguments, its answer, read from the rule itself."""

import inspect
import types
import typing
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import strawberry
from strawberry.pydantic.error import InputValidationError
from strawberry.schema.exception_handlers import ExceptionHandler
from strawberry.types.field import StrawberryField
from strawberry.types.info import Info

from api.graphql.context import Context
from api.graphql.failure import NotPermittedError
from auth.scope import Scope
from schema.problem import FieldError, IdempotencyMismatch, NotPermitted, Problem, ValidationFailed

Rule = Callable[..., Awaitable[Any]]
ContextInfo = Info[Context, None]

ALWAYS = (NotPermitted, ValidationFailed, IdempotencyMismatch)  # what any mutation may answer
CAN = "reinstate.scope"


def query(rule: Rule, *, needs: Scope) -> Any:
    """Return the query field that answers with a rule `(db, arguments...)`, for callers with this scope."""
    signature = inspect.signature(rule, eval_str=True)
    arguments = list(signature.parameters.values())[1:]

    async def resolve(info: ContextInfo, **given: Any) -> Any:
        if needs not in info.context.caller.scopes:
            raise NotPermittedError(needs)
        return await rule(info.context.db, **given)

    _sign(resolve, arguments, signature.return_annotation)
    return strawberry.field(resolver=resolve, description=inspect.getdoc(rule), metadata={CAN: needs})


def mutation(rule: Rule, *, needs: Scope) -> Any:
    """Return the mutation field for a rule `(db, caller, input)`, for callers with this scope.

    Its answer is the union of what the rule returns and what the way to the rule may refuse. A refusal keeps
    nothing.
    """
    signature = inspect.signature(rule, eval_str=True)
    argument = list(signature.parameters.values())[2]

    async def resolve(info: ContextInfo, input: Any) -> Any:
        context = info.context
        if needs not in context.caller.scopes:
            return refuse(
                info,
                NotPermitted(message="Your client may not do this.", needs=needs, next_step=ASK.format(needs)),
            )
        if context.refusal:
            return context.refusal
        answer = await rule(context.db, context.caller, input)
        return refuse(info, answer) if isinstance(answer, Problem) else answer

    members = dict.fromkeys((*_members(signature.return_annotation), *ALWAYS))
    union: Any = typing.Union[tuple(members)]  # noqa: UP007 - made from a list
    answer = Annotated[union, strawberry.union(name=f"{argument.annotation.__name__}Answer")]
    _sign(resolve, [argument.replace(name="input")], answer)
    return strawberry.field(resolver=resolve, description=inspect.getdoc(rule), metadata={CAN: needs})


ASK = "Ask the operator of this installation for a client with the scope {}, if your organisation may hold it."


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
