"""Arguments of generated documents: given, null or left out; as literals and as variables of every kind."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from graphql import GraphQLArgument, GraphQLEnumType, GraphQLList, GraphQLNonNull, get_named_type, is_required_argument

from schema.kept.connection import LARGEST_PAGE
from tests.compiled.material import Material

LEFT_OUT = object()
CURSORS = ("after", "before")
MOST_ROWS = 400  # of one list, in all the pages it is on
Place = tuple[str, str, str]  # type, field, argument


@dataclass
class Variable:
    """A variable of a document: how it is declared, and what a request gives it."""

    type: str
    default: str | None
    draw: Callable[[], Any]


class Arguments:
    """Writes the arguments of one document's fields."""

    def __init__(self, chance: Random, material: Material, *, daring: bool) -> None:
        self._chance = chance
        self._material = material
        self._daring = daring
        self.variables: dict[str, Variable] = {}

    def written(self, kind: str, name: str, taken: dict[str, GraphQLArgument], rows: int) -> tuple[str, int]:
        """Give the arguments of a field in parentheses, and how many rows it may show."""
        told: dict[str, str] = {}
        known: dict[str, Any] = {}
        sized = rows
        for argument, of in sorted(taken.items(), key=lambda item: item[0] in CURSORS):
            fitting = self._fitting((kind, name, argument), of, known, rows)
            spelling, known[argument] = self._one(of, fitting)
            if spelling is not None:
                told[argument] = spelling
        if "first" in taken:
            given = known["first"]
            sized = rows * min(max(given if isinstance(given, int) else 50, 1), LARGEST_PAGE)
        self._chance.shuffle(parts := [f"{argument}: {spelling}" for argument, spelling in told.items()])
        return (f"({', '.join(parts)})" if parts else ""), sized

    def switch(self) -> str:
        """Give a Boolean for @include and @skip."""
        if self._chance.random() < 0.4:
            return self._chance.choice(["true", "false"])
        return f"${self._declared('Boolean', self._a_boolean, None, nullable=False, has_default=False)[0]}"

    def _one(self, of: GraphQLArgument, fitting: Callable[[], Any]) -> tuple[str | None, Any]:
        required, nullable = is_required_argument(of), not isinstance(of.type, GraphQLNonNull)
        way = self._chance.random()
        must = required or fitting.__name__ == "small"
        if not must and way < 0.5:
            return None, None
        if nullable and way < 0.56:
            return "null", None
        if way < 0.8:
            value = fitting()
            return (None, None) if value is None else (literal(of.type, value), value)
        name, value = self._declared(
            str(of.type).removesuffix("!"), fitting, of, nullable=nullable, has_default=not required
        )
        return f"${name}", value

    def _declared(
        self, bare: str, fitting: Callable[[], Any], of: Any, *, nullable: bool, has_default: bool
    ) -> tuple[str, Any]:
        """Declare a variable for a place; give its name, and its value as far as it is known."""
        chance, default = self._chance, None
        if chance.random() < 0.35 and (value := fitting()) is not None:
            default = literal(of.type, value) if of else str(value).lower()
        strict = chance.random() < 0.4 or (default is None and not (nullable or has_default))
        may_omit = default is not None or (not strict and fitting.__name__ != "small")
        may_null = not strict and (nullable or self._daring)

        def draw() -> Any:
            way = chance.random()
            if may_omit and way < 0.35:
                return LEFT_OUT
            if may_null and way < 0.5:
                return None
            value = fitting()
            return (LEFT_OUT if may_omit else chance.choice([""])) if value is None else value

        name = f"v{len(self.variables)}"
        self.variables[name] = Variable(bare + "!" * strict, default, draw)
        return name, (json.loads(default) if default and default[0].isdigit() else None)

    def _fitting(self, place: Place, of: GraphQLArgument, known: dict[str, Any], rows: int) -> Callable[[], Any]:
        """Give what makes a value for an argument."""
        named: Any = get_named_type(of.type)
        if place[2] in CURSORS:
            return lambda: self._a_cursor(place, known)
        if isinstance(named, GraphQLEnumType):
            return lambda: self._chance.choice(list(named.values))
        if isinstance(of.type, GraphQLNonNull) and isinstance(of.type.of_type, GraphQLList):
            one = {"ID": self._an_id, "_Any": self._a_representation}[named.name]
            return lambda: self._several(one)
        if named.name == "Int" and rows * 50 > MOST_ROWS:

            def small() -> int:
                return self._a_size((0, 1, 2, 3) if rows < 50 else (0, 1))

            return small
        made: dict[str, Callable[[], Any]] = {
            "Int": lambda: self._a_size((0, 1, 2, 3, 5, 50, 199, 200)),
            "ID": self._an_id,
            "String": self._a_name,
            "DateTime": self._an_instant,
            "Boolean": self._a_boolean,
            "_Any": self._a_representation,
        }
        return made[named.name]

    def _several(self, made: Callable[[], Any]) -> Any:
        if self._chance.random() < 0.1:
            return made()
        return [made() for _ in range(self._chance.randrange(6))]

    def _a_boolean(self) -> bool:
        return self._chance.random() < 0.6

    def _a_size(self, sizes: tuple[int, ...]) -> int:
        dares = self._daring and self._chance.random() < 0.3
        return self._chance.choice((-1, 201, 2**31 - 1) if dares else sizes)

    def _an_id(self) -> str:
        nouns = list(self._material.ids)
        return self._chance.choice(self._material.ids[self._chance.choice(nouns)])

    def _a_representation(self) -> dict[str, str]:
        """Give what another graph of a federation refers to an object by."""
        noun = self._chance.choice(list(self._material.ids))
        if self._chance.random() < 0.2:
            return {"__typename": "Organisation", "odsCode": self._a_name()}
        return {"__typename": noun, "id": self._chance.choice(self._material.ids[noun])}

    def _a_name(self) -> str:
        if self._daring and self._chance.random() < 0.1:
            return "NUL \x00"
        return self._chance.choice(self._chance.choice(self._material.names))

    def _an_instant(self) -> str:
        if self._daring and self._chance.random() < 0.3:
            return self._chance.choice(["2022-08-04T06:00:00", "0001-01-01T00:00:00+14:00", "2022-08-04"])
        return self._chance.choice(self._material.instants)

    def _a_cursor(self, place: Place, known: dict[str, Any]) -> str | None:
        """Give a cursor of the list under its filter; to the daring any other, or none of ours."""
        of_list = self._material.cursors.get(place[:2], {})
        if self._daring and self._chance.random() < 0.5:
            every = [cursors for lists in self._material.cursors.values() for cursors in lists.values() if cursors]
            foreign = self._chance.choice(self._chance.choice(every))
            forged = base64.urlsafe_b64encode(b'["01234567", "x"]').decode().rstrip("=")
            return self._chance.choice([foreign, foreign[:-4], forged, "", "é", "null"])
        if self._daring and self._chance.random() < 0.5 and any(of_list.values()):
            return self._chance.choice(self._chance.choice([cursors for cursors in of_list.values() if cursors]))
        cursors = self._material.cursors_of(place[:2], known)
        return self._chance.choice(cursors) if cursors else None


def literal(kind: Any, value: Any) -> str:
    """Spell a value in a document."""
    if isinstance(value, list):
        return f"[{', '.join(literal(kind, each) for each in value)}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{name}: {literal(None, each)}' for name, each in value.items())}}}"
    return value if kind and isinstance(get_named_type(kind), GraphQLEnumType) else json.dumps(value)
