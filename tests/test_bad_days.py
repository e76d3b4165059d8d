"""Bad days of the database: it goes away, comes back, hangs, is busy, has no room for one more caller."""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from api.database import embedded
from tests.conftest import clone, make_template
from tests.embedded import a_place, postmaster
from tests.installed import Site, body_of, code_of
from tests.stage import PASSWORDS, Stage, mutation_document

VIEWER = "{ viewer { organisation { name } } }"
SOON = 1.5  # seconds; a second is promised, and the machine that tests is a busy one
POOL = 8


class Town:
    """A site with a PostgreSQL of its own, to be stopped and started."""

    def __init__(self, folder: Path, runner: asyncio.Runner) -> None:
        self.folder = folder
        self.run = runner.run
        self.start()
        asyncio.run(make_template(self.server))
        self.site = Site(self.server.url("reinstate_app", PASSWORDS["reinstate_app"], "template"), runner)
        self.token = self.run(self.site.token())

    def start(self) -> None:
        """Start the database, on the data it had."""
        self.server = embedded.start(self.folder, durable=False)

    def stop(self) -> None:
        """Stop the database."""
        self.server.stop()

    async def ask_everything(self) -> dict[str, tuple[httpx.Response, float]]:
        """Knock on every door at once; give each answer with the seconds it took."""
        http = self.site.http
        doors: dict[str, Awaitable[httpx.Response]] = {
            "question": self.site.post(VIEWER, token=self.token),
            "change": self.site.post("mutation { __typename }", token=self.token),
            "token": http.post("/oauth2/token", data={"grant_type": "client_credentials"}),
            "jwks": http.get("/oauth2/jwks"),
            "readyz": http.get("/readyz"),
        }
        answers = await asyncio.gather(*map(timed, doors.values()))
        return dict(zip(doors, answers, strict=True))

    def works(self) -> bool:
        """Tell whether every door opens at the first knock."""
        told = self.run(self.ask_everything())
        return [answer.status_code for answer, _ in told.values()] == [200, 200, 400, 200, 200]


async def timed(asked: Awaitable[httpx.Response]) -> tuple[httpx.Response, float]:
    began = time.monotonic()
    return await asked, time.monotonic() - began


@pytest.fixture(scope="module")
def town() -> Iterator[Town]:
    with a_place() as place, asyncio.Runner() as runner:
        town = Town(place / "pg", runner)
        yield town
        town.site.close()
        town.stop()


def turned_away(town: Town, within: float) -> None:
    for door, (answer, seconds) in town.run(town.ask_everything()).items():
        assert (door, answer.status_code, answer.headers["retry-after"]) == (door, 503, "1")
        assert seconds < within, (door, seconds)
        if door in ("question", "change", "jwks") and "errors" in answer.text:
            assert code_of(answer) == "DATABASE_UNAVAILABLE"
            assert body_of(answer)["errors"][0]["extensions"]["retryable"] is True
    assert town.run(town.site.http.get("/healthz")).status_code == 200


def test_without_its_database_every_door_says_503_within_a_second_and_comes_back_by_itself(town: Town) -> None:
    assert town.works()
    town.stop()
    for _ in range(3):
        turned_away(town, SOON)
        time.sleep(2.2)  # past the 5 s for which the standing of sign-in is believed
    town.start()
    time.sleep(0.3)  # sign-in asks its database again 0.2 s after it failed
    assert town.works()


def test_a_restart_between_two_requests_is_not_noticed(town: Town) -> None:
    assert town.works()
    for _ in range(2):
        town.stop()
        town.start()
        assert town.works()


def test_connections_that_were_cut_are_replaced_unnoticed(town: Town) -> None:
    assert town.works()
    cut = "select count(pg_terminate_backend(pid)) from pg_stat_activity where usename = 'reinstate_app'"
    assert town.run(as_admin(town.server.admin_url, cut)) >= 4
    assert town.works()


@pytest.mark.usefixtures("impatience")
def test_a_database_that_hangs_holds_nobody_up_for_long(town: Town) -> None:
    assert town.works()
    with frozen(postmaster(town.folder)):
        turned_away(town, 5)
        time.sleep(3)
        turned_away(town, 5)
    time.sleep(0.3)
    assert town.works()


@contextmanager
def frozen(postgres: int) -> Iterator[None]:
    """Stop the server's processes in their tracks: connections stay open, and nobody answers."""
    children = Path(f"/proc/{postgres}/task/{postgres}/children").read_text()
    processes = [postgres, *map(int, children.split())]
    for process in processes:
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            os.kill(process, signal.SIGCONT)


async def as_admin(url: str, statement: str) -> Any:
    admin = await asyncpg.connect(url)
    try:
        if statement.startswith("select"):
            return await admin.fetchval(statement)
        return await admin.execute(statement)
    finally:
        await admin.close()


@asynccontextmanager
async def holding(url: str, statement: str) -> Any:
    """Hold what a statement takes, for as long as a block lasts."""
    admin = await asyncpg.connect(url)
    try:
        async with admin.transaction():
            await admin.execute(statement)
            yield
    finally:
        await admin.close()


