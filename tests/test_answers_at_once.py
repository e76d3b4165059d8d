"""What the server writes in one piece is what uvicorn would write in two, on every kind of connection."""

import asyncio
import json
import re

import pytest

from api.http.reply import Reply
from tests.stage import Stage
from tests.stream.listening import VIEWER, Api
from tests.stream.test_socket import run

OWN = rb"\r\ndate: [^\r]*|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
QUESTION = json.dumps({"query": VIEWER})
REFUSED = '{"query": "{ nothing }"}'
REQUESTS = [
    ("POST", QUESTION, ""),
    ("POST", REFUSED, ""),
    ("POST", "no JSON", ""),
    ("POST", QUESTION, "connection: close\r\n"),
    ("POST", QUESTION, "cache-control: no-store\r\n"),
    ("OPTIONS", "", ""),
    ("HEAD", "", ""),
    ("PUT", QUESTION, ""),
]


async def written(api: Api, method: str, body: str = "", more: str = "", version: str = "1.1") -> str:
    """Write a request as it travels."""
    known = f"authorization: Bearer {await api.token('R1A')}\r\ncontent-type: application/json\r\n"
    return f"{method} /graphql HTTP/{version}\r\nhost: x\r\n{known}content-length: {len(body)}\r\n{more}\r\n{body}"


async def answered(api: Api, *requests: str) -> bytes:
    """Send them at once, and a last one that closes; return all that is answered, but for dates and requests' ids."""
    reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
    last = await written(api, "OPTIONS", more="connection: close\r\n")
    writer.write("".join([*requests, last]).encode())
    async with asyncio.timeout(20):
        answer = await reader.read()
    writer.close()
    return re.sub(OWN, b"", answer)


@pytest.mark.parametrize("request_", REQUESTS)
@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_an_answer_is_the_same_in_one_piece_and_in_two(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, request_: tuple[str, str, str], version: str
) -> None:
    async def story(api: Api) -> bytes:
        return await answered(api, await written(api, *request_, version))

    pieces: list[bool] = []
    at_once = Reply.sent_at_once
    monkeypatch.setattr(Reply, "sent_at_once", lambda *given: pieces.append(at_once(*given)) or pieces[-1])
    whole = run(stage, story)
    monkeypatch.setattr(Reply, "sent_at_once", lambda *_: False)
    assert whole == run(stage, story)
    assert whole.startswith(b"HTTP/1.1 ")
    assert pieces[0] is (request_[0] != "HEAD")


def test_requests_that_are_sent_together_are_answered_in_their_order(stage: Stage) -> None:
    async def story(api: Api) -> bytes:
        asked = [await written(api, "POST", body) for body in (QUESTION, REFUSED, QUESTION)]
        return await answered(api, *asked)

    statuses = re.findall(rb"HTTP/1.1 (\d+) ", run(stage, story))
    assert statuses == [b"200", b"400", b"200", b"204"]


@pytest.mark.parametrize("broken", [b"a\r\nb: c", b"a\nb", b"a\rb"])
def test_a_header_that_would_break_its_line_is_not_written(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, broken: bytes
) -> None:
    monkeypatch.setattr(Reply, "_headers", lambda reply, _: [*reply.headers, (b"x-broken", broken)])

    async def story(api: Api) -> bytes:
        return await answered(api, await written(api, "POST", QUESTION))

    assert run(stage, story) == b""
