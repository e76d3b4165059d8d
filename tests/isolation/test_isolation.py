"""Nobody learns what is another tenant's: by no question, no argument, no list, no count, no error."""

import asyncio
import time
from collections.abc import Iterator

import pytest

from auth.tenancy import Database
from tests.isolation.asking import Asker
from tests.isolation.lists import ask_all
from tests.isolation.positions import positions
from tests.isolation.walk import THOROUGH, Breadth, Walk, callers
from tests.isolation.world import World, app_url
from tests.stage import Stage

QUESTIONS = [position for position in positions() if position.type != "Mutation"]


@pytest.fixture(scope="module")
def asker(world: World, copies: dict[str, Stage], runner: asyncio.Runner) -> Iterator[Asker]:
    database = Database(app_url(copies["reading"]))
    yield Asker(database, world.canaries)
    runner.run(database.close())


@pytest.fixture(scope="module")
def walk(world, asker, thorough):
    return Walk(world, asker, THOROUGH if thorough else Breadth())

@pytest.mark.parametrize("who", callers())
def test_walk(who, walk, asker: Asker, runner: asyncio.Runner, thorough: bool) -> None:
    t = time.time()
    runner.run(ask_all(asker, who))
    t1 = time.time()
    runner.run(walk.everything(QUESTIONS, who))
    f = asker.findings
    print(who, "roots", round(t1 - t, 1), "walk", round(time.time() - t1, 1), f.calls.total(), f.requests)
    print(f.calls)
    assert not f.leaks, str(f)
