"""Nothing acknowledged is lost, and nothing is done twice, while the API and its database are killed."""

import asyncio
import datetime as dt
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from api.database import embedded
from auth.caller import SignIn
from auth.signing import ensure_keys
from auth.tenancy import Database
from auth.tokens.access_token import AccessToken, new_token_id
from auth.tokens.issuer import Issuer
from tests.conftest import make_template
from tests.delivery import Change, Link
from tests.embedded import a_place, free_port, postmaster
from tests.installed import Replica, new_key_file
from tests.stage import Stage, caller
from tests.test_spine import PASSED
from trusts.audit import ledger

CHANGES = 2_000
TRUSTS = ("R1A", "RNK", "RYG")
ASKING = (*TRUSTS, "SUPPLIER")


class Town:
    """A durable PostgreSQL and one API process on it, both of which get killed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "pg"
        self.port = free_port()
        self.server = embedded.start(self.folder, port=free_port())
        asyncio.run(make_template(self.server))
        self.stage = Stage(self.server, "template")
        key_file = new_key_file(folder)
        self.issuer = Issuer(f"http://127.0.0.1:{self.port}", bytes.fromhex(key_file.read_text()))
        settings = {
            "DATABASE_URL": self.stage.url,
            "REINSTATE_KEY_FILE": str(key_file),
            "REINSTATE_PORT": str(self.port),
        }
        self.replica = Replica(self.port, settings, folder / "api.log")

    def kill_api(self) -> None:
        """Kill the API in the middle of what it does, and start it again."""
        self.replica.kill()
        self.replica.start()

    def kill_database(self) -> None:
        """Kill PostgreSQL as a power cut would, and start it again on what it had kept."""
        number = int(self.stage.url.split("@127.0.0.1:")[1].split("/")[0])
        os.kill(postmaster(self.folder), signal.SIGKILL)
        self.server.stop()
        self.server = embedded.start(self.folder, port=number)
        if not self.replica.alive:
            self.replica.start()

    def end_connections(self) -> None:
        """End every connection of the API at once."""
        asyncio.run(self.ask("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'reinstate_app'"))

    def kill_connection(self) -> None:
        """Kill one process that serves the API; PostgreSQL restarts all of them."""
        query = "select pid from pg_stat_activity where usename = 'reinstate_app' order by random() limit 1"
        for row in asyncio.run(self.ask(query)):
            os.kill(row["pid"], signal.SIGKILL)

    async def ask(self, query: str) -> list[Any]:
        """Ask the database as its administrator."""
        connection = await asyncpg.connect(self.server.admin_url, database="template", timeout=5)
        try:
            return list(await connection.fetch(query))
        finally:
            await connection.close()

    async def tokens(self) -> dict[str, str]:
        """Give a token of each organisation that asks."""
        database = Database(self.stage.url)
        async with database.change(SignIn(), "test") as db:
            ring = await ensure_keys(db, self.issuer)
        await database.close()
        now = int(time.time())
        says = [
            AccessToken(as_.subject, code, as_.kind, as_.scopes, new_token_id(), now, now + 599)
            for code in ASKING
            for as_ in [caller(code)]
        ]
        return {token.tenant_ods: token.write(self.issuer, ring) for token in says}


@pytest.fixture
def town() -> Iterator[Town]:
    """A town with its story told."""
    with a_place() as place:
        town = Town(place)
        yield town
        town.replica.kill()
        town.server.stop()
        print((place / "api.log").read_text()[-3000:])  # noqa: T201 - shown when it fails


def changes(stage: Stage) -> list[Change]:
    """Tell a story, and give the changes that are to go on from it, each recognisable by its number."""
    incident = stage.change(
        "NATIONAL", "openIncident", reference="CARENOTES-2022", title="Attack", detectedAt="2022-08-04T06:00:00Z"
    )
    product = stage.change("SUPPLIER", "registerProduct", code="CARENOTES", name="Carenotes", category="EPR")["id"]
    built = {"product": product, "label": "CN-R1", "builtAt": "2022-11-07T12:00:00Z", "safetyRelevantChange": True}
    build = stage.change("SUPPLIER", "registerBuild", **built)["id"]
    promised = {
        "product": product,
        "kind": "HANDOVER",
        "title": "Handover",
        "baselineOn": "2022-09-08",
        "confidence": "LOW",
    }
    milestone = stage.change("SUPPLIER", "publishMilestone", **promised)["id"]
    systems = {
        code: stage.change(code, "registerSystem", product=product, incident=incident["id"], name="Carenotes")["id"]
        for code in TRUSTS
    }
    found = []
    for number in range(CHANGES):
        code, name = TRUSTS[number % len(TRUSTS)], f"NUMBER-{number:05}"
        if number % 10 == 0:
            day = dt.date(2023, 1, 1) + dt.timedelta(days=number)
            given = {
                "milestone": milestone,
                "forecastOn": day.isoformat(),
                "confidence": "LOW",
                "reasonCode": "OTHER",
                "note": name,
            }
            found.append(Change(f"key-{number:05}", "SUPPLIER", "reviseForecast", given))
        elif number % 10 == 1:
            given = {"system": systems[code], "kind": "PAPER", "name": name, "liveOn": "2022-08-04"}
            found.append(Change(f"key-{number:05}", code, "registerInterimSystem", given))
        else:
            given = {"system": systems[code], "build": build, "test": "SMOKE", **PASSED, "environment": name}
            found.append(Change(f"key-{number:05}", code, "reportTest", given))
    return found


EFFECTS = """
    select note as name from milestone_forecast where note like 'NUMBER-%'
    union all select name from interim_system where name like 'NUMBER-%'
    union all select environment from test_report where environment like 'NUMBER-%'
