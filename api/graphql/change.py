"""A change decided by its rule, and what it kept written by a compiled statement; the executor words the rest."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from graphql import FieldNode, GraphQLSchema

from api.graphql.answers import Answers
from api.graphql.compiled.given import Given, UncompiledError
from api.graphql.compiled.operation import Requested
from api.graphql.compiled.selections import told
from api.graphql.compiled.text import BROKEN
from api.graphql.context import Context
from api.graphql.documents import Prepared
from api.graphql.operation import CAN
from auth.scope import Scope
from schema.kept.connection import BadCursorError, BadPageError
from schema.problem import Problem


@dataclass(frozen=True, slots=True)
class _Asking:
    """What a resolver is told where no executor runs."""

    context: Context


@dataclass(frozen=True, slots=True)
class Change:
    """One request for a change."""

    schema: GraphQLSchema
    operation: Prepared
    field: FieldNode
    variables: Mapping[str, Any]

    @property
    def needs(self) -> Scope | None:
        """The scope that the change needs."""
        field = self.schema.mutation_type.fields.get(self.field.name.value)  # type: ignore[union-attr] # it has one
        return told(field).metadata.get(CAN) if field else None

    async def answer(self, context: Context, answers: Answers) -> bytes | None:
        """Call the rule once and return the answer, kept; None: the executor words what was decided."""
        field = self.schema.mutation_type.fields.get(self.field.name.value)  # type: ignore[union-attr] # it has one
        try:
            asked = self.operation.compiled.asked(self.variables)
        except UncompiledError:
            return None
        if field is None or context.decided:
            return None
        try:
            row = await field.resolve(None, _Asking(context), **asked.arguments[id(self.field)])
        except Exception as error:  # noqa: BLE001 - the executor tells it, with its place in the document
            context.decided = _raising(error)
            return None
        context.decided = lambda: row
        return None if isinstance(row, Problem) else await self._written(row, asked, context, answers)

    async def _written(self, row: Any, asked: Requested, context: Context, answers: Answers) -> bytes | None:
        try:
            statement = self.operation.compiled.payload(asked, type(row).__name__, once=answers.key is not None)
            given = Given(context.caller, None, asked.arguments, row, answers.key, answers.digest)
            arguments = statement.arguments(given)
        except (UncompiledError, BadCursorError, BadPageError):
            return None
        text: bytes | None = await context.db.value(statement.text, arguments)
        return None if text is None or BROKEN in text else text


def _raising(error: Exception) -> Callable[[], Any]:
    def again() -> Any:
        raise error

    return again
