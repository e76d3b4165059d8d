"""A cache that forgets one of its rules, and the old answers that give it away."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from api.cache import freshness
from api.cache.answers import AnswerCache
from api.cache.freshness import Freshness
from tests.cached import Pair, paired
from tests.stage import Stage


@pytest.fixture
def pair(fresh_stage: Stage) -> Iterator[Pair]:
    with paired(fresh_stage) as pair:
        yield pair


async def stale_reads(pair: Pair) -> set[str]:
    """Write and read in every order that a fault of the cache would show, and give where a read was too old."""
    wrong = set()

    async def look(where: str, number: int, expected: int, code: str = "R1A") -> None:
        if await pair.count(code, number) != expected:
            wrong.add(where)

    await pair.count(), await pair.count(number=1), await pair.count("Y60")
    await pair.report()
    await look("own", 0, 1)
    await look("region", 0, 1, "Y60")
    await asyncio.sleep(freshness.STALE)
    await look("other", 1, 1)
    endpoint = pair.sites[0].app.endpoint
    original, waiting = endpoint._engine.answer, asyncio.Event()

    async def slow(request: Any, caller: Any, **more: Any) -> Any:
        answer = await original(request, caller, **more)
        if "systems" in request.query:
            await waiting.wait()
        return answer

    endpoint._engine.answer = slow
    reading = asyncio.create_task(pair.post("NATIONAL"))  # read before the change, kept after it
    await asyncio.sleep(0.2)
    await pair.report()
    waiting.set()
    await reading
    endpoint._engine.answer = original
    await look("race", 0, 2, "NATIONAL")
    return wrong


def unswept(self: Freshness, *_: Any) -> Any:
    async def nothing() -> int:
        return 0

    return nothing()


MUTANTS: dict[str, tuple[Any, str, Any]] = {
    "nothing": (Freshness, "EXTRA", None),
    "the writer drops nothing": (Freshness, "changed", lambda *_: None),
    "nobody sweeps": (Freshness, "_sweep", unswept),
    "nothing moves": (AnswerCache, "move", lambda *_: None),
    "everybody has one scope": (freshness.Reach, "moves", lambda reach: {reach.tenant_ods}),
    "a fill is always kept": (AnswerCache, "_epoch", lambda *_: 0),
}
CAUGHT = {
    "nothing": set(),
    "the writer drops nothing": {"own", "region", "race"},
    "nobody sweeps": {"other"},
    "nothing moves": {"own", "region", "other", "race"},
    "everybody has one scope": {"region", "race"},
    "a fill is always kept": {"own", "region", "other", "race"},
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_cache_that_forgets_a_rule_is_caught(pair: Pair, monkeypatch: pytest.MonkeyPatch, mutant: str) -> None:
    where, name, instead = MUTANTS[mutant]
    monkeypatch.setattr(where, name, instead, raising=False)
    found: list[set[str]] = []

    async def story(pair: Pair) -> None:
        found.append(await stale_reads(pair))

    pair.run(story)
    assert found == [CAUGHT[mutant]]


@pytest.mark.parametrize("flushed", [True, False])
def test_a_change_made_while_nobody_listened_is_not_missed(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, flushed: bool
) -> None:
    monkeypatch.setattr(freshness, "RETRY", 1.0)
    if not flushed:  # the rule forgotten, and caught
        monkeypatch.setattr(AnswerCache, "flush", lambda *_: None)

    async def story(pair: Pair) -> None:
        await pair.count(number=1)
        await pair.silence()
        await pair.report()

        async def both() -> bool:
            return await pair.listening() == 2

        await pair.until(both)
        await pair.until(lambda: pair.cache(1).trusted)
        assert (await pair.count(number=1) == 1) is flushed

    pair.run(story)
