"""Places: so many at once, each in turn, and none is lost whatever becomes of who waits."""

import asyncio

import pytest

from auth.connections import places
from auth.connections.places import Places


async def _turn(places: Places, told: list[str], name: str) -> None:
    await places.take()
    told.append(name)


def test_whoever_waited_longest_is_next() -> None:
    async def story() -> None:
        places, told = Places(1), list[str]()
        await places.take()
        waiting = [asyncio.create_task(_turn(places, told, name)) for name in ("first", "second")]
        await asyncio.sleep(0)
        assert (told, places.taken) == ([], 1)
        places.leave()
        await waiting[0]
        assert told == ["first"]
        places.leave()
        await waiting[1]
        assert (told, places.taken) == (["first", "second"], 1)
        places.leave()
        assert places.taken == 0

    asyncio.run(story())


def test_whoever_waits_too_long_gives_up_and_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "PATIENCE", 0.01)

    async def story() -> None:
        places = Places(1)
        await places.take()
        with pytest.raises(TimeoutError):
            await places.take()
        places.leave()
        assert places.taken == 0

    asyncio.run(story())


@pytest.mark.parametrize("its_turn_came", [False, True])
def test_whoever_is_cancelled_leaves_its_turn_to_the_next(its_turn_came: bool) -> None:
    async def story() -> None:
        places, told = Places(1), list[str]()
        await places.take()
        gone = asyncio.create_task(_turn(places, told, "gone"))
        after = asyncio.create_task(_turn(places, told, "after"))
        await asyncio.sleep(0)
        if its_turn_came:
            places.leave()
        gone.cancel()
        if not its_turn_came:
            places.leave()
        await after
        assert (told, gone.cancelled(), places.taken) == (["after"], True, 1)

    asyncio.run(story())
