"""What a document may cost, measured in one pass before it is validated."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    VariableNode,
)

from api.graphql.failure import RefusedError, TooMuchError
from schema.kept.connection import DEFAULT_PAGE, LARGEST_PAGE

DEEPEST = 16
MOST_ALIASES = 60
HIGHEST_COST = 100_000
MOST_TOKENS = 2_000
MOST_PAIRS = 20_000
MOST_SIZES = 64  # sets of page sizes remembered for one operation
LONGEST_NUMBER = 20  # digits; Python takes its time over thousands of them
CATALOGUE = 10  # gates of an incident, more or less
LISTED = {  # how many rows count for questions that answer lists without a page size
    "_entities": DEFAULT_PAGE,
    "blockers": DEFAULT_PAGE,
    "explainGate": CATALOGUE,
    "gates": CATALOGUE,
    "progress": DEFAULT_PAGE,
    "readyFor": DEFAULT_PAGE,
}
PAGED = frozenset({"edges", "nodes"})


class OneChangeError(RefusedError):
    """A document with more than one mutation field."""

    code = "ONE_CHANGE_A_REQUEST"


class Measure:
    """The cost and depth of the selections of one document; each fragment is measured once."""

    def __init__(
        self, document: DocumentNode, operation: OperationDefinitionNode, variables: Mapping[str, Any]
    ) -> None:
        self._variables = variables
        self._defaults = {node.variable.name.value: node.default_value for node in operation.variable_definitions or ()}
        self._fragments = {
            node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        }
        self._known: dict[str, tuple[int, int]] = {}
        self._open: set[str] = set()
        self.aliases = 0
        self.sizes: set[str] = set()

    def of(self, selections: SelectionSetNode | None) -> tuple[int, int]:
        """Return the cost and the depth of a selection set."""
        if selections is None:
            return 0, 0
        measured = [self._of_selection(selection) for selection in selections.selections]
        return sum(cost for cost, _ in measured), max((depth for _, depth in measured), default=0)

    def _of_selection(self, selection: Any) -> tuple[int, int]:
        if isinstance(selection, FieldNode):
            self.aliases += selection.alias is not None
            cost, depth = self.of(selection.selection_set)
            return 1 + cost * self._rows(selection), depth + 1
        if isinstance(selection, FragmentSpreadNode):
            return self._of_fragment(selection.name.value)
        return self.of(selection.selection_set) if isinstance(selection, InlineFragmentNode) else (0, 0)

    def _of_fragment(self, name: str) -> tuple[int, int]:
        if name in self._open:
            raise TooMuchError(f"The fragment {name} contains itself.")
        if name not in self._known:
            fragment = self._fragments.get(name)
            self._open.add(name)
            self._known[name] = self.of(fragment.selection_set) if fragment else (0, 0)
            self._open.discard(name)
        return self._known[name]

    def _rows(self, field: FieldNode) -> int:
        """Return how many rows a field may have: its `first`, the default page where it pages without one."""
        for argument in field.arguments or ():
            if argument.name.value == "first":
                return self._size(argument.value)
            if argument.name.value == "ids":  # nodes(ids:), not the nodes of a page
                return DEFAULT_PAGE
        inside = field.selection_set.selections if field.selection_set else ()
        pages = any(isinstance(node, FieldNode) and node.name.value in PAGED for node in inside)
        return DEFAULT_PAGE if pages else LISTED.get(field.name.value, 1)

    def _size(self, value: Any) -> int:
        given: Any = None
        if isinstance(value, IntValueNode):
            given = int(value.value) if len(value.value) < LONGEST_NUMBER else LARGEST_PAGE
        elif isinstance(value, VariableNode):
            name = value.name.value
            self.sizes.add(name)
            if name not in self._variables and (default := self._defaults.get(name)):
                return self._size(default)
            given = self._variables.get(name)
        return min(max(given, 1), LARGEST_PAGE) if isinstance(given, int) else DEFAULT_PAGE


def refuse_repetition(document: DocumentNode) -> None:
    """Refuse a document that repeats its names too often, used or not: validation compares every two of a name."""
    counts: Counter[str] = Counter()
    unseen: list[Any] = list(document.definitions)
    while unseen:
        node = unseen.pop()
        if isinstance(node, FieldNode):
            counts[(node.alias or node.name).value] += 1
        selections = getattr(node, "selection_set", None)
        unseen.extend(selections.selections if selections else ())
    if sum(count * count for count in counts.values()) > MOST_PAIRS:
        raise TooMuchError("This document repeats the same fields too often. Ask for less.")


class Budget:
    """What one operation of a document costs, measured once for each set of page sizes it is asked with."""

    def __init__(self, document: DocumentNode, operation: OperationDefinitionNode) -> None:
        self._document = document
        self._operation = operation
        self._sizes: tuple[str, ...] | None = None
        self._known: dict[tuple[Any, ...], int] = {}

    def refuse_excess(self, variables: Mapping[str, Any]) -> int:
        """Refuse what is too deep, too wide or too dear; return what it costs."""
        cost = self._known.get(self._key(variables)) if self._sizes is not None else None
        if cost is None:
            cost = self._measured(variables)
            if len(self._known) > MOST_SIZES:
                self._known.clear()
            self._known[self._key(variables)] = cost
        return cost

    def _key(self, variables: Mapping[str, Any]) -> tuple[Any, ...]:
        given = (variables.get(name, "its default") for name in self._sizes or ())
        return tuple(value if isinstance(value, int | str) else None for value in given)

    def _measured(self, variables: Mapping[str, Any]) -> int:
        measure = Measure(self._document, self._operation, variables)
        cost, depth = measure.of(self._operation.selection_set)
        self._sizes = tuple(sorted(measure.sizes))
        if self._operation.operation is OperationType.MUTATION and len(self._operation.selection_set.selections) != 1:
            raise OneChangeError("Send one change a request: its answer and its idempotency key are one.")
        for what, measured, most in (
            ("levels", depth, DEEPEST),
            ("aliases", measure.aliases, MOST_ALIASES),
            ("cost", cost, HIGHEST_COST),
        ):
            if measured > most:
                raise TooMuchError(
                    f"This document has {what} {measured:,}; at most {most:,} are answered. Ask for less."
                )
        return cost
