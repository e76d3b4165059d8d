"""A subscription is the same door as every question: nobody is told of what is another tenant's."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from api.graphql.compiled.stream import Told
from api.graphql.engine import Engine
from api.graphql.register import SUBSCRIPTIONS
from auth.tenancy import Database
from schema.kept.node import read_global_id
from tests.followed import opened, past, refused
from tests.isolation.asking import Asker
from tests.isolation.inputs import TYPES
from tests.isolation.oracle import EVERYONE
from tests.isolation.probes import made_up
from tests.isolation.selection import asked
from tests.isolation.sql import as_admin
from tests.isolation.world import World, app_url
from tests.stage import Stage, caller, person

EDGE = f"{{ __typename cursor node {{ {asked('Event', 2, 2)} }} }}"
ALL = f"subscription {{ activity {EDGE} }}"
OF_SYSTEM = f"subscription($system: ID!) {{ systemActivity(system: $system) {EDGE} }}"
QUESTION = f"query($after: String) {{ activity(first: 25, after: $after) {{ edges {EDGE} pageInfo {{ hasNextPage endCursor }} }} }}"

FEW = 40  # events that are told field by field as well, which takes its time


@asynccontextmanager
async def engine_on(stage: Stage) -> AsyncIterator[Engine]:
    """Have an engine on a stage's database."""
    database = Database(app_url(stage))
    try:
        yield Engine(database)
    finally:
        await database.close()


async def shown(asker: Asker, who: str) -> list[Any]:
    """Give every edge that the question shows."""
    edges: list[Any] = []
    after, more = None, True
    while more:
        body = await asker.ask(who, QUESTION, {"after": after}, "activity()")
        page = body["data"]["activity"]
        edges += page["edges"]
        after, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
    return edges


def edges_of(told: list[Told], field: str) -> list[Any]:
    """Give the edges that were told."""
    return [json.loads(each.body)["data"][field] for each in told]


def about(edge: Any, system: str) -> bool:
    """Tell whether an event is about a system, or something that is kept of it."""
    key = str((read_global_id(system) or ("", ""))[1])
    return edge["node"]["objectId"] == system or edge["node"]["after"].get("system_id") == key


@pytest.fixture(scope="module")
def seen(world: World, copies: dict[str, Stage]) -> dict[str, list[Any]]:
    """What everybody is shown by the question, once it was found to be no leak."""

    async def ask() -> dict[str, list[Any]]:
        async with engine_on(copies["reading"]) as engine:
            asker = Asker(engine, world.canaries)
            found = {who: await shown(asker, who) for who in sorted(EVERYONE)}
            assert asker.findings.leaks == []
            return found

    return asyncio.run(ask())


@pytest.mark.parametrize("who", sorted(EVERYONE))
def test_it_tells_what_the_question_shows_and_nothing_else(
    who: str, copies: dict[str, Stage], seen: dict[str, list[Any]]
) -> None:
    async def ask() -> tuple[list[Told], list[Told]]:
        async with engine_on(copies["reading"]) as engine:
            following = await opened(engine, person(who), ALL)
            told = await past(following)
            return told, await past(following, told[-FEW].place, executed=True)

    compiled, executed = asyncio.run(ask())
    assert edges_of(compiled, "activity") == seen[who]
    assert len(executed) == FEW - 1
    assert [(each.place, each.cursor, json.loads(each.body)) for each in compiled[-len(executed) :]] == [
        (each.place, each.cursor, json.loads(each.body)) for each in executed
    ]
    assert [each.cursor for each in compiled] == [edge["cursor"] for edge in seen[who]]


@pytest.mark.parametrize("who", sorted(EVERYONE))
def test_of_a_system_it_tells_what_its_listener_may_see(
    who: str, world: World, copies: dict[str, Stage], seen: dict[str, list[Any]]
) -> None:
    systems = [row.id for row in world.of("System")]
    missing = [made_up("System"), made_up("Wave"), "no id", ""]

    async def ask() -> dict[str, list[Told]]:
        async with engine_on(copies["reading"]) as engine:
            return {
                system: await past(await opened(engine, person(who), OF_SYSTEM, system=system))
                for system in (*systems, *missing)
            }

    told = asyncio.run(ask())
    for system in systems:
        stated = [edge | {"cursor": None} for edge in edges_of(told[system], "systemActivity")]
        assert stated == [edge | {"cursor": None} for edge in seen[who] if about(edge, system)], system
    assert [told[each] for each in missing] == [[]] * len(missing)


def test_there_is_something_to_be_told_of_every_system_to_somebody(world: World, seen: dict[str, list[Any]]) -> None:
    for system in world.of("System"):
        assert sum(about(edge, system.id) for edge in seen["NATIONAL"]) >= 2


def test_without_policies_a_stranger_is_told_more(copies: dict[str, Stage], seen: dict[str, list[Any]]) -> None:
    async def ask() -> int:
        stage = copies["breaking"]
        async with as_admin(stage) as admin, engine_on(stage) as engine:
            await admin.execute("alter table event disable row level security")
            try:
                return len(await past(await opened(engine, person("RNK"), ALL)))
            finally:
                await admin.execute("alter table event enable row level security")

    assert asyncio.run(ask()) > len(seen["RNK"])


def test_every_subscription_is_tried() -> None:
    assert {each.name for each in SUBSCRIPTIONS} == {"activity", "systemActivity"} == set(TYPES["Subscription"].fields)
    assert all(each.needs for each in SUBSCRIPTIONS)


REFUSED = [
    ("subscription { activity { cursor } }", {}, "NOT_PERMITTED", frozenset()),
    ('subscription { activity(after: "WyJ4Il0") { cursor } }', {}, "BAD_CURSOR", None),
    ('subscription { systemActivity(system: "a", after: "WyJ4Il0") { cursor } }', {}, "BAD_CURSOR", None),
    ("subscription($after: String!) { activity(after: $after) { cursor } }", {}, "BAD_REQUEST", None),
    ("subscription { activity { cursor } systemActivity(system: 1) { cursor } }", {}, "BAD_REQUEST", None),
    ("subscription { __typename }", {}, "BAD_REQUEST", None),
    ("subscription { nothing { cursor } }", {}, "BAD_REQUEST", None),
]


@pytest.mark.parametrize(("document", "variables", "code", "scopes"), REFUSED)
def test_what_is_refused_is_refused_before_it_is_followed(
    copies: dict[str, Stage], document: str, variables: dict[str, Any], code: str, scopes: frozenset[Any] | None
) -> None:
    who = caller("R1A") if scopes is None else caller("R1A", scopes=scopes)

    async def ask() -> str:
        async with engine_on(copies["reading"]) as engine:
            return await refused(engine, who, document, **variables)

    assert asyncio.run(ask()) == code
