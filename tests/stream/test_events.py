"""GraphQL as server-sent events: framing, resuming, and who is answered so."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from tests.stage import Stage, mutation_document
from tests.stream.listening import ACTIVITY, PATIENCE, QUIET, VIEWER, Api
from tests.stream.test_socket import report, run

REPORT = mutation_document("reportTest", "id")
EVENTS = "text/event-stream"


class Source:
    """An answer that goes on."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self._chunks = answer.aiter_bytes()
        self._rest = b""

    async def block(self) -> bytes:
        """Give the next event, as it is spelt, without the empty line behind it."""
        async with asyncio.timeout(PATIENCE):
            while b"\n\n" not in self._rest:
                self._rest += await anext(self._chunks)
        block, _, self._rest = self._rest.partition(b"\n\n")
        return block

    async def event(self) -> tuple[str, Any]:
        """Give the next event's cursor and what it tells."""
        fields = dict(line.split(": ", 1) for line in (await self.block()).decode().split("\n"))
        assert fields["event"] == "next"
        return fields.get("id", ""), json.loads(fields["data"])

    async def silent(self) -> bool:
        """Tell whether nothing comes."""
        try:
            async with asyncio.timeout(QUIET):
                self._rest += await anext(self._chunks)
        except TimeoutError:
            return True
        return False


@asynccontextmanager
async def source(api: Api, code: str, query: str = ACTIVITY, **headers: str) -> AsyncIterator[Source]:
    """Ask for an answer that goes on."""
    known = {"Authorization": f"Bearer {await api.token(code)}", "Accept": EVENTS, **headers}
    body = {"query": query}
    async with (
        httpx.AsyncClient(trust_env=False, timeout=None) as http,  # noqa: S113 - it goes on
        http.stream("POST", api.url, json=body, headers=known) as answer,
    ):
        yield Source(answer)


def test_a_change_is_told_with_its_cursor(stage: Stage, told: dict[str, str]) -> None:
    async def story(api: Api) -> None:
        async with source(api, "Y60") as region, source(api, "RNK") as stranger:
            assert region.answer.headers["content-type"] == f"{EVENTS}; charset=utf-8"
            assert region.answer.headers["cache-control"] == "no-store"
            await asyncio.sleep(QUIET)
            await api.settled()
            made = (await api.post("R1A", REPORT, input=report(told)))["reportTest"]["id"]
            block = await region.block()
            assert b"\r" not in block
            first, second, third = block.split(b"\n")
            cursor = first.removeprefix(b"id: ").decode()
            edge = json.loads(third.removeprefix(b"data: "))["data"]["activity"]
            assert (second, edge["cursor"], edge["node"]["objectId"]) == (b"event: next", cursor, made)
            assert await region.silent()
            assert await stranger.silent()

    run(stage, story)


def test_it_goes_on_after_the_last_event_id(stage: Stage, told: dict[str, str]) -> None:
    async def story(api: Api) -> None:
        async with source(api, "R1A") as own:
            await asyncio.sleep(QUIET)
            await api.settled()
            await api.post("R1A", REPORT, input=report(told))
            cursor, _ = await own.event()
        made = [(await api.post("R1A", REPORT, input=report(told)))["reportTest"]["id"] for _ in range(2)]
        async with source(api, "R1A", **{"Last-Event-ID": cursor}) as own:
            heard = [(await own.event())[1]["data"]["activity"]["node"]["objectId"] for _ in range(2)]
            assert heard == made
            assert await own.silent()
        async with source(api, "R1A", **{"Last-Event-ID": "another list's"}) as own:
            _, body = await own.event()
            assert body["errors"][0]["extensions"]["code"] == "BAD_CURSOR"
            assert await own.block() == b"event: complete\ndata:"

    run(stage, story)


def test_a_question_is_one_event_and_an_end(stage: Stage) -> None:
    async def story(api: Api) -> None:
        async with source(api, "R1A", VIEWER) as own:
            assert await own.event() == ("", {"data": {"viewer": {"organisation": {"odsCode": "R1A"}}}})
            assert await own.block() == b"event: complete\ndata:"
            with pytest.raises(StopAsyncIteration):
                await own.block()

    run(stage, story)


PREFERRED = [
    ("application/graphql-response+json, application/graphql+json, application/json, text/event-stream", False),
    ("text/event-stream, multipart/mixed", True),
    ("*/*", False),
    ("text/event-stream;q=0.9, application/json", False),
]


@pytest.mark.parametrize(("accept", "streams"), PREFERRED)
def test_only_who_prefers_events_is_told_in_events(stage: Stage, accept: str, streams: bool) -> None:
    async def story(api: Api) -> None:
        async with source(api, "R1A", VIEWER, Accept=accept) as own:
            assert own.answer.headers["content-type"].startswith(EVENTS) is streams
        async with source(api, "R1A", Accept=accept) as own:
            assert own.answer.status_code == (200 if streams else 406)
            if not streams:
                body = json.loads(await own.answer.aread())
                assert body["errors"][0]["extensions"]["code"] == "NOT_ACCEPTABLE"

    run(stage, story)


def test_who_is_not_let_in_is_answered_in_json(stage: Stage) -> None:
    async def story(api: Api) -> None:
        async with source(api, "R1A", Authorization="Bearer nonsense") as own:
            assert (own.answer.status_code, own.answer.headers["content-type"]) == (401, "application/json")

    run(stage, story)


def test_a_change_is_not_made_by_get(stage: Stage, told: dict[str, str]) -> None:
    async def story(api: Api) -> None:
        known = {"Authorization": f"Bearer {await api.token('R1A')}", "Accept": EVENTS}
        async with httpx.AsyncClient(trust_env=False) as http:
            asked = {"query": REPORT, "variables": json.dumps({"input": report(told)})}
            answer = await http.get(api.url, params=asked, headers=known)
            assert "METHOD_NOT_ALLOWED" in answer.text
            answer = await http.get(api.url, params={"query": VIEWER}, headers=known)
            assert answer.text.startswith('event: next\ndata: {"data"')

    run(stage, story)


def test_it_shows_that_it_is_alive(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.http.events.ALIVE", 0.2)

    async def story(api: Api) -> None:
        async with source(api, "R1A") as own:
            assert [await own.block(), await own.block()] == [b":", b":"]

    run(stage, story)


def test_who_goes_leaves_nothing_behind(stage: Stage) -> None:
    async def story(api: Api) -> None:
        endpoint: Any = api.app.endpoint  # type: ignore[attr-defined] # Counted has it
        async with source(api, "R1A"), source(api, "R1A"), api.client("R1A") as client:
            await client.subscribe()
            await asyncio.sleep(QUIET)
            assert (endpoint.door._entered, len(endpoint.streams._groups)) == (3, 1)
        await until(lambda: not endpoint.door._entered)
        assert not endpoint.streams._groups
        assert not endpoint.door._staying
        assert endpoint.streams._tail._following is None

    run(stage, story)


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(PATIENCE):
        while not holds():  # noqa: ASYNC110 - what is waited for says nothing
            await asyncio.sleep(0.02)
