"""Documents generated from the schema as it stands: whatever is added to it is asked for by itself."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from random import Random
from typing import Any

from graphql import (
    GraphQLObjectType,
    get_named_type,
    is_abstract_type,
    is_composite_type,
    is_interface_type,
    is_leaf_type,
)
from graphql.utilities import do_types_overlap

from api.graphql.engine import schema
from tests.compiled.arguments import LEFT_OUT, Arguments
from tests.compiled.material import Material
from tests.isolation.inputs import TYPES

KEYS = ("a", "_x", "data", "errors", "name", "id", "nodes", "totalCount", "X9")
LEADS_ON = 0.15  # of the fields: one that leads to other rows is chosen, however many leaves stand beside it
Signature = tuple[str, str, str]


@dataclass
class Fragment:
    """A named fragment, with the names of the variables and fragments it uses."""

    kind: Any
    text: str
    uses: set[str]


@dataclass
class Sent:
    """A document with what a request sends beside it."""

    document: str
    variables: dict[str, Any]
    operation_name: str | None
    daring: bool
    again: Callable[[], dict[str, Any]]
    asked: set[tuple[str, str]]
    keys: dict[str, Signature] = field(default_factory=dict)

    @property
    def about_itself(self) -> bool:
        """Whether it asks after the schema."""
        return any(about_itself(TYPES[kind].fields[name]) for kind, name in self.asked)


def generated(chance: Random, material: Material) -> Sent:
    """Generate a document and its variables."""
    return _Writer(chance, material, daring=chance.random() < 0.12).sent()


class _Writer:
    """Writes one document.

    A response key means the same field with the same arguments wherever it stands: whatever is written twice merges.
    """

    def __init__(self, chance: Random, material: Material, *, daring: bool) -> None:
        self._chance = chance
        self._daring = daring
        self._arguments = Arguments(chance, material, daring=daring)
        self._keys: dict[str, Signature] = {}
        self._fragments: dict[str, Fragment] = {}
        self._written: dict[str, list[tuple[str, str, int]]] = {}
        self._uses: list[set[str]] = []
        self._left = chance.randrange(3, 30)
        self._asked: set[tuple[str, str]] = set()

    def sent(self) -> Sent:
        """Give the document."""
        several = self._chance.choice([1, 1, 1, 1, 2, 3])
        operations = {f"Q{number}": self._operation(f"Q{number}", several > 1) for number in range(several)}
        chosen = self._chance.choice(list(operations))
        parts = [text for text, _ in operations.values()]
        parts += [
            f"fragment {name} on {fragment.kind.name} {fragment.text}" for name, fragment in self._fragments.items()
        ]
        self._chance.shuffle(parts)
        used = operations[chosen][1]

        def drawn() -> dict[str, Any]:
            given = {name: variable.draw() for name, variable in self._arguments.variables.items() if name in used}
            return {name: value for name, value in given.items() if value is not LEFT_OUT}

        name = chosen if several > 1 or (f"query {chosen}" in operations[chosen][0] and used) else None
        return Sent("\n".join(parts), drawn(), name, self._daring, drawn, self._asked, self._keys)

    def _operation(self, name: str, must_name: bool) -> tuple[str, set[str]]:
        """Give an operation and the variables it uses, by itself or by its fragments."""
        self._left += 4
        self._uses.append(set())
        text = self._selections(TYPES["Query"], 5, 1)
        used = self._closed(self._uses.pop())
        stated = ", ".join(
            f"${each}: {variable.type}" + (f" = {variable.default}" if variable.default is not None else "")
            for each, variable in self._arguments.variables.items()
            if each in used
        )
        if not stated and not must_name and self._chance.random() < 0.5:
            return text, used
        return f"query {name}{f'({stated})' if stated else ''} {text}", used

    def _closed(self, uses: set[str]) -> set[str]:
        for fragment in [self._fragments[name] for name in uses if name in self._fragments]:
            uses = uses | self._closed(fragment.uses)
        return uses

    def _selections(self, kind: Any, depth: int, rows: int) -> str:
        most = 8 if isinstance(kind, GraphQLObjectType) and "Node" in [each.name for each in kind.interfaces] else 4
        parts = [self._selection(kind, depth, rows) for _ in range(self._chance.randrange(1, most))]
        return f"{{ {' '.join(parts)} }}"

    def _selection(self, kind: Any, depth: int, rows: int) -> str:
        way = self._chance.random() * (0.32 if is_abstract_type(kind) else 1)
        self._left -= 1
        if way < 0.05:
            return self._key("__typename", "String!", "") + self._directives()
        if depth > 0 and self._left > 0 and way < 0.17:
            return self._inline(kind, depth, rows)
        if depth > 0 and self._left > 0 and way < 0.25:
            return self._spread(kind, depth, rows)
        return self._field(kind, depth, rows)

    def _directives(self) -> str:
        text = ""
        for name in ("include", "skip"):
            if self._chance.random() < 0.05:
                spelt = self._arguments.switch()
                self._use(spelt)
                text += f" @{name}(if: {spelt})"
        return text

    def _use(self, text: str) -> None:
        """Note the variables in a text."""
        self._uses[-1].update(name for name in self._arguments.variables if f"${name}" in _tokens(text))

    def _inline(self, kind: Any, depth: int, rows: int) -> str:
        if self._chance.random() < 0.25:
            return f"...{self._directives()} {self._selections(kind, depth, rows)}"
        other = self._overlapping(kind)
        return f"... on {other.name}{self._directives()} {self._selections(other, depth - 1, rows)}"

    def _spread(self, kind: Any, depth: int, rows: int) -> str:
        fitting = [
            name for name, kept in self._fragments.items() if kept.kind in _overlapping(kind.name, concrete=False)
        ]
        if rows < 10 and fitting and self._chance.random() < 0.4:
            name = self._chance.choice(fitting)
        else:
            other = self._overlapping(kind)
            self._uses.append(set())
            text = self._selections(other, depth - 1, rows)
            name = f"F{len(self._fragments)}"
            self._fragments[name] = Fragment(other, text, self._uses.pop())
        self._uses[-1].add(name)
        return f"...{name}{self._directives()}"

    def _overlapping(self, kind: Any) -> Any:
        if self._chance.random() < 0.3:
            return kind
        return self._chance.choice(_overlapping(kind.name, concrete=self._chance.random() < 0.7))

    def _field(self, kind: Any, depth: int, rows: int) -> str:
        deeper = depth > 0 and self._left > 0
        fields = getattr(kind, "fields", {})
        fitting = [name for name, of in fields.items() if deeper or is_leaf_type(get_named_type(of.type))]
        if not fitting:
            return self._key("__typename", "String!", "")
        before = self._written.setdefault(kind.name, [])
        if before and deeper and self._chance.random() < 0.12:
            name, arguments, inner = self._chance.choice(before)
        else:
            of_rows = [each for each in fitting if not about_itself(fields[each])]
            if deeper and self._chance.random() < LEADS_ON:
                of_rows = [each for each in of_rows if not is_leaf_type(get_named_type(fields[each].type))] or of_rows
            name = self._chance.choice(of_rows if self._chance.random() < 0.98 else fitting)
            arguments, inner = self._arguments.written(kind.name, name, fields[name].args, rows)
            before.append((name, arguments, inner))
        return self._asked_for(kind, name, (arguments, inner), depth)

    def _asked_for(self, kind: Any, name: str, asked: tuple[str, int], depth: int) -> str:
        arguments, rows = asked
        of = kind.fields[name]
        self._asked.add((kind.name, name))
        self._use(arguments)
        text = self._key(name, str(of.type), arguments) + arguments + self._directives()
        named = get_named_type(of.type)
        if is_leaf_type(named):
            return text
        pages = kind.name == "Query" or is_interface_type(named) or named.name.endswith("Connection")
        return f"{text} {self._selections(named, depth if pages else depth - 1, rows)}"

    def _key(self, name: str, kind: str, arguments: str) -> str:
        """Give the response key of a field, with its name."""
        signature = (name, kind, arguments)
        same = [key for key, meant in self._keys.items() if meant == signature]
        wanted = name
        if same and self._chance.random() < 0.8:
            wanted = same[0]
        elif self._chance.random() < 0.12:
            wanted = self._chance.choice(KEYS)
        while self._keys.setdefault(wanted, signature) != signature:
            wanted = f"{name}_{len(self._keys)}"
        return name if wanted == name else f"{wanted}: {name}"


def about_itself(field: Any) -> bool:
    """Whether a field tells of the schema, not of rows."""
    named = get_named_type(field.type)
    return named.name.startswith("_") and isinstance(named, GraphQLObjectType)


@cache
def _overlapping(name: str, *, concrete: bool) -> list[Any]:
    """Give the types that a fragment may be on, where a type stands."""
    composites = [kind for each, kind in TYPES.items() if is_composite_type(kind) and not each.startswith("__")]
    fitting = [kind for kind in composites if do_types_overlap(schema._schema, kind, TYPES[name])]
    return [kind for kind in fitting if isinstance(kind, GraphQLObjectType) or not concrete]


def _tokens(text: str) -> set[str]:
    return set(text.replace("(", " ").replace(")", " ").replace(",", " ").replace("[", " ").replace("]", " ").split())
