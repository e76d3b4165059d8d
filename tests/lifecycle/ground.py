"""The ground of the lifecycle: one engine on one database for all examples, its clock set, and stories copied."""

import asyncio
import copy
import datetime as dt
import json
import re
import uuid
from dataclasses import dataclass, field
from typing import Any

import asyncpg
from graphql import GraphQLUnionType

from api.graphql.engine import Engine, Request, schema
from auth.caller import Caller
from auth.tenancy import Database
from schema.kept.node import global_id, read_global_id
from tests.lifecycle.acts import Act, Thing
from tests.lifecycle.asked import CHECK, REACHED, REHASHED, TABLES
from tests.lifecycle.cast import NATIONAL_TEAM, TRUST_IT, TRUSTS
from tests.lifecycle.facts import System
from tests.lifecycle.invariants import BROKEN
from tests.lifecycle.model import BEGINS, Model
from tests.stage import ATTACK, CARENOTES, LISTED, Stage, caller

UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
APART = ("organisation", "event", "test_milestone")  # not of one story
TICK = dt.timedelta(seconds=1)


@dataclass
class Story:
    """A product lost to an incident, as it is known by the model, with the keys of its things."""

    model: Model
    keys: dict[str, tuple[str, str]] = field(default_factory=dict)  # noun and UUID of each thing by its name
    number: int = 0

    @property
    def product(self) -> uuid.UUID:
        """The key of the product."""
        return uuid.UUID(self.keys["product"][1])


@dataclass
class Kept:
    """A story that was told once, with its rows, to go on from again and again."""

    story: Story
    rows: str
    tables: dict[str, str]


