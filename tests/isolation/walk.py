"""The walk over the questions: every position, tried with everything there is, by everyone."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any

from graphql import GraphQLSyntaxError, get_named_type, is_abstract_type, is_composite_type, is_leaf_type

from api.graphql.compiled.given import MOST_FIELDS
from api.graphql.engine import documents
from api.graphql.failure import TooMuchError
from tests.isolation import probes
from tests.isolation.asking import Asker, all_of
from tests.isolation.inputs import TYPES, noun_of
from tests.isolation.positions import Position
from tests.isolation.probes import Cursors, Probe
from tests.isolation.selection import asked, possible_types, times
from tests.isolation.world import World
from tests.stage import LISTED

BY_ID = ("node", "nodes", "_entities")  # questions that take an id of anything
DEPTHS = {"explainGate": 2}  # of its gates' conditions, which nothing else leads to, what they lead to
AS_OF = re.compile(r'"asOf": "[^"]*"')  # when it was asked, which is no difference
MOST_AT_ONCE = 8  # aliases; the engine answers 60, but compiles no more than a thousand fields


@dataclass(frozen=True)
class Breadth:
    """How much is asked: levels below the object, rows a page, parents of nested fields, cursors a list."""

    depth: int = 1
    first: int = 4
    parents: int = 1
    cursors: int = 30
    forged: int = 4
    everything: bool = False


THOROUGH = Breadth(depth=2, first=4, parents=2, cursors=10_000, forged=9, everything=True)


@dataclass(frozen=True)
class Form:
    """How one position is asked: the type whose fields are wanted of the answer, and how much of it."""

    position: Position
    shape: str
    depth: int
    first: int

    def document(self, count: int) -> str:
        """Give the document that tries `count` values."""
        position = self.position
        field = TYPES[position.type].fields[position.field]
        paged = f"first: {self.first}, " if "first" in field.args else ""
        calls = []
        for number in range(count):
            call = f"{position.field}({times(field)}{paged}{position.path[0]}: $v{number}) {self._selection}"
            if position.type == "Viewer":
                call = f"viewer {{ {call} }}"
            elif position.type in probes.WAYS:
                call = f"{probes.WAYS[position.type][1]} {{ __typename {call} }}"
            elif position.type != "Query":
                call = f"node(id: $parent) {{ __typename ... on {position.type} {{ {call} }} }}"
            calls.append(f"a{number}: {call}")
        stated = [f"$v{number}: {position.argument.type}" for number in range(count)]
        if position.type not in ("Query", "Viewer"):
            stated.append("$parent: ID!")
        return f"query({', '.join(stated)}) {{ {' '.join(calls)} }} {self._fragment if self.shape else ''}"

    @property
    def fields(self) -> int:
        """How many fields are asked of one value, and some more: the words of what is asked."""
        return len(asked(self.shape, self.depth, self.first).split()) if self.shape else 1

    @property
    def _selection(self) -> str:
        return f"{{ __typename ...{self.shape}Asked }}" if self.shape else ""

    @property
    def _fragment(self) -> str:
        return f"fragment {self.shape}Asked on {self.shape} {{ {asked(self.shape, self.depth, self.first)} }}"


@cache
def fitted(form: Form) -> tuple[Form, int]:
    """Give the form, of fewer rows and less deep where it must be, and how many values one document may try."""
    for depth, first in product(range(form.depth, -1, -1), (form.first, 1)):
        less = Form(form.position, form.shape, depth, first)
        for count in (MOST_AT_ONCE, 6, 3, 1):
            if is_answered(less.document(count)) and (count == 1 or less.fields * count <= MOST_FIELDS):
                return less, count
    raise AssertionError(f"{form.position} cannot be asked within the limits")


def is_answered(document: str) -> bool:
    """Tell whether a document is within the limits of one request."""
    try:
        documents.read(document).operation(None, {})
    except (TooMuchError, GraphQLSyntaxError):  # too many tokens are told by the parser
        return False
    return True


class Walk:
    """Asks everything of the questions, and holds the answers to foreign and to made-up values against each other."""

    def __init__(self, world: World, asker: Asker, breadth: Breadth) -> None:
        self._world = world
        self._asker = asker
        self._breadth = breadth
        self._cursors = Cursors(asker, world)

    async def everything(self, positions: Sequence[Position], who: str) -> None:
        """Try every position of the questions as one caller."""
        for position in positions:
            alike = await self._probes(position, who)
            for parent in probes.parents(self._world, position, who, self._breadth.parents):
                for tried in alike:
                    await self.try_all(position, parent, tried, who)

    async def _probes(self, position: Position, who: str) -> list[list[Probe]]:
        """Give what is tried at a position; together what is answered alike, since an error may empty a whole answer."""
        every = 1 if self._breadth.everything else 47
        few = 1 if self._breadth.everything else 400  # of what is no cursor: it is refused, each by itself
        ids = probes.ids(self._world)
        if position.is_cursor:
            hidden = [probe for probe in await self._cursors.of(position) if who not in probe.readers]
            return [hidden[:: 1 + len(hidden) // self._breadth.cursors], ids[::few]]
        if position.holds in ("ID", "_Any"):
            forged = probes.forged(self._world, self._breadth.forged)
            if position.field in BY_ID:
                return [self._of_anything([*ids, *forged], position.field)]
            asked = [probe for probe in ids if probe.noun == noun_of(position.path[-1])]
            return [[*asked, *[*ids, *forged][::every]]]
        names = probes.names(self._world)
        hidden = [probe for probe in names if who not in probe.readers]
        known = [probe for probe in names if who in probe.readers]
        return [[*hidden, *known[:: 1 if self._breadth.everything else 4], *ids[:: 2 * every - 1]]]

    def _of_anything(self, ids: list[Probe], field: str) -> list[Probe]:
        """Give ids of every noun: to `node` all but events, of which there are as many as of all others; else a few."""
        if self._breadth.everything:
            return ids
        if field != "node":
            return ids[::12]
        events = [probe for probe in ids if probe.noun == "Event"]
        return [*(probe for probe in ids if probe.noun != "Event"), *events[::6]]

    async def try_all(self, position: Position, parent: str | None, tried: Sequence[Probe], who: str) -> None:
        """Try values at a position, and compare what is hidden with what was made up."""
        groups: dict[str, dict[str, None]] = {}
        for probe in tried:
            groups.setdefault(self._shape(position, probe), {}).update(dict.fromkeys((probe.value, probe.twin)))
        outcomes: dict[tuple[str, str], str] = {}
        for shape, values in groups.items():
            form, count = fitted(self._form(position, shape))
            batches = list(_batches([*values], count))
            for found in await all_of(self._batch(form, parent, batch, who) for batch in batches):
                outcomes |= {(shape, value): outcome for value, outcome in found.items()}
        for probe in tried:
            self._judge(position, probe, who, outcomes)

    def _form(self, position: Position, shape: str) -> Form:
        if position.is_cursor:  # what a place in a list may give away are its rows
            return Form(position, shape, 0, 2)
        depth = self._breadth.depth if position.field == "node" else DEPTHS.get(position.field, 1)
        return Form(position, shape, depth, self._breadth.first)

    def _shape(self, position: Position, probe: Probe) -> str:
        """Give the type whose fields are asked of the answer: of an interface, the one the value's noun has."""
        named = get_named_type(TYPES[position.type].fields[position.field].type)
        if is_leaf_type(named):
            return ""
        assert is_composite_type(named), f"{position} answers no object: say how it is judged"
        if not is_abstract_type(named):
            return str(named.name)
        possible = possible_types(named.name)
        return probe.noun if probe.noun in possible else possible[0]

    def _judge(self, position: Position, probe: Probe, who: str, outcomes: dict[tuple[str, str], str]) -> None:
        shape = self._shape(position, probe)
        foreign, nobodys = outcomes[shape, probe.value], outcomes[shape, probe.twin]
        if who not in probe.readers:
            if foreign != nobodys:
                what = f"{probe.noun} {probe.value} answers {foreign[:200]}, a made-up one {nobodys[:200]}"
                self._asker.findings.note(who, str(position), what)
        elif position.type == "Query" and position.field == "node" and '"id"' not in foreign:
            self._asker.findings.note(
                who, str(position), f"nothing, where {probe.noun} {probe.value} is theirs to read"
            )

    async def _batch(self, form: Form, parent: str | None, values: Sequence[str], who: str) -> dict[str, str]:
        position = form.position
        given = {f"v{number}": position.value(value) for number, value in enumerate(values)}
        variables = given | ({"parent": parent} if parent else {})
        body = await self._asker.ask(who, form.document(len(values)), variables, str(position))
        if body["data"] is None and len(values) > 1:
            alone = await all_of(self._batch(form, parent, [value], who) for value in dict.fromkeys(values))
            return {value: outcome for each in alone for value, outcome in each.items()}
        self._asker.findings.calls[str(position)] += len({*values})
        self._asker.findings.reached.add((position.type, position.field))
        return dict(zip(values, outcomes(body, values), strict=True))


def outcomes(body: dict[str, Any], values: Sequence[str]) -> Iterator[str]:
    """Give what was answered to each value, with the value itself and the request's id masked."""
    told: dict[str, list[Any]] = {}
    for error in body.get("errors", ()):
        what = [error["message"], {**error["extensions"], "requestId": ""}, error["path"][1:]]
        told.setdefault(error["path"][0], []).append(what)
    for number, value in enumerate(values):
        place = f"a{number}"
        answer = AS_OF.sub("", json.dumps([body["data"] and body["data"][place], told.get(place)]))
        yield answer.replace(json.dumps(value)[1:-1], "<given>") if value else answer


def _batches(values: Sequence[str], size: int) -> Iterator[list[str]]:
    """Give values in parts of one size, the last filled up: a document of another size would be compiled anew."""
    for at in range(0, len(values), size):
        part = [*values[at : at + size]]
        yield [*part, *part[-1:] * (size - len(part))]


def callers() -> list[str]:
    """Give everyone there is."""
    return list(LISTED)