class Village:
    """A site on a database of the run's server, with one incident to write about."""

    def __init__(self, cluster: embedded.Server, runner: asyncio.Runner) -> None:
        self.name = clone(cluster)
        self.here = cluster.admin_url.replace("/postgres?", f"/{self.name}?")
        self.site = Site(Stage(cluster, self.name).url, runner)
        self.run = runner.run
        self.token = self.run(self.site.token("NATIONAL"))

    async def open_incident(self, reference: str) -> httpx.Response:
        """Open an incident, with a key of its own."""
        document = mutation_document("openIncident", "id reference")
        given = {"reference": reference, "title": "A bad day", "detectedAt": "2022-08-04T06:00:00Z"}
        key = {"Idempotency-Key": f"key-of-{reference}"}
        return await self.site.post(document, key, token=self.token, input=given)

    def kept(self, reference: str) -> int:
        """Count the incidents by this reference."""
        counted = f"select count(*) from incident where reference = '{reference}'"  # noqa: S608 - ours
        return int(self.run(as_admin(self.here, counted)))


@pytest.fixture(scope="module")
def village(cluster: embedded.Server) -> Iterator[Village]:
    with asyncio.Runner() as runner:
        village = Village(cluster, runner)
        yield village
        village.site.close()


def test_who_waits_too_long_for_a_turn_is_told_busy_and_may_send_the_same_again(village: Village) -> None:
    async def story() -> tuple[httpx.Response, float]:
        async with holding(village.here, "select pg_advisory_xact_lock(hashtextextended('chain:NATIONAL', 0))"):
            return await timed(village.open_incident("BUSY-1"))

    answer, seconds = village.run(story())
    (error,) = body_of(answer)["errors"]
    assert (error["extensions"]["code"], error["extensions"]["retryable"]) == ("BUSY", True)
    assert 1.5 < seconds < 3.5
    assert village.kept("BUSY-1") == 0
    again = village.run(village.open_incident("BUSY-1"))
    assert body_of(again)["data"]["openIncident"]["reference"] == "BUSY-1"
    assert village.run(village.open_incident("BUSY-1")).content == again.content
    assert village.kept("BUSY-1") == 1


def test_a_statement_that_takes_too_long_is_stopped_and_keeps_nothing(village: Village) -> None:
    async def limit(how: str) -> None:
        await as_admin(village.here, f"alter role reinstate_app in database {village.name} {how}")
        await village.site.database.close()  # new connections have the new limit

    village.run(
        as_admin(
            village.here,
            "create function dawdle() returns trigger language plpgsql as "
            "$$ begin perform pg_sleep(9); return new; end $$;"
            "create trigger dawdle before insert on incident for each row when (new.reference = 'SLOW-1') "
            "execute function dawdle()",
        )
    )
    village.run(limit("set statement_timeout = '300ms'"))
    answer, seconds = village.run(timed(village.open_incident("SLOW-1")))
    (error,) = body_of(answer)["errors"]
    assert (error["extensions"]["code"], error["extensions"]["retryable"]) == ("TIMEOUT", True)
    assert seconds < 2
    assert village.kept("SLOW-1") == 0
    assert village.run(village.open_incident("QUICK-1")).status_code == 200
    village.run(limit("reset statement_timeout"))


def test_everyone_who_logs_in_waits_a_bounded_time(village: Village) -> None:
    settings = "select array_to_string(setconfig, ' ') from pg_db_role_setting where setdatabase = 0 and setrole = 'reinstate_app'::regrole"
    assert set(village.run(as_admin(village.here, settings)).split()) == {
        "statement_timeout=5s",
        "lock_timeout=2s",
        "idle_in_transaction_session_timeout=10s",
    }


@pytest.mark.usefixtures("impatience")
def test_ten_times_more_callers_than_connections_wait_a_second_at_most_and_then_it_recovers(village: Village) -> None:
    async def story() -> tuple[list[tuple[httpx.Response, float]], list[tuple[httpx.Response, float]]]:
        await village.site.post(VIEWER, token=village.token)
        async with holding(village.here, "lock table system in access exclusive mode"):
            crowd = [
                timed(village.site.post("{ systems { totalCount } }", token=village.token)) for _ in range(10 * POOL)
            ]
            waiting = asyncio.gather(*crowd)
            await asyncio.sleep(0.5)
            health = [await timed(village.site.http.get(path)) for path in ("/healthz", "/readyz")]
            await asyncio.sleep(0.8)
        return await waiting, health

    answers, health = village.run(story())
    assert [(answer.status_code, seconds < SOON) for answer, seconds in health] == [(200, True)] * 2
    turned_away = [answer for answer, _ in answers if answer.status_code == 503]
    assert len(turned_away) == 9 * POOL
    assert {code_of(answer) for answer in turned_away} == {"DATABASE_UNAVAILABLE"}
    assert max(seconds for _, seconds in answers) < 3
    assert village.run(village.site.post("{ systems { totalCount } }", token=village.token)).status_code == 200
