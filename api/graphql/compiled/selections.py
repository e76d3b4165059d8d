"""Which fields of an object are asked for: fragments spread, @include and @skip decided, same keys merged."""

from typing import Any

from graphql import FieldNode, GraphQLObjectType, GraphQLSchema, OperationDefinitionNode
from graphql.execution.collect_fields import FieldDetails, FragmentDetails, collect_fields, collect_subfields
from graphql.execution.values import VariableValues

Fields = dict[str, list[FieldDetails]]


class Selections:
    """The selections of one operation, read as GraphQL's own executor reads them."""

    def __init__(
        self,
        schema: GraphQLSchema,
        operation: OperationDefinitionNode,
        fragments: dict[str, FragmentDetails],
        variables: VariableValues,
    ) -> None:
        self.schema = schema
        self._operation = operation
        self._fragments = fragments
        self._variables = variables

    def top(self, root: GraphQLObjectType) -> Fields:
        """Return the root fields by response key."""
        found = collect_fields(self.schema, self._fragments, self._variables, root, self._operation)
        return found.grouped_field_set

    def under(self, kind: GraphQLObjectType, details: list[FieldDetails]) -> Fields:
        """Return the fields asked of an object that is found to be of this type."""
        found = collect_subfields(self.schema, self._fragments, self._variables, self._operation, kind, details)
        return found.grouped_field_set


def name_of(details: list[FieldDetails]) -> str:
    """Return the name of the field that these selections ask for."""
    return details[0].node.name.value


def node_of(details: list[FieldDetails]) -> FieldNode:
    """Return the node whose arguments stand for all of them: the same, or validation had refused."""
    return details[0].node


def told(field: Any) -> Any:
    """Return Strawberry's definition of a field: its Python name and what its noun says of it."""
    return field.extensions.get("strawberry-definition") if field else None
