"""What is tried at a position: what belongs to somebody, each with a made-up twin that belongs to nobody."""

import base64
import json
import uuid
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from graphql import GraphQLField, get_named_type

from schema.kept.node import global_id
from tests.isolation.asking import Asker
from tests.isolation.canary import Readers
from tests.isolation.inputs import TYPES
from tests.isolation.oracle import EVERYONE
from tests.isolation.positions import Position
from tests.isolation.selection import id_of, times
from tests.isolation.world import Known, World

ALL_SEEING = "AUDITOR"
BY_CODE = ("GateCondition", "GateStanding")  # placed by codes of a catalogue: a cursor names no row of anybody's
FEW = 20  # objects whose lists are asked for at once, within the cost of a document
WAYS = {
    "GateStanding": ("System", "explainGate(system: $parent)")
}  # to a type without ids: of what it is told, and how
NOBODYS = {"-": "MADE-UP-NAME", "_": "MADE_UP_NAME"}


@dataclass(frozen=True)
class Probe:
    """A value, of which noun, who may know of it, and its made-up twin."""

    value: str
    noun: str
    readers: Readers
    twin: str


def ids(world: World) -> list[Probe]:
    """Give the id of every row."""
    return [Probe(row.id, row.noun, row.readers, made_up(row.noun)) for row in world.rows.values()]


def forged(world: World, most: int) -> list[Probe]:
    """Give for each row its key under the names of other nouns: nobody's id."""
    keyed = [noun for noun in world.nouns if noun not in ("Event", "Organisation")]
    return [
        Probe(global_id(other, row.key), other, frozenset(), made_up(other))
        for row in world.rows.values()
        if row.noun in keyed
        for other in [*keyed, *keyed][keyed.index(row.noun) + 1 :][: min(most, len(keyed) - 1)]
    ]


def made_up(noun: str) -> str:
    """Give an id that no row has."""
    keys = {"Event": "1/1", "Organisation": "ZZZ99", "TestMilestone": "MADE_UP"}
    return global_id(noun, keys.get(noun, uuid.UUID("01912345-6789-7abc-8def-0123456789ab")))


def names(world: World) -> list[Probe]:
    """Give every reference, code, label and organisation's code, some idempotency keys, and odd texts."""
    kept = [Probe(name, "", readers, NOBODYS["_" if "_" in name else "-"]) for name, readers in world.names.items()]
    odd = ["", "%", "' or true --", "null", *world.keys[::40], *(row.key for row in world.of("System")[:1])]
    return [*kept, *(Probe(text, "", EVERYONE, text) for text in odd)]


class Cursors:
    """The cursors of every list, as the one who sees all gets them."""

    def __init__(self, asker: Asker, world: World) -> None:
        self._asker = asker
        self._world = world
        self._known: dict[tuple[str, str], list[Probe]] = {}
        self._of_transaction: dict[str, list[Readers]] = defaultdict(list)
        for event in world.of("Event"):
            self._of_transaction[event.key.partition("/")[0]].append(event.readers)

    async def of(self, position: Position) -> list[Probe]:
        """Give the cursors of a list."""
        place = (position.type, position.field)
        if _row(TYPES[position.type].fields[position.field]) in BY_CODE:
            return []
        if place not in self._known:
            pages = await (self._root(position) if position.type == "Query" else self._nested(position))
            self._known[place] = [self._probe(edge) for page in pages for edge in page["edges"]]
        return self._known[place]

    def _probe(self, edge: dict[str, Any]) -> Probe:
        row: Known | None = self._world.rows.get(edge["node"]["id"])
        assert row, f"a list shows a row the world does not know: {edge}"
        parts = json.loads(base64.urlsafe_b64decode(edge["cursor"] + "=="))
        parts[-1] = _next_to(parts[-1])
        twin = base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")
        return Probe(edge["cursor"], row.noun, self._readers(row), twin)

    def _readers(self, row: Known) -> Readers:
        """Give who may tell a place from its twin: of a transaction's events, who reads one of them."""
        if row.noun != "Event":
            return row.readers
        transaction = row.key.partition("/")[0]
        return frozenset().union(*self._of_transaction[transaction])

    async def _root(self, position: Position) -> list[Any]:
        field = TYPES[position.type].fields[position.field]
        call = f"{position.field}({times(field)}first: 200, after: $after)"
        asked = f"query($after: String) {{ {call} {{ {_edges(field)} }} }}"
        pages, after = [], None
        while True:
            page = (await self._asker.ask(ALL_SEEING, asked, {"after": after}, str(position)))["data"][position.field]
            pages.append(page)
            if not page["pageInfo"]["hasNextPage"]:
                return pages
            after = page["pageInfo"]["endCursor"]

    async def _nested(self, position: Position) -> list[Any]:
        asked = (
            f"query($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on {position.type} "
            f"{{ {position.field}(first: 200) {{ {_edges(TYPES[position.type].fields[position.field])} }} }} }} }}"
        )
        given = [row.id for row in self._world.of(position.type)]
        pages = []
        for at in range(0, len(given), FEW):
            body = await self._asker.ask(ALL_SEEING, asked, {"ids": given[at : at + FEW]}, str(position))
            pages += [node[position.field] for node in body["data"]["nodes"]]
        return pages


def _edges(field: GraphQLField) -> str:
    return f"edges {{ cursor node {{ {id_of(_row(field))} }} }} pageInfo {{ hasNextPage endCursor }}"


def _row(field: GraphQLField) -> str:
    return str(get_named_type(TYPES[get_named_type(field.type).name].fields["nodes"].type).name)


def _next_to(part: str) -> str:
    """Give the key next to one: the same place in the order, of no row."""
    if part.isdigit():
        return str(int(part) + 10**9)
    return part[:-1] + ("1" if part[-1] == "0" else "0")


def parents(world: World, position: Position, who: str, most: int) -> list[str | None]:
    """Give rows that a nested field can be asked of by somebody: the first and the last they may see."""
    if position.type in ("Query", "Viewer"):
        return [None]
    above = WAYS.get(position.type, (position.type, ""))[0]
    assert "Node" in [each.name for each in TYPES[above].interfaces], f"no way to {position} is known"
    seen: list[str | None] = [row.id for row in world.of(above, seen_by=who)]
    return [*dict.fromkeys([*seen[-1:], *seen[:1]])][:most]
