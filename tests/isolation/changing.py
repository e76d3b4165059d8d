"""The walk over the changes: every place an id or a name can be put, by everyone, kept for real, and what it moved."""

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import asyncpg
from graphql import GraphQLList, GraphQLNonNull, get_named_type

from api.graphql.register import OPERATIONS
from schema.kept.node import global_id
from tests.isolation import oracle, probes
from tests.isolation.asking import Asker, all_of
from tests.isolation.canary import Canaries, Plain
from tests.isolation.inputs import TYPES, Inputs, is_list, noun_of
from tests.isolation.oracle import KIND, Told, may_change, may_count
from tests.isolation.positions import Position
from tests.isolation.probes import Probe
from tests.isolation.selection import asked
from tests.isolation.walk import outcomes
from tests.isolation.world import World

CHANGES: dict[str, Any] = TYPES["Mutation"].fields
MAY = {operation.name: operation.kinds for operation in OPERATIONS}
MOST = 8  # ids of the noun that is asked for: hidden, and seen
OTHERS = 6  # of the nouns that are not, one in so many at a position
TENANTS = """
    select table_name from information_schema.columns join information_schema.tables using (table_schema, table_name)
    where table_schema = 'public' and column_name = 'tenant_ods' and table_type = 'BASE TABLE' order by 1
"""

SHOWN = {
    "Evidence": "select row_to_json(e)::text from evidence e join security_assurance a on a.id = e.assurance_id where a.state <> 'DRAFT'",
    "SecurityAssurance": "select row_to_json(a)::text from security_assurance a where a.state <> 'DRAFT'",
    "Wave": "select row_to_json(w)::text from wave w where w.state <> 'DRAFT'",
    "WaveMember": "select row_to_json(m)::text from wave_member m join wave w on w.id = m.wave_id where w.proposed_at is not null",
}  # what is read by more from the change on that oracle.SHOWN_BY names


async def digests(admin: asyncpg.Connection) -> dict[tuple[str, str], str]:
    """Give a hash of each tenant's rows in each table."""
    found: dict[tuple[str, str], str] = {}
    for (table,) in await admin.fetch(TENANTS):
        hashed = f"select tenant_ods, md5(string_agg(t::text, '|' order by t::text)) from {table} t group by 1"  # noqa: S608 - the catalogue's own names
        found |= {(table, tenant): digest for tenant, digest in await admin.fetch(hashed)}
    return found