"""


def test_every_change_has_one_effect_and_one_answer_whatever_is_killed(town: Town) -> None:
    seed = random.SystemRandom().randrange(2**32)
    chance = random.Random(seed)  # noqa: S311 - a test's own dice
    print(f"seed {seed}")  # noqa: T201 - shown when it fails
    sent = changes(town.stage)
    link = Link(f"http://127.0.0.1:{town.port}", asyncio.run(town.tokens()), chance)
    town.replica.start()
    assert town.replica.ready()
    sending = threading.Thread(target=lambda: asyncio.run(link.deliver(sent)))
    sending.start()
    kills: Counter[str] = Counter()
    while sending.is_alive():
        time.sleep(1 + 2 * random.Random(seed + kills.total()).random())  # noqa: S311 - as above
        trouble = (town.kill_api, town.end_connections, town.kill_connection, town.kill_database)[kills.total() % 4]
        if sending.is_alive():
            trouble()
            kills[trouble.__name__] += 1
    assert set(kills) == {"kill_api", "end_connections", "kill_connection", "kill_database"}, kills
    print(f"{len(sent)} changes, {link.delivered} answers, {link.lost} dropped, {link.again} sent again, {dict(kills)}")  # noqa: T201
    nothing_is_lost_or_doubled(town, sent, link)


def nothing_is_lost_or_doubled(town: Town, sent: list[Change], link: Link) -> None:
    """Hold effects, answers and the ledger against what was sent and what arrived."""
    effects = Counter(row["name"] for row in asyncio.run(town.ask(EFFECTS)))
    assert effects == Counter(change.key.replace("key-", "NUMBER-") for change in sent)
    kept = asyncio.run(town.ask("select key, answer from given_answer where key like 'key-%'"))
    stored = {row["key"]: row["answer"].encode() for row in kept}
    assert stored.keys() == {change.key for change in sent}
    assert link.answers == {key: {answer} for key, answer in stored.items()}
    verdict = asyncio.run(ledger.verify(Database(town.stage.url)))
    assert verdict.intact, verdict.fault
