"""Operations: compiled once for each shape of request they are sent with."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLField,
    GraphQLSchema,
    OperationDefinitionNode,
    TypeInfo,
    TypeInfoVisitor,
    VariableNode,
    Visitor,
    separate_operations,
    visit,
)
from graphql.execution.collect_fields import FragmentDetails
from graphql.execution.values import VariableValues, get_argument_values, get_variable_values

from api.graphql.compiled.given import AS_KNOWN_AT, Arguments, UncompiledError
from api.graphql.compiled.payload import payload
from api.graphql.compiled.plan import Plan, planned
from api.graphql.compiled.roots import shape_of_id
from api.graphql.compiled.selections import Selections
from api.graphql.compiled.statement import Statement
from api.graphql.compiled.stream import streamed

SHAPES = 8  # plans kept for one document: optional arguments given or not, kinds of ids

Ready = tuple[Plan, Mapping[int, Arguments]]
P = TypeVar("P", Plan, Statement)


@dataclass(frozen=True, slots=True)
class Requested:
    """What one request asks with: its variables, and the arguments of each field."""

    values: VariableValues
    arguments: Mapping[int, Arguments]
    switches: tuple[Any, ...] = ()  # what @include and @skip were given


class Operation:
    """One operation of a document, with its plans."""

    def __init__(self, schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode) -> None:
        self._schema = schema
        self._operation = operation
        self._fragments = {
            node.name.value: FragmentDetails(node)
            for node in document.definitions
            if isinstance(node, FragmentDefinitionNode)
        }
        seen = _Seen(schema)
        mine = separate_operations(document)[operation.name.value if operation.name else ""]
        visit(mine, TypeInfoVisitor(seen.types, seen))
        self._asked = seen.asked
        self._switches = sorted(seen.switches)
        self._plans: OrderedDict[Any, Any] = OrderedDict()

    def planned(self, variables: Mapping[str, Any]) -> Ready:
        """Return the plan for a request and its arguments; `UncompiledError`: the executor answers."""
        asked = self.asked(variables)
        plan = self._made(_shape(asked), asked, lambda selections: planned(selections, asked.arguments))
        return plan, asked.arguments

    def asked(self, variables: Mapping[str, Any]) -> Requested:
        """Return what a request asks with, or raise `UncompiledError`: the executor has to refuse it."""
        values = get_variable_values(self._schema, self._operation.variable_definitions or (), dict(variables))
        if not isinstance(values, VariableValues):
            raise UncompiledError("refused") from values[0]
        try:
            arguments = {id(node): get_argument_values(field, node, values) for field, node in self._asked}
        except GraphQLError as error:
            raise UncompiledError("refused") from error
        return Requested(values, arguments, tuple(values.coerced.get(name) for name in self._switches))

    def payload(self, asked: Requested, noun: str, *, once: bool) -> Statement:
        """Return the statement that answers a change which kept a row of this noun, or raise `UncompiledError`."""
        shape = (*_shape(asked), noun, once)
        return self._made(shape, asked, lambda selections: payload(selections, asked.arguments, noun, once=once))

    def stream(self, asked: Requested) -> Statement:
        """Return the statement that answers a subscription with stretches of the ledger, or `UncompiledError`."""
        return self._made(_shape(asked), asked, lambda selections: streamed(selections, asked.arguments))

    def selections(self, asked: Requested) -> Selections:
        """Return what a request selects."""
        return Selections(self._schema, self._operation, self._fragments, asked.values)

    def _made(self, shape: Any, asked: Requested, make: Callable[[Selections], P]) -> P:
        found = self._plans.get(shape)
        if found is None:
            try:
                found = make(self.selections(asked))
            except UncompiledError as error:
                found = error
            except GraphQLError as error:  # the null of a variable that switches a field
                raise UncompiledError("refused") from error
            self._plans[shape] = found
            if len(self._plans) > SHAPES:
                self._plans.popitem(last=False)
        if isinstance(found, UncompiledError):
            raise found
        return found


class _Seen(Visitor):
    """Finds the fields that take arguments, and the variables that switch fields on and off."""

    def __init__(self, schema: GraphQLSchema) -> None:
        super().__init__()
        self.types = TypeInfo(schema)
        self.asked: list[tuple[GraphQLField, FieldNode]] = []
        self.switches: set[str] = set()

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        """Note a field that takes arguments."""
        field = self.types.get_field_def()
        if field is not None and field.args:
            self.asked.append((field, node))

    def enter_directive(self, node: Any, *_: Any) -> None:
        """Note the variables of @include and @skip."""
        values = (argument.value for argument in node.arguments or ())
        self.switches |= {value.name.value for value in values if isinstance(value, VariableNode)}


def _shape(asked: Requested) -> tuple[Any, ...]:
    """Return what a statement's text depends on: which arguments are given, which nouns, which instants differ."""
    instants: dict[Any, str] = {}
    given = (tuple(_part(name, value, instants) for name, value in each.items()) for each in asked.arguments.values())
    return asked.switches, tuple(given)


def _part(name: str, value: Any, instants: dict[Any, str]) -> Any:
    if name == "id":
        return shape_of_id(value)
    if name in {"ids", "representations"}:
        return tuple(sorted(set(map(shape_of_id, value))))
    if name == AS_KNOWN_AT and value is not None:
        return instants.setdefault(value, f"instant {len(instants)}")  # no number: 1 is True, which says null
    return value is None
