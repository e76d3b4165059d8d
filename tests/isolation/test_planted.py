"""The walk is worth something: an engine that leaks a little is found out, whichever way it leaks."""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from api.graphql.engine import Answer, Engine, Request
from auth.caller import Caller
from auth.tenancy import Database
from tests.isolation import probes
from tests.isolation.asking import Asker
from tests.isolation.lists import ask_all
from tests.isolation.mutants import NODE
from tests.isolation.walk import Breadth, Walk
from tests.isolation.world import World, app_url
from tests.stage import Stage

WHO = "RNK"
Fault = Callable[[dict[str, Any], Request, World], None]


def _another_error_for_what_exists(body: dict[str, Any], request: Request, world: World) -> None:
    for name, value in request.variables.items():
        if value in world.rows and WHO not in world.rows[value].readers:
            error = {"message": "not yours", "path": [f"a{name[1:]}"], "extensions": {"code": "NOT_FOUND"}}
            body.setdefault("errors", []).append(error)


def _a_count_of_everything(body: dict[str, Any], request: Request, world: World) -> None:
    if systems := body["data"].get("systems"):
        systems["totalCount"] += 5


def _a_hint_in_extensions(body: dict[str, Any], request: Request, world: World) -> None:
    hidden = [name for name, readers in world.names.items() if WHO not in readers]
    body["extensions"] = {"hint": f"did you mean {hidden[0]}?"}


def _a_failure_of_ours(body: dict[str, Any], request: Request, world: World) -> None:
    body["errors"] = [{"message": "failed", "path": ["a0"], "extensions": {"code": "INTERNAL", "retryable": False}}]


def _a_number_of_another(body: dict[str, Any], request: Request, world: World) -> None:
    numbers = [key for key, readers in world.canaries.known() if isinstance(key, int) and WHO not in readers]
    if "viewer" in body["data"]:
        body["data"]["viewer"]["kind"] = numbers[0]


def _no_fault(body: dict[str, Any], request: Request, world: World) -> None:
    """Change nothing."""


class Leaky(Engine):
    """An engine with a fault."""

    def __init__(self, database: Database, world: World, fault: Fault) -> None:
        super().__init__(database)
        self._world = world
        self._fault = fault

    async def answer(self, request: Request, caller: Caller, *, reads_only: bool = False) -> Answer:
        """Answer with the fault."""
        body = json.loads((await super().answer(request, caller, reads_only=reads_only)).body)
        self._fault(body, request, self._world)
        return Answer(json.dumps(body).encode())


async def _found(world: World, stage: Stage, fault: Fault) -> list[str]:
    database = Database(app_url(stage))
    asker = Asker(Leaky(database, world, fault), world.canaries)
    walk = Walk(world, asker, Breadth(depth=0))
    with suppress(AssertionError):  # a list that fails is noticed there already; what counts here is what was noted
        await ask_all(asker, WHO)
    await walk.try_all(NODE, None, [each for each in probes.ids(world) if each.noun == "System"], WHO)
    await database.close()
    return asker.findings.leaks


@pytest.mark.parametrize(
    "fault",
    [
        _another_error_for_what_exists,
        _a_count_of_everything,
        _a_hint_in_extensions,
        _a_failure_of_ours,
        _a_number_of_another,
    ],
)
def test_a_leak_is_found(world: World, copies: dict[str, Stage], fault: Fault) -> None:
    assert asyncio.run(_found(world, copies["reading"], fault)) != []


def test_nothing_is_found_where_nothing_leaks(world: World, copies: dict[str, Stage]) -> None:
    assert asyncio.run(_found(world, copies["reading"], _no_fault)) == []
