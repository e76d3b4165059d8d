"""What documents are asked with: ids, names, instants and cursors of a world, real ones and others."""

import itertools
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import asyncpg
from graphql import GraphQLArgument, GraphQLEnumType, get_named_type, is_required_argument

from api.graphql.engine import Engine, Request
from api.graphql.register import OPERATIONS
from auth.caller import Caller
from auth.scope import Scope
from schema.kept.node import global_id
from tests.compiled.odd import ODD
from tests.isolation import probes
from tests.isolation.inputs import TYPES, noun_of
from tests.isolation.positions import Position, positions
from tests.isolation.world import World
from tests.stage import LISTED, caller, person

BESIDE = ("first", "after", "asKnownAt")  # what is no filter of a list
NO_IDS = ("", "x", "Tm90", "U3lzdGVtOg", "é", global_id("System", "1/2"), global_id("Event", f"1/{10**30}"))
TIMELESS = ("1999-01-01T00:00:00Z", "2022-08-04T07:00:00+01:00", "2999-12-31T23:59:59.999999Z")
MOMENTS = "select distinct recorded_at from event order by 1"
NAMED = {"subject": "Account"}  # what a filter names, where it is not named by its noun
Filters = str


@dataclass
class Material:
    """Values to ask with; the same lists, in the same order, for all documents of a run."""

    ids: dict[str, list[str]] = field(default_factory=dict)
    names: list[list[str]] = field(default_factory=list)
    named: dict[str, list[str]] = field(default_factory=dict)
    instants: list[str] = field(default_factory=list)
    cursors: dict[tuple[str, str], dict[Filters, list[str]]] = field(default_factory=dict)
    callers: list[Caller] = field(default_factory=list)

    def cursors_of(self, place: tuple[str, str], filters: dict[str, Any]) -> list[str]:
        """Give the cursors of a list under a filter."""
        return self.cursors.get(place, {}).get(spelt(filters), [])


def spelt(filters: dict[str, Any]) -> Filters:
    """Spell what filters a list; null filters nothing."""
    told = {name: value for name, value in filters.items() if name not in BESIDE and value is not None}
    return json.dumps(told, sort_keys=True)


async def gathered(world: World, engine: Engine, admin: asyncpg.Connection) -> Material:
    """Give the material of a world."""
    found = Material(callers=[*map(person, LISTED)], named=world.named)
    for noun in world.nouns:
        found.ids[noun] = [row.id for row in world.of(noun)]
    found.ids["TestMilestone"] = [global_id("TestMilestone", kind) for kind in TYPES["TestKind"].values]
    found.ids[""] = [*NO_IDS, *map(probes.made_up, world.nouns)]
    found.ids["forged"] = [probe.value for probe in probes.forged(world, 1)][::9]
    operations = [operation.name for operation in OPERATIONS]
    found.names = [[*LISTED], [*world.names], operations, [*ODD, "ZZZ99", "", "null", *found.ids["Product"]]]
    at = [row["recorded_at"] for row in await admin.fetch(MOMENTS)]
    between = [before + (after - before) / 2 for before, after in itertools.pairwise(at)]
    found.instants = [*TIMELESS, *(moment.isoformat() for moment in (*at[::8], *between[::8], at[-1]))]
    await _Lists(engine, found).read()
    empty = [place for place, lists in found.cursors.items() if not any(lists.values())]
    assert empty == [], f"lists without any row: {empty}"
    return found


def lesser(chance: Any, who: Caller) -> Caller:
    """Give a caller with fewer scopes, of a client with an odd name."""
    scopes = chance.choice([set(), {Scope.PROGRESS_READ}, {Scope.ACTIVITY_READ}, who.scopes])
    return caller(who.tenant_ods, scopes=frozenset(scopes), subject=chance.choice(ODD))


class _Lists:
    """Reads every list of the schema, unfiltered and under each filter, for the cursors."""

    def __init__(self, engine: Engine, material: Material) -> None:
        self._engine = engine
        self._material = material

    async def read(self) -> None:
        """Read them all."""
        for position in positions():
            if position.is_cursor:
                place = (position.type, position.field)
                lists = self._material.cursors.setdefault(place, {})
                for filters in self._filters(position):
                    lists[spelt(filters)] = await self._cursors(position, filters)

    def _filters(self, position: Position) -> list[dict[str, Any]]:
        """Give what a list may be filtered by: nothing but what it needs, then each value of each argument."""
        if position.type != "Query":
            return [{}]
        taken = {name: of for name, of in TYPES["Query"].fields[position.field].args.items() if name not in BESIDE}
        values = {name: self._values(name, of) for name, of in taken.items()}
        needed = {name: values[name][0] for name, of in taken.items() if is_required_argument(of)}
        return [needed] + [{**needed, name: value} for name, each in values.items() for value in each]

    def _values(self, name: str, of: GraphQLArgument) -> list[Any]:
        kind: Any = get_named_type(of.type)
        if isinstance(kind, GraphQLEnumType):
            return [*kind.values]
        made: dict[str, Callable[[], list[Any]]] = {
            "Boolean": lambda: [True, False],
            "DateTime": lambda: self._material.instants[:3],
            "ID": lambda: self._material.ids[noun_of(name)],
            "String": lambda: self._material.named.get(NAMED.get(name, noun_of(name)), self._material.names[0]),
        }
        return made[kind.name]()

    async def _cursors(self, position: Position, filters: dict[str, Any]) -> list[str]:
        taken = TYPES[position.type].fields[position.field].args
        stated = ", ".join(f"${name}: {taken[name].type}" for name in filters)
        passed = "".join(f", {name}: ${name}" for name in filters)
        page = f"{position.field}(first: 200{passed}) {{ edges {{ cursor }} }}"
        document = f"query{f'({stated})' if stated else ''} {{ {page} }}"
        asked = [dict(filters)]
        if position.type in probes.WAYS:
            above, way = probes.WAYS[position.type]
            document = f"query($parent: ID!) {{ nodes: {way} {{ {page} }} }}"
            asked = [{"parent": each} for each in self._material.ids[above]]
        elif position.type != "Query":
            document = f"query($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on {position.type} {{ {page} }} }} }}"
            ids = self._material.ids[position.type][:200]
            asked = [{"ids": ids[at : at + probes.FEW]} for at in range(0, len(ids), probes.FEW)]
        return [cursor for each in asked for cursor in await self._told(position.field, document, each)]

    async def _told(self, field: str, document: str, variables: dict[str, Any]) -> list[str]:
        request = Request(document, variables, None, str(uuid.uuid4()))
        told = json.loads((await self._engine.answer(request, person("NATIONAL"))).body)
        if "errors" in told:  # filters may contradict one another
            return []
        pages = told["data"].get("nodes", [told["data"]])
        return [edge["cursor"] for each in pages for edge in each[field]["edges"]]
