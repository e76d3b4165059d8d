"""Races: acts of several callers in transactions that have all begun before any goes on."""

import asyncio
import datetime as dt
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from api.graphql.engine import Engine
from auth.tenancy import Database, Transaction
from tests.lifecycle import plans
from tests.lifecycle.acts import Act
from tests.lifecycle.cast import NATIONAL_TEAM, SUPPLIER_IT, TRUST_IT, TRUSTS
from tests.lifecycle.ground import Ground, Kept, Story, given_as_ids
from tests.lifecycle.model import Model
from tests.lifecycle.route import onward, prepare_decision
from tests.lifecycle.tale import bring
from tests.stage import Stage

AT_ONCE = 8  # acts: as many as a role has connections, so that none waits for one while others wait for it
RETRIES = 20
MEETING: ContextVar[asyncio.Barrier | None] = ContextVar("MEETING", default=None)

LATE: ContextVar[int] = ContextVar("LATE", default=0)
LATEST = 8  # steps: about as many as a decision takes before it has its turn


class Meeting(Database):
    """A database whose transactions wait, once begun, for those they meet."""

    @asynccontextmanager
    async def change(self, *asked: Any) -> AsyncIterator[Transaction]:
        """Open a transaction; go on when all of the race have one, some of them a few steps later."""
        async with super().change(*asked) as db:
            if meeting := MEETING.get():
                with suppress(asyncio.BrokenBarrierError):
                    await meeting.wait()
                for _ in range(LATE.get()):
                    await db.lane.rows("select 1")
            yield db


class Track(Ground):
    """A ground for races: its clock runs on from where a story was kept."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self.runner.run(self.database.close())
        self.database = Meeting(stage.url, clock=lambda: self.now + self._running())
        self.engine = Engine(self.database)
        self.started: float | None = None
        self.chance = random.Random(20220804)  # noqa: S311 - a course, the same again
        self.answers: Counter[str] = Counter()

    def _running(self) -> dt.timedelta:
        return dt.timedelta(seconds=time.monotonic() - self.started if self.started else 0)

    def run(self, kept: Kept, races: range, course: "Course") -> list["Race"]:
        """Run races by their numbers, each on a story of its own."""
        stories = self.again(kept, len(races))
        self.started = time.monotonic()
        due = [
            Race(story, course(story.model, number), f"race-{story.number}")
            for number, story in zip(races, stories, strict=True)
        ]
        before = self.rows("select coalesce(max(id), 0) from event")[0][0]
        self.runner.run(self._races(due))
        self.started = None
        written = dict(self.rows(WRITTEN, before))
        for race in due:
            race.written = [written.get(race.request(place)) for place in range(len(race.acts))]
        return due

    async def _races(self, due: list["Race"]) -> None:
        left = due[::-1]

        async def work() -> None:
            while left:
                await self._race(left.pop())

        most = max(len(race.acts) for race in due)
        await asyncio.gather(*(work() for _ in range(AT_ONCE // most)))

    async def _race(self, race: "Race") -> None:
        meeting = asyncio.Barrier(len(race.acts))
        order = self.chance.sample(range(len(race.acts)), len(race.acts))
        sent = {place: asyncio.create_task(self._sent(race, place, meeting)) for place in order}
        race.answers = [await sent[place] for place in range(len(race.acts))]

    async def _sent(self, race: "Race", place: int, meeting: asyncio.Barrier) -> str:
        """Send an act, and again while it is answered that a try later may help."""
        MEETING.set(meeting)
        LATE.set(self.chance.randrange(LATEST))
        act, kind = race.acts[place], "NEVER"
        for _ in range(RETRIES):
            given = given_as_ids(race.story, act.given)
            answer = await self.send(act.who.caller, act.verb, given, race.request(place))
            kind = "DONE" if "id" in answer else str(answer["__typename"])
            self.answers[f"{act.verb}: {kind}"] += 1
            if meeting.n_waiting and not meeting.broken:
                await meeting.abort()  # it was refused before it began: nobody waits for it
                self.answers["never met"] += 1
            if not answer.get("retryable"):
                break
            MEETING.set(None)
        return kind

    def deadlocks(self) -> int:
        """Return how many deadlocks the server has broken."""
        found: int = self.rows("select deadlocks from pg_stat_database where datname = current_database()")[0][0]
        return found

    def states(self, race: "Race") -> dict[str, str]:
        """Return the state of every system and wave of a race's story."""
        return dict(self.rows(STATES, race.story.product))


@dataclass
class Race:
    """Acts that met, what was answered to each, and when each was written: the place of its last event."""

    story: Story
    acts: list[Act]
    name: str
    answers: list[str] = field(default_factory=list)
    written: list[int | None] = field(default_factory=list)

    def request(self, place: int) -> str:
        """Return the request of an act by its place."""
        return f"{self.name}-{place}"

    def was_first_if_done(self, place: int, other: int) -> bool:
        """Whether an act was written, and before another that was written."""
        mine, its = self.written[place], self.written[other]
        return mine is not None and (its is None or mine < its)


def kept_for_bookings(track: Track) -> dict[str, Kept]:
    """Tell of a wave that takes one slot a day, and three systems that ask for the same day."""
    story = track.begin()
    model, number = story.model, 0
    for act in (
        lambda: plans.draft_wave(model, SUPPLIER_IT, 0, 1, None),
        *(partial(plans.add_member, model, SUPPLIER_IT, number, code) for code in TRUSTS),
        lambda: plans.move_wave(model, "proposeWave", SUPPLIER_IT, number),
        lambda: plans.move_wave(model, "approveWave", NATIONAL_TEAM, number),
        *(partial(plans.request, model, TRUST_IT[code], code, 1) for code in TRUSTS),
    ):
        track.act(story, act())
    kept = {"asked": track.keep(story)}
    track.act(story, plans.move_slot(model, "confirmSlot", SUPPLIER_IT, number))
    return {**kept, "full": track.keep(story)}


Course = Callable[[Model, int], list[Act]]


def kept_for_races(track: Track) -> dict[str, Kept]:
    """Tell one story, and keep it where races begin: everything is ready, and one thing is left to do."""
    story = track.begin()
    model = story.model
    kept: dict[str, Kept] = {}
    bring(track, story, "IN_TRUST_TEST")
    for code in TRUSTS:
        while (act := onward(model, code)) and act.verb == "reportTest":
            track.act(story, act)
        while act := prepare_decision(model, code):
            track.act(story, act)
    kept["tested"] = track.keep(story)
    bring(track, story, "READY")
    kept["ready"] = track.keep(story)
    bring(track, story, "APPROVED")
    track.later(story, dt.timedelta(days=4))
    kept["approved"] = track.keep(story)
    opens = onward(model, TRUSTS[0])
    assert opens
    track.act(story, opens)
    assert model.waves[0].state == "OPEN"
    kept["open"] = track.keep(story)
    return kept


WRITTEN = "select request_id, max(id) from event where id > $1 and request_id like 'race-%' group by request_id"
STATES = """
    select 'system:' || tenant_ods, state::text from system where product_id = $1
    union all select 'wave:' || number, state::text from wave where product_id = $1
"""
