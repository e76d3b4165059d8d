"""The scenario told from beginning to end, with what several callers were answered after each of its steps."""

import asyncio
import datetime as dt
import itertools
import json
import re
import time
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import asyncpg

from api.database import embedded, installation
from api.demo.clock import ScenarioClock
from api.demo.replay import Replay
from api.demo.scenario import Scenario, Step, read_scenario
from api.demo.tenants import Tenants
from api.demo.told import Told
from api.graphql.engine import Engine, Request, documents
from auth import clients
from auth.caller import AAL2, Caller, Operator, Person
from auth.clients import RegisterClient, Registered
from auth.scope import scopes_for, scopes_of
from auth.tenancy import Database
from schema.kept.node import global_id, read_global_id
from schema.people.api_client import AssertionProfile
from tests.isolation.selection import asked
from tests.sign_in_support import TOKEN_URL, key_for
from tests.stage import PASSWORDS
from trusts import organisations

# Figures across tenants are in no event, so nobody knows them as they were.
UNREMEMBERED = re.compile(r" (?:membersLive|membersTotal|sightings)(?=[ }]|$)(?! \{)")


def remembered(name: str, depth: int, first: int) -> str:
    """Give everything that is asked of an object and that the ledger remembers."""
    return UNREMEMBERED.sub("", asked(name, depth, first))


CALLERS = ("SUPPLIER", "Y60", "R1A", "ZZC", "NATIONAL", "QGH")
DOCUMENTS = {
    "progress": f"progress(asKnownAt: $at) {{ {remembered('SystemProgress', 1, 2)} }}",
    "holds": f"holds(first: 30, asKnownAt: $at) {{ {remembered('HoldConnection', 1, 2)} }}",
    "systems": f"systems(first: 30, asKnownAt: $at) {{ {remembered('SystemConnection', 1, 2)} }}",
    "milestones": f"milestones(first: 70, asKnownAt: $at) {{ {remembered('MilestoneConnection', 1, 4)} }}",
    "incident": f'incident(reference: "CARENOTES-2022", asKnownAt: $at) {{ {remembered("Incident", 1, 6)} }}',
    "region": f'region(odsCode: "Y60", asKnownAt: $at) {{ {remembered("Organisation", 1, 6)} }}',
    "organisation": f'organisation(odsCode: "ZZC", asKnownAt: $at) {{ {remembered("Organisation", 2, 4)} }}',
    "nodes": """nodes(ids: $ids, asKnownAt: $at) { __typename id
        ... on ApiClient { clientId status version organisation { name } } ... on TestMilestone { title mandatory }
        ... on Milestone { forecastOn overdue slippedDays product { code currentBuild { label } } }
        ... on System { state currentBuild { label } } ... on TestReport { outcome system { currentBuild { label } } }
        ... on MilestoneForecast { milestone { forecastOn timesSlipped } } ... on InterimSystem { system { name } } }""",
}
NODE = "node"  # the thing made last, in whole
RECENT = 12  # things made last, asked for by their ids


@cache
def document(name: str, id_: str) -> str:
    """Return what is asked; of a thing by its id, everything that its noun has."""
    if name in DOCUMENTS:
        return f"query($at: DateTime{', $ids: [ID!]!' if name == 'nodes' else ''}) {{ {DOCUMENTS[name]} }}"
    noun, _ = read_global_id(id_) or ("", "")
    whole = f"__typename ... on {noun} {{ {remembered(noun, 1, 2)} }}"
    return f"query($at: DateTime, $id: ID!) {{ node(id: $id, asKnownAt: $at) {{ {whole} }} }}"


def everyone_all() -> Iterable[tuple[str, str]]:
    """Give every caller with every document."""
    return itertools.product(CALLERS, [*DOCUMENTS, NODE])