class Ground:
    """A database with one engine, asked by anybody at a time of our choosing."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.runner = asyncio.Runner()
        self.now = BEGINS
        self.database = Database(stage.url, clock=lambda: self.now)
        self.engine = Engine(self.database)
        self.admin = self.runner.run(asyncpg.connect(stage.server.admin_url, database=stage.name))
        self.asked = self.stories = self.changes = 0
        self.events = 0
        self._documents: dict[str, str] = {}
        for command in (
            "update app.installation set demonstration = true",
            "set plan_cache_mode = force_generic_plan",
            "set jit = off",
        ):
            self.runner.run(self.admin.execute(command))

    def close(self) -> None:
        """Let go of every connection."""
        self.runner.run(self.database.close())
        self.runner.run(self.admin.close())
        self.runner.close()

    def rows(self, text: str, *arguments: Any) -> list[asyncpg.Record]:
        """Ask the database past every policy."""
        found: list[asyncpg.Record] = self.runner.run(self.admin.fetch(text, *arguments))
        return found

    def broken(self, product: uuid.UUID) -> list[str]:
        """Return the invariants that a story breaks (domain model, B.4)."""
        return [row[0] for row in self.rows(BROKEN, product)]

    async def send(self, who: Caller, verb: str, given: dict[str, Any], name: str = "step") -> dict[str, Any]:
        """Send a change by a request's name; return the thing or the problem, or what failed by its code."""
        self.asked += 1
        request = Request(self._document(verb), {"input": given}, None, name)
        body = json.loads((await self.engine.answer(request, who)).body)
        if errors := body.get("errors"):
            return {"__typename": errors[0]["extensions"]["code"], "retryable": errors[0]["extensions"]["retryable"]}
        answer: dict[str, Any] = body["data"][verb]
        return answer

    def change(self, who: Caller, verb: str, given: dict[str, Any]) -> dict[str, Any]:
        """Send a change alone."""
        return self.runner.run(self.send(who, verb, given))

    def act(self, story: Story, act: Act) -> None:
        """Let somebody act: the answer is what the model says, and the invariants hold."""
        before = _places(story.model)
        answer = self.change(act.who.caller, act.verb, given_as_ids(story, act.given))
        kind = answer["__typename"]
        got = "DONE" if "id" in answer else kind
        assert got == act.expected, f"{act.who.name} {act.verb} {act.given}: {got}, not {act.expected}: {answer}"
        if act.gates is not None and got == "GateShut":
            assert {gate["code"] for gate in answer["obstacles"]} == act.gates, answer
        if got == "DONE":
            self._done(story, act, answer)
        self.check(story, written=got == "DONE")
        self._look(story, before)
        self.later(story, TICK)

    def _done(self, story: Story, act: Act, answer: dict[str, Any]) -> None:
        """Write down what was done, and what was made by it."""
        assert not isinstance(act.verdict, str)
        self.changes += 1
        act.verdict()
        if act.makes:
            story.keys[act.makes] = answer["__typename"], read_id(answer["id"])
        if act.holds:
            (newest,) = self.rows("select id::text from hold order by id desc limit 1")
            story.keys[act.holds] = "Hold", newest[0]

    def _look(self, story: Story, before: dict[str, str]) -> None:
        """Look at what has been reached: whether all was so that has to be."""
        for name, place in _places(story.model).items():
            if before.get(name) != place and (name[:4], place) in REACHED:
                wrong = self.rows(REACHED[name[:4], place], self._key(story, name), self.now)
                assert not wrong, (name, place, [row[0] for row in wrong])

    def later(self, story: Story, passes: dt.timedelta) -> None:
        """Let time pass."""
        story.model.now = self.now = self.now + passes

    def check(self, story: Story, *, written: bool) -> None:
        """Hold the database against the model and the invariants; what was refused left no event."""
        row = self.rows(CHECK, story.product, [*LISTED])[0]
        assert (row["events"] > self.events) == written
        self.events = row["events"]
        model = story.model
        assert dict(zip(row["trusts"], row["states"], strict=True)) == {
            code: system.state for code, system in model.systems.items()
        }
        assert row["waves"] == [wave.state for wave in model.waves]
        assert row["holds"] == sorted(hold.state for hold in model.holds)
        broken = self.broken(story.product)
        assert not broken, broken

    def begin(self) -> Story:
        """Tell how a story begins: an incident with its gates, a product, and a system of each trust."""
        self.stories += 1
        self.now = BEGINS
        story = Story(Model(series=self.stories), number=self.stories)
        attack = {**ATTACK, "reference": f"CARENOTES-{story.number}"}
        self._told(story, "incident", NATIONAL_TEAM.caller, "openIncident", attack)
        named = {**CARENOTES, "code": f"CN{story.number}"}
        self._told(story, "product", caller("SUPPLIER"), "registerProduct", named)
        for gate, code in self.rows(
            "select id::text, code from gate where incident_id = $1", self._key(story, "incident")
        ):
            story.keys[f"gate:{code}"] = "Gate", gate
        ids = {"product": Thing("product"), "incident": Thing("incident")}
        optional = given_as_ids(story, {"gate": Thing("gate:BACK_ENTRY"), "mandatory": False})
        self.change(NATIONAL_TEAM.caller, "amendGate", optional)
        for code in TRUSTS:
            lost = given_as_ids(story, {**ids, "name": "Carenotes", "teamsTotal": 5})
            self._told(story, f"system:{code}", TRUST_IT[code].caller, "registerSystem", lost)
            story.model.systems[code] = System(code, "OUTAGE", 5)
        self.events = self.rows(CHECK, story.product, [*LISTED])[0]["events"]
        return story

    def keep(self, story: Story) -> Kept:
        """Keep a story with its rows: all that lead to its incident or its product."""
        tables = {
            row["name"]: row["columns"]
            for row in self.rows(TABLES, list(APART))
            if self.rows(f"select from {row['name']} limit 1")
        }
        read = " union all ".join(f"select '{name}', to_jsonb(t) from {name} t" for name in tables)  # noqa: S608
        rows = self.rows(f"select name, told::text from ({read}) r (name, told)")  # noqa: S608
        its = {story.keys["product"][1], story.keys["incident"][1]}
        found: dict[str, str] = {}
        while fresh := {told: name for name, told in rows if told not in found and its & set(UUID.findall(told))}:
            found |= fresh
            its |= {str(json.loads(told).get("id")) for told in fresh} - {"None"}
        told = ", ".join(f'["{name}", {row}]' for row, name in found.items())
        return Kept(copy.deepcopy(story), f"[{told}]", tables)

    def again(self, kept: Kept, times: int = 1) -> list[Story]:
        """Go on from where a story was kept, so many times over."""
        before = self.stories
        copies = [self._copy(kept) for _ in range(times)]
        self.runner.run(self._write([row for _, rows in copies for row in rows], kept.tables))
        if before.bit_length() < self.stories.bit_length():
            self.runner.run(self.admin.execute("analyze"))  # plans were made for fewer rows
        return [story for story, _ in copies]

    def _copy(self, kept: Kept) -> tuple[Story, list[Any]]:
        """Return a story with its rows under other keys, in the same order."""
        self.stories += 1
        story = copy.deepcopy(kept.story)
        story.number = story.model.series = self.stories
        told = kept.rows.replace(f'CARENOTES-{kept.story.number}"', f'CARENOTES-{story.number}"')
        told = told.replace(f'"CN{kept.story.number}"', f'"CN{story.number}"')
        told = told.replace(f'"S{kept.story.number}-', f'"S{story.number}-')
        old = sorted(set(UUID.findall(told)))
        fresh = dict(zip(old, _in_order(len(old), story.number), strict=True))
        told = UUID.sub(lambda found: fresh[found[0]], told)
        story.keys = {name: (noun, fresh[key]) for name, (noun, key) in story.keys.items()}
        self.now = story.model.now
        return story, json.loads(told)

    async def _write(self, told: list[Any], tables: dict[str, str]) -> None:
        rows: dict[str, list[Any]] = {name: [] for name in tables}
        for name, row in told:
            rows[name].append(row)
        async with self.admin.transaction():
            await self.admin.execute("set local session_replication_role = replica")
            for name, columns in tables.items():
                await self.admin.execute(
                    f"insert into {name} ({columns}) select {columns} from jsonb_populate_recordset(null::{name}, $1)",  # noqa: S608
                    json.dumps(rows[name]),
                )
            await self.admin.execute(REHASHED, [row["id"] for row in rows.get("decision_record", [])])

    def _told(self, story: Story, name: str, who: Caller, verb: str, given: dict[str, Any]) -> None:
        answer = self.change(who, verb, given)
        assert "id" in answer, answer
        story.keys[name] = answer["__typename"], read_id(answer["id"])

    def _key(self, story: Story, name: str) -> uuid.UUID:
        return uuid.UUID(story.keys[name][1])

    def _document(self, verb: str) -> str:
        """Return the document of a change that asks for no more than the machine looks at."""
        if verb not in self._documents:
            name = f"{verb[0].upper()}{verb[1:]}"
            answer = schema._schema.type_map[f"{name}Answer"]
            assert isinstance(answer, GraphQLUnionType)
            asked = [
                f"... on {member.name} {{ {'id' if 'id' in member.fields else _of_problem(member.name)} }}"
                for member in answer.types
            ]
            self._documents[verb] = (
                f"mutation($input: {name}!) {{ {verb}(input: $input) {{ __typename {' '.join(asked)} }} }}"
            )
        return self._documents[verb]


def _of_problem(name: str) -> str:
    return {"GateShut": "message obstacles { code }", "WrongState": "message currentState"}.get(name, "message")


def given_as_ids(story: Story, given: dict[str, Any]) -> dict[str, Any]:
    """Return an input with the id of every thing it names."""
    return {name: id_of(story, value.name) if isinstance(value, Thing) else value for name, value in given.items()}


def id_of(story: Story, name: str) -> str:
    """Return the id of a thing of a story."""
    return global_id(*story.keys[name])


def read_id(given: str) -> str:
    """Return the key in an id."""
    named = read_global_id(given)
    assert named
    return named[1]


def _in_order(number: int, story: int) -> list[str]:
    """Return so many UUIDs of a story, in rising order, before every one that is made from now on."""
    head = f"01000000-{story >> 16 & 0xFFFF:04x}-7{story >> 4 & 0xFFF:03x}-8{story & 0xF:x}00"
    return [f"{head}-{place:012x}" for place in range(number)]


def _places(model: Model) -> dict[str, str]:
    """Return the state of every system and wave."""
    systems = {f"system:{code}": system.state for code, system in model.systems.items()}
    return {**systems, **{f"wave:{number}": wave.state for number, wave in enumerate(model.waves)}}
