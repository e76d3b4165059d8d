"""Who stops reading is hung up on in the end; who reads slowly is not."""

import asyncio
from typing import Any

import pytest

from tests.stage import Stage
from tests.stream.listening import Api
from tests.stream.test_events import until
from tests.stream.test_socket import run

SUBSCRIBED = '{"query":"subscription { activity { cursor } }"}'
FRAME = b":" + b" " * 400_000 + b"\n\n"


async def connected(api: Api) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, Any]:
    """Ask for events by hand; give the connection, and the listener that the server has."""
    endpoint: Any = api.app.endpoint
    reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
    reader._transport.pause_reading()  # type: ignore[attr-defined] # asyncio keeps it to itself
    head = (
        f"POST /graphql HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {await api.token('NATIONAL')}\r\n"
        f"accept: text/event-stream\r\ncontent-type: application/json\r\ncontent-length: {len(SUBSCRIBED)}\r\n\r\n"
    )
    writer.write(f"{head}{SUBSCRIBED}".encode())
    await until(lambda: any(group._listeners for group in endpoint.streams._groups.values()))
    ((listener,),) = (group._listeners for group in endpoint.streams._groups.values())
    return reader, writer, listener


def test_who_stops_reading_is_hung_up_on(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.serving.STALLED", 0.3)

    async def story(api: Api) -> None:
        endpoint: Any = api.app.endpoint
        _, writer, listener = await connected(api)
        async with asyncio.timeout(20):
            while endpoint.door._entered:
                listener._outbox.put(FRAME)
                await asyncio.sleep(0.01)
        writer.close()

    run(stage, story)


def test_who_reads_slowly_is_told_everything(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.serving.STALLED", 0.5)

    async def story(api: Api) -> None:
        reader, writer, listener = await connected(api)
        frames = 40  # more than the sockets between hold

        async def tell() -> None:
            for _ in range(frames):
                await listener.room()
                listener._outbox.put(FRAME)

        telling = asyncio.create_task(tell())
        await asyncio.sleep(0.2)
        reader._transport.resume_reading()  # type: ignore[attr-defined] # as above
        read = 0
        async with asyncio.timeout(60):
            while read < frames * len(FRAME):
                read += len(await reader.read(200_000))
                await asyncio.sleep(0.02)
        await telling
        writer.close()

    run(stage, story)
