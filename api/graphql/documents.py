"""Documents as they are sent: read, measured and checked once, and refused with what to mend."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    get_operation_ast,
    parse,
    validate,
)
from graphql.validation.validate import ValidationAbortedError

from api.graphql.compiled.operation import Operation, Ready
from api.graphql.failure import ChangeByGetError, RefusedError, TooMuchError
from api.graphql.limits import MOST_TOKENS, Budget, refuse_repetition

KEPT = 128  # documents; a crowded one takes a megabyte


class Document:
    """A document, with its operations ready to be answered."""

    def __init__(self, schema: GraphQLSchema, query: str) -> None:
        self._schema = schema
        self.node: DocumentNode = parse(query, max_tokens=MOST_TOKENS)
        self._faults: list[GraphQLError] | None = None
        self._operations: dict[str | None, Prepared] = {}

    def operation(self, name: str | None, variables: Mapping[str, Any], *, reads_only: bool = False) -> "Prepared":
        """Return the operation to answer, or raise why it is refused."""
        ready = self._operations.get(name)
        if ready is None:
            ready = Prepared(self._schema, self.node, _chosen(self.node, name))
        if reads_only and ready.changes:
            raise ChangeByGetError("A change is sent by POST.")
        ready.budget.refuse_excess(variables)
        self._refuse_faults()
        return self._operations.setdefault(name, ready)

    def _refuse_faults(self) -> None:
        if self._faults is None:
            refuse_repetition(self.node)
            self._faults = validate(self._schema, self.node, max_errors=5)
        if self._faults:
            aborted = isinstance(self._faults[0], ValidationAbortedError)
            raise TooMuchError("This document takes too long to check. Ask for less.") if aborted else self._faults[0]


class Prepared:
    """One operation of a document: what it may cost, and its compiled reads."""

    def __init__(self, schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode) -> None:
        self.document = document
        self.node = operation
        self.budget = Budget(document, operation)
        self._schema = schema
        self._compiled: Operation | None = None

    @property
    def changes(self) -> bool:
        """Whether it is a mutation."""
        return self.node.operation is OperationType.MUTATION

    @property
    def streams(self) -> bool:
        """Whether it is a subscription."""
        return self.node.operation is OperationType.SUBSCRIPTION

    @property
    def compiled(self) -> Operation:
        """The operation for the compiler; only one that passed validation gets here."""
        if self._compiled is None:
            self._compiled = Operation(self._schema, self.document, self.node)
        return self._compiled


@dataclass(slots=True)
class Found:
    """What was found out about a request; the next one with the same bytes need not be looked at again."""

    operation: Prepared | None = None
    ready: Ready | None = None


class Documents:
    """The documents of late, by their text."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self.schema = schema
        self.read = lru_cache(maxsize=KEPT)(lambda query: Document(schema, query))


def _chosen(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    operation = get_operation_ast(document, name)
    if operation is None:
        raise RefusedError("The document has no operation by that name, or several and none was named.")
    return operation
