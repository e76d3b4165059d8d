"""Nothing is lost, told twice or told out of order: writers at once, late commits, listeners who come and go."""

import asyncio
import json
import random
from contextlib import AsyncExitStack
from typing import Any

import pytest

from api.database import embedded
from api.graphql.compiled.stream import Told
from api.stream import tail
from api.stream.outbox import MOST_BYTES, MOST_EVENTS, Outbox
from tests.cached import LISTENERS
from tests.conftest import clone
from tests.isolation.sql import as_admin
from tests.stage import Stage, mutation_document
from tests.stream.listening import Api
from tests.stream.test_events import until
from tests.stream.test_socket import report, run

REPORT = mutation_document("reportTest", "id")
CHANGES = 240
AT_ONCE = 12  # who listen
READERS = """
    select count(*) from pg_stat_activity
    where application_name = 'reinstate app_sweep' and datname = current_database()
"""
SEEN = "query($a: String) { activity(after: $a, first: 200) { edges { cursor } pageInfo { hasNextPage endCursor } } }"


async def seen(api: Api, code: str, after: str | None) -> list[str]:
    """Give the cursors of all that somebody may see after one."""
    found: list[str] = []
    more = True
    while more:
        page = (await api.post(code, SEEN, a=after))["activity"]
        found += [edge["cursor"] for edge in page["edges"]]
        after, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
    return found


async def follow(api: Api, code: str, heard: list[str], expected: dict[str, list[str]]) -> None:
    """Listen, hang up somewhere, and go on after the last cursor, until all is heard and nothing more comes."""
    chance = random.Random(len(code))  # noqa: S311 - a test's chance
    while True:
        async with api.client(code) as client:
            await client.subscribe(after=heard[-1])
            for _ in range(chance.randrange(5, 60)):
                try:
                    async with asyncio.timeout(1.5):
                        told = json.loads(await client.wire.recv())
                except TimeoutError:
                    if code in expected and len(heard) > len(expected[code]):
                        return
                    break
                heard.append(told["payload"]["data"]["activity"]["cursor"])


