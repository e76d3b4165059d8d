"""Races: real transactions at once. No day takes more than it takes, and no wave opens past a hold."""

import asyncio
import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import asyncpg
import pytest

from tests.ledger import as_superuser
from tests.reinstatement.by_sql import enter, entered
from tests.reinstatement.waves import WHY, Slots
from tests.stage import Stage
from tests.test_holds import place

AT_ONCE = 4
CAPACITY = 3
ROUNDS = 12
TAKEN = "select on_day, count(*) as slots, count(distinct place) as places, max(place) as highest from reinstatement_slot where state = 'CONFIRMED' group by on_day"


@pytest.fixture
def slots(fresh_stage: Stage) -> Slots:
    """A story of the test's own whose waves take three a day."""
    return Slots(fresh_stage, fresh_stage.tell("R1A"), slotsADay=CAPACITY)


def requested(slots: Slots, count: int, days: int = 1) -> list[str]:
    """Ask for so many slots, on so many days in turn."""
    systems = [slots.system() for _ in range(count)]
    slots.approved(*systems)
    return [str(slots.request(system, day=number % days)["id"]) for number, system in enumerate(systems)]


def test_a_full_day_stays_full_whoever_confirms_at_once(slots: Slots) -> None:
    waiting = requested(slots, 12)

    def confirm(slot: str) -> str:
        answer = slots.act("SUPPLIER", "confirmSlot", slot=slot)
        return str(answer.get("code", answer.get("state")))

    with ThreadPoolExecutor(AT_ONCE) as threads:
        answers = Counter(threads.map(confirm, waiting))
    assert answers == {"CONFIRMED": CAPACITY, "FULLY_BOOKED": 12 - CAPACITY}
    (day,) = as_superuser(slots.stage, TAKEN)
    assert (day["slots"], day["places"], day["highest"]) == (CAPACITY, CAPACITY, CAPACITY)


def test_slots_are_confirmed_and_handed_back_at_once_and_places_are_never_shared(slots: Slots) -> None:
    waiting = requested(slots, 12)
    for slot in waiting[:CAPACITY]:
        slots.act("SUPPLIER", "confirmSlot", slot=slot)

    def act(slot: str) -> str:
        if slot in waiting[:CAPACITY]:
            return str(slots.act("R1A", "handBackSlot", slot=slot, **WHY)["state"])
        answer = slots.act("SUPPLIER", "confirmSlot", slot=slot)
        return str(answer.get("code", answer.get("state")))

    with ThreadPoolExecutor(AT_ONCE) as threads:
        answers = Counter(threads.map(act, waiting[CAPACITY:6] + waiting[:CAPACITY] + waiting[6:]))
    assert answers["HANDED_BACK"] == CAPACITY
    assert answers["CONFIRMED"] <= CAPACITY
    taken = as_superuser(slots.stage, TAKEN)
    assert sum(day["slots"] for day in taken) == answers["CONFIRMED"]
    assert all(day["slots"] == day["places"] <= CAPACITY for day in taken)


def test_no_statement_passes_the_capacity_even_without_turns(slots: Slots) -> None:
    """Straight to the database, each in a transaction of its own, with any place of the day: the constraint decides."""
    waiting = requested(slots, 12, days=2)
    chance = random.Random(20220804)  # noqa: S311 - a story, the same again

    async def confirm(slot: str, place: int) -> str:
        connection = await entered(slots.stage, "SUPPLIER")
        try:
            async with connection.transaction():
                await enter(connection, "SUPPLIER")
                await connection.execute(
                    "update reinstatement_slot set version = version + 1, state = 'CONFIRMED', place = $1 "
                    "where id = app.key_of('ReinstatementSlot', $2) and state = 'REQUESTED'",
                    place,
                    slot,
                )
        except (
            asyncpg.IntegrityConstraintViolationError,
            asyncpg.DeadlockDetectedError,
            asyncpg.LockNotAvailableError,
        ):
            return "refused"
        finally:
            await connection.close()
        return "done"

    async def all_at_once() -> list[str]:
        tries = [(slot, chance.randint(0, CAPACITY + 1)) for slot in waiting for _ in range(3)]
        return await asyncio.gather(*(confirm(*each) for each in tries))

    answers = Counter(asyncio.run(all_at_once()))
    assert answers["done"]
    assert answers["refused"]
    for day in as_superuser(slots.stage, TAKEN):
        assert day["slots"] == day["places"] <= CAPACITY
        assert day["highest"] <= CAPACITY


HELD = ("product", "incident", "build", "earlier", "wave")


def test_no_wave_opens_past_a_hold_that_is_placed_at_once(slots: Slots) -> None:
    earlier = slots.approved(slots.system())
    waves = [slots.approved(slots.system()) for _ in range(ROUNDS)]
    outcomes: Counter[str] = Counter()
    with ThreadPoolExecutor(2) as threads:
        for number, wave in enumerate(waves):
            held = {**slots.ids, "earlier": earlier, "wave": wave}[HELD[number % len(HELD)]]
            opening = threads.submit(slots.step, "openWave", wave)
            holding = threads.submit(place, slots.stage, "NATIONAL", held)
            opened, hold = opening.result(), holding.result()
            outcomes[_checked(slots.stage, opened, hold)] += 1
            released = slots.act("NATIONAL", "releaseHold", "state", hold=hold["id"], **WHY)
            assert released["state"] == "RELEASED"
    assert sum(outcomes.values()) == ROUNDS


def _checked(stage: Stage, opened: dict[str, Any], hold: dict[str, Any]) -> str:
    """Hold that a wave that opened did so before it was held; tell which it was."""
    assert "id" in hold, hold
    if opened.get("state") == "OPEN":
        chain = "select verb from event where tenant_ods = 'NATIONAL' and verb in ('openWave', 'placeHold') order by sequence desc limit 2"
        latest = [row["verb"] for row in as_superuser(stage, chain)]
        assert latest == ["placeHold", "openWave"]
        return "opened"
    assert opened["code"] == "HELD_BY", opened
    assert hold["id"] in [each["about"] for each in opened["obstacles"]]
    return "held"
