"""Answers kept, asked for over HTTP: who gets what, ETags, and every way a change on this or another replica tells."""

import asyncio
from collections.abc import Iterator

import asyncpg
import pytest

from api.cache import freshness
from api.cache.answers import AnswerCache
from api.cache.freshness import CHANNEL, Freshness
from auth.scope import Scope
from tests.asked import JSON
from tests.cached import Pair, paired
from tests.installed import code_of
from tests.stage import Stage


@pytest.fixture
def pair(fresh_stage: Stage) -> Iterator[Pair]:
    with paired(fresh_stage) as pair:
        yield pair


def test_who_gets_what(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(pair: Pair) -> None:
        first, again = await pair.post(), await pair.post()
        assert (first.content, pair.cache().tally.hits) == (again.content, 1)
        assert first.headers["x-request-id"] != again.headers["x-request-id"]
        own = {code: (await pair.post(code)).json() for code in ("R1A", "RNK", "RYG", "NATIONAL", "R1A")}
        assert [len(told["data"]["systems"]["nodes"]) for told in own.values()] == [1, 1, 0, 2]
        monkeypatch.setattr(Scope.PROGRESS_READ, "roles", frozenset())  # a token that carries less
        pair.tokens["R1A"] = await pair.sites[0].token("R1A")
        assert code_of(await pair.post()) == "NOT_PERMITTED"

    pair.run(story)


def test_what_is_never_given_again(pair: Pair) -> None:
    async def story(pair: Pair) -> None:
        for document in (
            "{ viewer { subject } }",
            "{ systems(after: 1) { totalCount } }",
            "{",
            "{ activity { totalCount } }",
        ):
            for _ in range(2):
                answer = await pair.post(document=document)
                assert (answer.headers["cache-control"], answer.headers.get("etag")) == ("no-store", None)
        assert pair.cache().bytes == 0
        unkept = await pair.post(Cache_Control="no-store")
        assert (unkept.headers["cache-control"], unkept.headers.get("etag")) == ("no-store", None)
        assert (await pair.get(Cache_Control="no-store")).headers["etag"]
        assert pair.cache().bytes == 0
        await pair.post(Cache_Control="no-cache")
        assert (pair.cache().tally.hits, pair.cache().bytes > 0) == (0, True)
        await pair.post(Cache_Control="max-age=0, No-Cache")
        assert pair.cache().tally.hits == 0
        assert (await pair.post()).status_code == 200
        assert pair.cache().tally.hits == 1
        assert code_of(await pair.post(Idempotency_Key="short")) == "BAD_IDEMPOTENCY_KEY"
        assert (await pair.post(Content_Type="text/plain")).status_code == 415
        assert (await pair.post(Accept="text/html")).status_code == 406
        assert (await pair.post(Authorization="Bearer a.b.c")).status_code == 401

    pair.run(story)


def test_an_etag_is_answered_by_304_to_get_alone(pair: Pair) -> None:
    async def story(pair: Pair) -> None:
        first, other = await pair.get(), await pair.get(Accept=JSON)
        etag = first.headers["etag"]
        assert first.headers["cache-control"] == "private, no-cache"
        assert first.headers["vary"] == "Accept"
        assert etag not in ("", other.headers["etag"])
        for held in (etag, f"W/{etag}", f'"x", {etag}', "*"):
            for number in range(2):  # the other replica answers the same
                answer = await pair.get(number=number, If_None_Match=held)
                assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)
        assert (await pair.get(If_None_Match=other.headers["etag"])).content == first.content
        posted = await pair.post(If_None_Match=etag)
        assert (posted.status_code, posted.content) == (200, first.content)
        await pair.report()
        answer = await pair.get(If_None_Match=etag)
        assert (answer.status_code, answer.headers["etag"] != etag) == (200, True)

    pair.run(story)


def test_a_writer_reads_its_write_and_others_keep_their_answers(pair: Pair) -> None:
    async def story(pair: Pair) -> None:
        for code in ("R1A", "RNK"):
            await pair.report(code=code)
        await asyncio.sleep(2 * freshness.EVERY)  # the regions are learnt, and the sweep has seen both
        readers = ("R1A", "Y60", "SUPPLIER", "NATIONAL", "RNK", "Y56", "RYG")
        assert [await pair.count(code) for code in readers] == [1, 1, 2, 2, 1, 1, 0]
        before = pair.cache().tally.hits
        await pair.report()
        assert [await pair.count(code) for code in readers[:4]] == [2, 2, 3, 3]
        assert pair.cache().tally.hits == before
        assert [await pair.count(code) for code in readers[4:]] == [1, 1, 0]
        assert pair.cache().tally.hits == before + 3

    pair.run(story)


def test_a_repeated_change_shows_its_effect_wherever_it_is_acknowledged(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(freshness, "EVERY", 60.0)
    monkeypatch.setattr(freshness, "STALE", 120.0)
    monkeypatch.setattr(Freshness, "_told", lambda *_: None)

    async def story(pair: Pair) -> None:
        assert await pair.count(number=1) == 0
        await pair.report(number=0, key="the-same-key")
        await pair.report(number=1, key="the-same-key")
        assert await pair.count(number=1) == 1

    pair.run(story)


@pytest.mark.parametrize("way", ["notify", "sweep"])
def test_the_other_replica_learns_by_either_way(pair: Pair, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    if way == "notify":
        monkeypatch.setattr(freshness, "EVERY", 60.0)
        monkeypatch.setattr(freshness, "STALE", 120.0)
    else:
        monkeypatch.setattr(Freshness, "_told", lambda *_: None)

    async def story(pair: Pair) -> None:
        assert await pair.count(number=1) == 0
        await pair.report()

        async def seen() -> bool:
            return await pair.count(number=1) == 1

        await pair.until(seen)

    pair.run(story)


def test_a_lost_listener_turns_the_cache_off_until_it_listens_again(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(freshness, "RETRY", 60.0)

    async def story(pair: Pair) -> None:
        await pair.count(number=1)
        assert pair.cache(1).bytes
        assert await pair.silence() == 2
        await pair.until(lambda: not pair.cache(1).trusted)
        assert pair.cache(1).bytes == 0
        for expected in range(3):
            assert await pair.count(number=1) == expected
            await pair.report()
        assert (pair.cache(1).tally.hits, pair.cache(1).bytes) == (0, 0)
        monkeypatch.setattr(freshness, "RETRY", 0.0)

    pair.run(story)

    async def again(pair: Pair) -> None:
        assert [await pair.count() for _ in range(2)] == [3, 3]
        assert pair.cache().tally.hits == 1

    pair.run(again)


def test_without_a_size_nothing_is_kept_and_the_others_are_told(pair: Pair) -> None:
    async def story(pair: Pair) -> None:
        admin = await asyncpg.connect(pair.stage.server.admin_url, database=pair.stage.name)
        told = asyncio.Event()
        await admin.add_listener(CHANNEL, lambda *_: told.set())
        off = Freshness(pair.sites[0].database, AnswerCache(0))
        async with off.kept_up(), asyncio.timeout(5):
            while not told.is_set():
                off.changed([])
                await asyncio.sleep(0.05)
            assert not off.cache.trusted
        await admin.close()

    pair.run(story)