class Changes:
    """Tries every position of the changes with what belongs to others."""

    def __init__(self, world: World, asker: Asker, admin: asyncpg.Connection, *, everything: bool) -> None:
        self._world = world
        self._asker = asker
        self._admin = admin
        self._everything = everything
        self._plain = Plain()
        self._ids_there: list[Probe] = []
        self._forged, self._turn = probes.forged(world, 1), 0
        self._said: set[str] = set()

    async def everything(self, positions: Iterable[Position], who: str) -> None:
        """Try every position as one caller; what changes must be theirs."""
        before = await digests(self._admin)
        self._ids_there = probes.ids(self._world)
        for position in positions:
            await self._position(position, who)
        for name in CHANGES:
            if KIND[who] in MAY[name]:
                await self._provoke(name, who)
        after = await digests(self._admin)
        for table, tenant in {place for place, _ in before.items() ^ after.items()}:
            if not (may_change(table, tenant, who) or may_count(table, tenant, who)):
                self._asker.findings.note(who, f"changes of {table}", f"that rows of {tenant} can be changed")
        await self._learn_what_is_shown()

    async def _learn_what_is_shown(self) -> None:
        """Note what was submitted or proposed by now: from then on it is read as the oracle says of what is shown."""
        for noun, shown in SHOWN.items():
            for row in map(json.loads, [text for (text,) in await self._admin.fetch(shown)]):
                known = self._world.rows.get(global_id(noun, row["id"]))
                if known is not None:
                    told = Told(known.owner, row.get("trust_ods"), known.owner, shown=True)
                    readers = known.readers | oracle.readers(noun, told)
                    self._world.rows[known.id] = replace(known, readers=readers)
                    self._world.canaries.let_read_all(row, readers)
                    for secret in (known.id, known.key):
                        self._world.canaries.let_read(secret, readers)

    async def _position(self, position: Position, who: str) -> None:
        tried = self._probes(position, who)
        values = dict.fromkeys(value for probe in tried for value in (probe.value, probe.twin))
        told = await all_of(self._try(position, value, who) for value in values)
        told_of = dict(zip(values, told, strict=True))
        for probe in tried:
            foreign, nobodys = told_of[probe.value], told_of[probe.twin]
            if position.holds == "ID" and who not in probe.readers and foreign != nobodys:
                what = f"{probe.noun} {probe.value} answers {foreign[:200]}, a made-up one {nobodys[:200]}"
                self._asker.findings.note(who, str(position), what)

    def _probes(self, position: Position, who: str) -> list[Probe]:
        """Give what is tried: last what the caller may see, which may do the one change there is something ready for."""
        tried = self._names(who) if position.holds != "ID" else self._ids(noun_of(position.path[-1]), who)
        tried.sort(key=lambda probe: who in probe.readers)
        return tried if KIND[who] in MAY[position.field] else tried[:1]

    def _names(self, who: str) -> list[Probe]:
        hidden = [probe for probe in probes.names(self._world) if who not in probe.readers]
        return hidden if self._everything else hidden[:: 1 + len(hidden) // 3]

    def _ids(self, noun: str, who: str) -> list[Probe]:
        """Give the ids of the noun that is asked for: seen, and some hidden; and one of every other that is hidden."""
        if self._everything:
            return [*self._ids_there, *self._forged]
        hidden = [probe for probe in self._ids_there if probe.noun == noun and who not in probe.readers]
        seen = [probe for probe in self._ids_there if probe.noun == noun and who in probe.readers]
        others = {probe.noun: probe for probe in (*self._ids_there, *self._forged) if who not in probe.readers}
        self._turn += 1  # a few nouns here, the next ones at the next position
        few = list(others.values())[self._turn % OTHERS :: OTHERS]
        return [*hidden[:: 1 + len(hidden) // MOST], *seen[:: 1 + len(seen) // MOST], *seen[-1:], *few]

    async def _try(self, position: Position, value: str, who: str) -> str:
        variables = filled(self._world, position.field, who, self._plain, position.path)
        _place(variables, TYPES["Mutation"], position, value)
        if position.holds != "ID":
            self._said.add(value)  # what somebody wrote others may read
        body = await self._ask(position.field, variables, who, str(position), value)
        answer = body["data"] and body["data"][position.field]
        if answer and "message" not in answer:
            return str(answer["__typename"])  # what was made is new each time
        (outcome,) = outcomes({**body, "data": {"a0": answer}}, [value])
        return outcome

    async def _ask(self, name: str, variables: dict[str, Any], who: str, where: str, *given: str) -> dict[str, Any]:
        said = self._said.union(given)
        body = await self._asker.ask(who, changed(name, 1), variables, where, said)
        assert "data" in body, (where, variables, body)
        self._asker.findings.calls[where] += 1
        self._asker.findings.reached.add(("Mutation", name))
        return body

    async def _provoke(self, name: str, who: str) -> None:
        """Have every refusal there is: twice the same, one key for two bodies, an old version, empty texts."""
        first = filled(self._world, name, who, self._plain)
        for _ in range(2):
            await self._ask(name, _with(name, first, idempotencyKey=None), who, f"{name} twice")
        key = {"idempotencyKey": f"the-key-of-{name}"}
        keyed = _with(name, filled(self._world, name, who, self._plain), **key)
        body = await self._ask(name, keyed, who, f"{name} with a key")
        if "message" not in body["data"][name]:
            other = _with(name, filled(self._world, name, who, self._plain), **key, note="x")
            await self._ask(name, other, who, f"{name} with its key again")
        if "expectedVersion" in get_named_type(CHANGES[name].args["input"].type).fields:
            old = _with(name, filled(self._world, name, who, self._plain), expectedVersion=999)
            await self._ask(name, old, who, f"{name} of old")
        empty = {field: "" for field, value in first["input"].items() if str(value).startswith("PLAIN")}
        await self._ask(name, _with(name, first, **empty), who, f"{name} of nothing")


def changed(name: str, depth: int) -> str:
    """Give the document of a change."""
    answer = get_named_type(CHANGES[name].type).name
    stated = ", ".join(f"${argument}: {taken.type}" for argument, taken in CHANGES[name].args.items())
    passed = ", ".join(f"{argument}: ${argument}" for argument in CHANGES[name].args)
    return f"mutation({stated}) {{ {name}({passed}) {{ {asked(answer, depth, 2)} }} }}"


def filled(
    world: World, name: str, who: str, values: Canaries | None = None, through: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Give the variables of a change, on things of the caller's own; with the input objects on the way to a position."""
    made = Inputs(values or Plain(), who)
    return {
        argument: made.make(
            get_named_type(taken.type).name,
            _own(world, get_named_type(taken.type), who, through[1:]) | _ready(world, name, who, through[1:2]),
        )
        for argument, taken in CHANGES[name].args.items()
    }


def _own(world: World, kind: Any, who: str, through: tuple[str, ...]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for field, of in kind.fields.items():
        named = get_named_type(of.type)
        if named.name == "ID":
            noun = noun_of(field)
            rows = world.of(noun, owner=who) or world.of(noun, seen_by=who)
            given[field] = rows[-1].id if rows else probes.made_up(noun)
        elif len(through) > 1 and field == through[0]:
            inner = _own(world, named, who, through[1:])
            given[field] = [inner] if is_list(of.type) else inner
    return given


def _ready(world: World, name: str, who: str, besides: tuple[str, ...]) -> dict[str, Any]:
    """Give what the story left for a change, but for what is tried."""
    return {field: given for field, given in world.ready.get((name, who), {}).items() if field not in besides}


def _with(name: str, variables: dict[str, Any], /, **other: Any) -> dict[str, Any]:
    """Give the variables with other fields in the input, where it has such fields."""
    there = get_named_type(CHANGES[name].args["input"].type).fields
    may = {*variables["input"], *(field for field in _ALL if field in there)}
    return {"input": {**variables["input"], **{field: given for field, given in other.items() if field in may}}}


_ALL = ("idempotencyKey", "expectedVersion")


def _place(variables: dict[str, Any], kind: Any, position: Position, value: str) -> None:
    taken = kind.fields[position.field].args[position.path[0]].type
    inside = variables
    for name, inner in zip(position.path, position.path[1:], strict=False):
        inside = inside[name]
        inside = inside[0] if isinstance(inside, list) else inside
        taken = get_named_type(taken).fields[inner].type
    taken = taken.of_type if isinstance(taken, GraphQLNonNull) else taken
    inside[position.path[-1]] = [value] if isinstance(taken, GraphQLList) else value