def in_turn(turn: int) -> Iterable[tuple[str, str]]:
    """Give the documents of this turn, each with the caller whose turn it is."""
    names = ["progress", NODE, *[name for name in DOCUMENTS if name != "progress"][turn % 3 :: 3]]
    return [(CALLERS[(turn // 3 + place) % len(CALLERS)], name) for place, name in enumerate(names)]


@dataclass(frozen=True)
class Question:
    """Who asked which of the documents at which instant."""

    who: str
    name: str
    at: dt.datetime


class Memory:
    """The scenario's database, its clock, and the answers given on the way."""

    def __init__(self, url: str, runner: asyncio.Runner) -> None:
        self.scenario: Scenario = read_scenario()
        self.clock = ScenarioClock(self.scenario.opens_at)
        self.database = Database(url, self.clock)
        self.engine = Engine(self.database)
        self.run = runner.run
        self.made: list[str] = []
        self.answers: dict[Question, tuple[bytes, list[str]]] = {}
        self._parts = {part.ods_code: part for part in self.scenario.organisations}

    async def live(self, *, thorough: bool) -> None:
        """Replay the whole scenario; after each step every document is asked, by everyone or in turn."""
        await self._begin()
        replay = Replay(InPerson(self), self.database, self.clock, Told({}, None))
        steps = self.scenario.steps
        for turn, (step, after) in enumerate(itertools.zip_longest(steps, steps[1:])):
            assert await replay.play([step], lambda: None) == []
            if after and after.at == step.at:
                continue  # an instant is known by its last step
            ids = [*self.made[:3], *self.made[-RECENT:]]
            for who, name in everyone_all() if thorough else in_turn(turn):
                self.answers[Question(who, name, step.at)] = zlib.compress(await self.ask(who, name, ids), 1), ids

    async def ask(
        self, who: str, name: str, ids: list[str], at: dt.datetime | None = None, way: str = "compiled"
    ) -> bytes:
        """Return the answer to a document, live or as known at an instant."""
        given = {"at": at.isoformat() if at else None, "ids": ids, "id": ids[-1]}
        return await self._answer(who, Request(document(name, ids[-1]), given, None, "asked"), way)

    def data(self, who: str, name: str, ids: list[str], at: dt.datetime | None = None, way: str = "compiled") -> Any:
        """Return the data of an answer that has no errors."""
        body = json.loads(self.run(self.ask(who, name, ids, at, way)))
        assert "errors" not in body, body
        return body["data"]

    def told(self, who: str, document: str, given: dict[str, Any], way: str = "compiled") -> Any:
        """Return the answer to a document that is not one of those asked after each step."""
        return json.loads(self.run(self._answer(who, Request(document, given, None, "asked"), way)))

    def caller(self, who: str) -> Caller:
        """Return the caller of an organisation."""
        kind = self._parts[who].kind
        return Caller(who, kind, f"{who.lower()}-client", frozenset(scopes_of(kind)))

    def maker(self, step: Step) -> Caller:
        """Return who makes a step: a person signed in just now, or the organisation's machine."""
        machine = self.caller(step.by)
        if step.as_ is None:
            return machine
        person = Person(frozenset({step.as_}), "session", AAL2, int(time.time()))
        return replace(machine, subject=step.person, scopes=frozenset(scopes_for(person.roles)), person=person)

    async def _answer(self, who: str, request: Request, way: str) -> bytes:
        operation = documents.read(request.query).operation(None, request.variables)
        body: bytes = (await getattr(self.engine, way)(request, operation, self.caller(who))).body
        return body

    async def _begin(self) -> None:
        for part in self.scenario.organisations:
            async with self.database.change(Operator(tenant_ods=part.ods_code), "organisation add") as db:
                await organisations.put_on_list(db, part.listed)
        stated = RegisterClient(["progress:read"], AssertionProfile.RFC7523, "trust-r1a", key=key_for("ES256"))
        async with self.database.change(Operator(tenant_ods="R1A"), "client add") as db:
            registered = await clients.register(db, TOKEN_URL, stated)
            assert isinstance(registered, Registered)
        self.made = [global_id("TestMilestone", "SMOKE"), registered.client.global_id()]


class InPerson(Tenants):
    """The tenants before the engine itself: they need no token."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    async def send(self, step: Step, asked: dict[str, Any]) -> dict[str, Any]:
        """Send a step's request as who makes it; return the data."""
        request = Request(asked["query"], asked["variables"], None, f"demo:{step.name}")
        body = json.loads((await self._memory.engine.answer(request, self._memory.maker(step))).body)
        assert "errors" not in body, body
        (thing,) = body["data"].values()
        self._memory.made.append(thing["id"])
        return dict(body["data"])


@contextmanager
def replayed(cluster: embedded.Server, name: str, *, thorough: bool = False) -> Iterator[Memory]:
    """Give a database of its own in which the whole scenario has happened."""

    async def make() -> None:
        admin = await asyncpg.connect(cluster.admin_url)
        await installation.prepare(admin, PASSWORDS, name)
        await admin.close()
        owner = await asyncpg.connect(cluster.url("reinstate_migrate", PASSWORDS["reinstate_migrate"], name))
        await installation.migrate(owner)
        await owner.close()
        admin = await asyncpg.connect(cluster.admin_url, database=name)
        await admin.execute("update app.installation set demonstration = true")
        await admin.close()

    with asyncio.Runner() as runner:
        runner.run(make())
        memory = Memory(cluster.url("reinstate_app", PASSWORDS["reinstate_app"], name), runner)
        runner.run(memory.live(thorough=thorough))
        yield memory
        runner.run(memory.database.close())