def test_writers_at_once_and_listeners_who_come_and_go(cluster: embedded.Server) -> None:
    stage = Stage(cluster, clone(cluster))
    told = stage.tell("R1A", "RYG", "RNK")

    async def write(api: Api, code: str, number: int) -> None:
        for _ in range(number):
            await api.post(code, REPORT, input=report(told, code))

    async def story(api: Api, other: Api) -> None:
        first = (await seen(api, "NATIONAL", None))[-1]
        codes = ["NATIONAL", "R1A", "Y60", "SUPPLIER", "RYG", "Y56"] * (AT_ONCE // 6)
        heard = [[first] for _ in codes]
        expected: dict[str, list[str]] = {}
        places = zip([api, other] * len(codes), codes, heard, strict=False)
        listening = [asyncio.create_task(follow(at, code, each, expected)) for at, code, each in places]
        writers = [write(at, code, CHANGES // 6) for at in (api, other) for code in ("R1A", "RYG", "RNK")]
        await asyncio.gather(*writers)
        expected |= {code: await seen(api, code, first) for code in codes}
        async with asyncio.timeout(60):
            await asyncio.gather(*listening)
        assert len(expected["NATIONAL"]) >= CHANGES
        for code, each in zip(codes, heard, strict=True):
            assert each[1:] == expected[code], code

    async def both() -> None:
        async with Api.serving(stage.url) as api, Api.serving(stage.url) as other:
            await story(api, other)

    asyncio.run(both())


def test_what_commits_late_is_told_in_its_place(stage: Stage, told: dict[str, str]) -> None:
    """A transaction that began first and commits last: nothing after it is told before it."""

    async def story(api: Api) -> None:
        async with as_admin(stage) as admin, api.listener("NATIONAL") as client:
            late = admin.transaction()
            await late.start()
            await admin.execute("select pg_current_xact_id()")  # it has begun to write
            await api.post("R1A", REPORT, input=report(told))
            assert await client.silent()
            await late.rollback()
            assert len(await client.events(1)) == 1

    run(stage, story)


def test_a_lost_reader_goes_on_from_its_place(stage: Stage, told: dict[str, str]) -> None:
    async def story(api: Api) -> None:
        async with as_admin(stage) as admin, api.listener("R1A") as client:
            for _ in range(3):
                killed = await admin.fetchval(LISTENERS, stage.name)
                assert killed >= 1
                await api.post("R1A", REPORT, input=report(told))
                assert len(await client.events(1)) == 1
                await asyncio.sleep(2 * tail.RETRY)
            assert await client.silent()

    run(stage, story)


def test_one_process_reads_the_ledger_once_however_many_listen(stage: Stage, told: dict[str, str]) -> None:
    async def story(api: Api) -> None:
        endpoint: Any = api.app.endpoint  # type: ignore[attr-defined] # Counted has it
        async with AsyncExitStack() as held:
            clients = [await held.enter_async_context(api.client("R1A")) for _ in range(25)]
            for client in clients:
                await client.subscribe()
            await until(lambda: sum(group.members for group in endpoint.streams._groups.values()) == 25)
            await clients[0].settled()
            assert await readers(stage) == 2  # one that keeps the cache fresh, and one that tells
            (group,) = endpoint.streams._groups.values()
            asked = []
            following = group._following.told
            group._following.told = lambda span: (asked.append(span), following(span))[1]
            await api.post("R1A", REPORT, input=report(told))
            for client in clients:
                assert len(await client.events(1)) == 1
            assert len(asked) == 1
        await until(lambda: endpoint.streams._tail._following is None)

    run(stage, story)


async def readers(stage: Stage) -> int:
    """Count the connections that read the ledger."""
    async with as_admin(stage) as admin:
        return int(await admin.fetchval(READERS))


def test_who_does_not_read_is_hung_up_on_and_goes_on_later(
    stage: Stage, told: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.serving.STALLED", 60.0)

    async def story(api: Api) -> None:
        async with api.client("R1A") as quick, api.client("R1A", max_queue=1) as slow:
            for client in (quick, slow):
                await client.subscribe()
                await client.settled()
            slow.wire.transport.pause_reading()
            endpoint: Any = api.app.endpoint  # type: ignore[attr-defined] # Counted has it
            (group,) = endpoint.streams._groups.values()
            body = b'{"data":{"activity":{"cursor":"x","node":null}}%s}' % (b" " * 60_000)
            for number in range(400):  # more than the sockets between hold, and an outbox besides
                await group._fan_out(Told((group.place[0] + 1 + number, 1), "x", body))
                assert len(await quick.events(1)) == 1
            slow.wire.transport.resume_reading()
            assert await slow.closed() == 4413
        async with api.listener("R1A") as again:
            await api.post("R1A", REPORT, input=report(told))
            assert len(await again.events(1)) == 1

    run(stage, story)


@pytest.mark.parametrize(
    ("frames", "fits"),
    [
        ([b"x"] * MOST_EVENTS, True),
        ([b"x"] * (MOST_EVENTS + 1), False),
        ([b"x" * MOST_BYTES], True),
        ([b"x" * MOST_BYTES, b"x"], False),
        ([b"x" * (2 * MOST_BYTES)], True),  # alone it fits whatever it weighs: its size is bounded elsewhere
    ],
    ids=["256 events", "257 events", "1 MiB", "a byte more", "one alone"],
)
def test_an_outbox_holds_so_much(frames: list[bytes], fits: bool) -> None:
    async def story() -> None:
        overflowed = []
        outbox = Outbox(lambda: overflowed.append(True))
        for frame in frames:
            outbox.put(frame)
        assert (not overflowed, not outbox.closed) == (fits, fits)
        sent: list[bytes] = []

        async def send(frame: bytes) -> None:
            sent.append(frame)

        outbox.finish()
        await outbox.pump(send)
        assert sent == (frames if fits else [])

    asyncio.run(story())


def test_who_can_wait_waits_for_room() -> None:
    async def story() -> None:
        outbox = Outbox(lambda: pytest.fail("it overflowed"))
        sent: list[bytes] = []

        async def send(frame: bytes) -> None:
            await asyncio.sleep(0)
            sent.append(frame)

        pump = asyncio.create_task(outbox.pump(send))
        for _ in range(10 * MOST_EVENTS):
            await outbox.room()
            outbox.put(b"x")
        outbox.finish()
        await pump
        assert len(sent) == 10 * MOST_EVENTS

    asyncio.run(story())
