"""Two thousand changes, each delivered up to five times in any order, while everything is killed: once each, none lost."""

import asyncio
import random
import secrets
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest

from auth.caller import Operator
from auth.clients import RegisterClient, register
from auth.key_file import KeyFile
from auth.scope import scopes_of
from auth.tenancy import Database
from schema.people.api_client import AssertionProfile
from tests.conftest import make_template
from tests.embedded import a_place, free_port
from tests.installed import Replica, new_key_file
from tests.stage import LISTED, PROMISED, Stage, mutation_document
from tests.storm import NAME, Intent, Log, Senders, Weather
from tests.test_spine import FAILED, PASSED
from trusts.audit import ledger

CHANGES = 2_000
MOST_DELIVERIES = 5
TRUSTS = ("R1A", "RYG", "RNK")


@dataclass
class Aftermath:
    """What is left when the storm is over."""

    seed: int
    log: Log
    strikes: Counter[str]
    weather: Weather

    def __repr__(self) -> str:
        """Name the seed, by which the storm comes again."""
        return f"storm {self.seed}: {len(self.log.sent)} keys, {dict(self.log.tries)}, {dict(self.strikes)}"

    def rows(self, question: str) -> list[Any]:
        """Ask as the administrator."""

        async def ask() -> list[Any]:
            admin = await asyncpg.connect(self.weather.server.admin_url, database=NAME)
            try:
                return [tuple(row) for row in await admin.fetch(question)]
            finally:
                await admin.close()

        return asyncio.run(ask())


async def key_files(url: str, token_url: str) -> dict[str, KeyFile]:
    """Register a client for everybody who sends."""
    database, made = Database(url), {}
    for code in (*TRUSTS, "SUPPLIER"):
        stated = RegisterClient([scope.value for scope in scopes_of(LISTED[code][1])], AssertionProfile.RFC7523)
        async with database.change(Operator(code), "client add") as db:
            made[code] = (await register(db, token_url, stated)).key_file
    await database.close()
    return made


def intents(stage: Stage, chance: random.Random) -> list[Intent]:
    """Think of the changes: reports, stop-gaps and new dates, each with a text or a day of its own."""
    told = stage.tell(*TRUSTS)
    promises = [
        stage.change("SUPPLIER", "publishMilestone", product=told["product"], **PROMISED)["id"] for _ in range(8)
    ]
    reporting = mutation_document("reportTest", "id notes outcome")
    replacing = mutation_document("registerInterimSystem", "id name")
    revising = mutation_document("reviseForecast", "id version forecastOn timesRevised")
    days = [f"{2023 + n // 336}-{n // 28 % 12 + 1:02}-{n % 28 + 1:02}" for n in range(CHANGES)]

    def think(number: int) -> Intent:
        key = f"delivery-{number:05}"
        code = chance.choice((*TRUSTS, "SUPPLIER"))
        if code == "SUPPLIER":
            revised = {"milestone": chance.choice(promises), "forecastOn": days[number], "note": key}
            return Intent(code, revising, {**revised, "confidence": "LOW", "reasonCode": "DEFECT"}, key)
        if chance.random() < 0.3:
            stopgap = {"system": told[code], "kind": "PAPER", "name": key, "liveOn": "2022-08-05"}
            return Intent(code, replacing, stopgap, key)
        result = {"system": told[code], "build": told["build"], "test": "SMOKE", "notes": key}
        return Intent(code, reporting, {**result, **chance.choice((PASSED, FAILED))}, key)

    return [think(number) for number in range(CHANGES)]


@pytest.fixture(scope="module")
def after() -> Iterator[Aftermath]:
    seed = secrets.randbelow(10**9)
    chance = random.Random(seed)  # noqa: S311 - a storm that can come again is wanted
    with a_place() as place:
        replica = Replica(free_port(), {}, place / "api.log")
        weather = Weather(place / "pg", free_port(), replica, chance)
        try:
            asyncio.run(make_template(weather.server))
            replica.environment |= {
                "DATABASE_URL": weather.url(),
                "REINSTATE_KEY_FILE": str(new_key_file(place)),
                "REINSTATE_URL": replica.url,
            }
            files = asyncio.run(key_files(weather.url(), f"{replica.url}/oauth2/token"))
            wanted = intents(Stage(weather.server, NAME), chance)
            replica.start()
            assert replica.ready(30)
            senders = Senders(replica.url, files, random.Random(seed))  # noqa: S311 - as above
            delivering = threading.Thread(target=asyncio.run, args=(senders.deliver(wanted, MOST_DELIVERIES),))
            delivering.start()
            weather.rage(lambda: not delivering.is_alive())
            delivering.join(120)
            print(after := Aftermath(seed, senders.log, weather.done, weather))  # noqa: T201 - shown on failure
            yield after
        finally:
            weather.stop()


EFFECTS = """
    select notes from test_report union all select name from interim_system
    union all select note from milestone_forecast where number > 0
"""


def test_there_was_a_storm(after: Aftermath) -> None:
    assert len(after.log.sent) == CHANGES
    assert after.strikes.keys() == {"kill_api", "cut_connections", "kill_backend", "kill_postgres"}, after
    assert after.log.tries["connection lost"] + after.log.tries["DATABASE_UNAVAILABLE"] > 0, after


def test_every_answer_was_good_or_worth_another_try(after: Aftermath) -> None:
    assert after.log.wrong == [], after


def test_every_key_has_one_answer_byte_for_byte(after: Aftermath) -> None:
    assert {key: told for key, told in after.log.answers.items() if len(told) != 1} == {}, after
    assert sum(count > 1 for count in after.log.acknowledged.values()) > CHANGES / 2, after


def test_what_was_acknowledged_is_there_once_and_nothing_else_is(after: Aftermath) -> None:
    effects = Counter(key for (key,) in after.rows(EFFECTS))
    acknowledged = after.log.acknowledged.keys()
    lost = acknowledged - effects.keys()
    doubled = {key: count for key, count in effects.items() if count > 1}
    assert (lost, doubled, effects.keys() - after.log.sent) == (set(), {}, set()), after
    kept = {key for (key,) in after.rows("select key from given_answer")}
    assert kept == effects.keys(), after


def test_the_ledger_has_no_gap_and_holds(after: Aftermath) -> None:
    gaps = """
        select tenant_ods from event group by 1 having count(*) <> max(sequence) or min(sequence) <> 1
        union all select tenant_ods from event e where hash <> sha256(convert_to(app.canonical(e), 'UTF8'))
    """
    assert after.rows(gaps) == [], after

    async def verify() -> Any:
        database = Database(after.weather.url())
        try:
            return await ledger.verify(database)
        finally:
            await database.close()

    verdict = asyncio.run(verify())
    assert verdict.intact, (verdict.fault, after)
    assert verdict.events == after.rows("select count(*) from event")[0][0]


def test_every_effect_has_its_event_and_every_count_agrees(after: Aftermath) -> None:
    unrecorded = """
        select 'TestReport', id::text from test_report union all select 'InterimSystem', id::text from interim_system
        union all select 'MilestoneForecast', id::text from milestone_forecast
        except all select object_type, object_key from event
        where object_type in ('TestReport', 'InterimSystem', 'MilestoneForecast')
    """
    assert after.rows(unrecorded) == [], after
    miscounted = """
        select m.title from milestone m join milestone_forecast f on f.milestone_id = m.id
        group by m.tenant_ods, m.id having m.times_revised <> count(*) - 1 or m.version <> count(*)
            or max(f.number) <> count(*) - 1
    """
    assert after.rows(miscounted) == [], after
