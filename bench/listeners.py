"""So many WebSocket listeners in one process, and when each heard of a change: run beside a server by `fanout.py`.

Reads one line of JSON, connects everybody, says `ready` once all have heard of one change; at `go` it makes the
changes, one after the other, and prints what was heard as JSON.
"""

import asyncio
import base64
import json
import secrets
import sys
import time
from dataclasses import dataclass, field
from typing import Any

import httpx
import uvloop

AT_ONCE = 200  # connections being made
PATIENCE = 60.0  # seconds
MARK = b'"objectType":"TestReport"'  # of the one event that is timed; others are counted
_TEXT, _SHORT, _LONG = 0x81, 126, 127


@dataclass
class Heard:
    """When the change at hand was heard of, by whom."""

    wanted: int
    at: list[float] = field(default_factory=list)
    frames: int = 0
    all: asyncio.Event = field(default_factory=asyncio.Event)

    def frame(self, frame: bytes) -> None:
        """Note one event that a listener was told of."""
        self.frames += 1
        if MARK in frame:
            self.at.append(time.perf_counter())
            if len(self.at) == self.wanted:
                self.all.set()

    def again(self) -> None:
        """Forget what was heard."""
        self.at, self.frames = [], 0
        self.all.clear()


class Listener(asyncio.Protocol):
    """One client of graphql-transport-ws, by hand: what measures must not be busy itself."""

    def __init__(self, asked: dict[str, Any], heard: Heard) -> None:
        self._asked = asked
        self._heard = heard
        self._buffer = b""
        self._upgraded = False
        self.acknowledged: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        """Ask to upgrade."""
        self._transport = transport
        fields = {
            "Host": f"127.0.0.1:{self._asked['port']}",
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": base64.b64encode(secrets.token_bytes(16)).decode(),
            "Sec-WebSocket-Protocol": "graphql-transport-ws",
            **self._asked["headers"],
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        transport.write(f"GET /graphql HTTP/1.1\r\n{head}\r\n".encode())

    def data_received(self, data: bytes) -> None:
        """Read what came, frame by frame."""
        self._buffer += data
        if not self._upgraded:
            head, found, rest = self._buffer.partition(b"\r\n\r\n")
            if not found:
                return
            if b" 101 " not in head:
                self.acknowledged.set_exception(ConnectionError(head.decode(errors="replace")))
                return
            self._upgraded, self._buffer = True, rest
            self._say({"type": "connection_init"})
        while (frame := self._frame()) is not None:
            self._read(frame)

    def connection_lost(self, _: Exception | None) -> None:
        """Note that nothing more will come."""
        if not self.acknowledged.done():
            self.acknowledged.set_exception(ConnectionError("hung up on"))

    def _read(self, frame: bytes) -> None:
        if b'"next"' in frame[:200]:
            self._heard.frame(frame)
        elif b"connection_ack" in frame:
            self._say({"id": "1", "type": "subscribe", "payload": {"query": self._asked["document"]}})
            self.acknowledged.set_result(None)

    def _frame(self) -> bytes | None:
        if len(self._buffer) < 2:  # noqa: PLR2004 - RFC 6455, 5.2
            return None
        size, begin = self._buffer[1], 2
        if size == _SHORT:
            size, begin = int.from_bytes(self._buffer[2:4]), 4
        elif size == _LONG:
            size, begin = int.from_bytes(self._buffer[2:10]), 10
        if len(self._buffer) < begin + size:
            return None
        kind, frame = self._buffer[0], self._buffer[begin : begin + size]
        self._buffer = self._buffer[begin + size :]
        return frame if kind == _TEXT else b""

    def _say(self, message: dict[str, Any]) -> None:
        text, mask = json.dumps(message).encode(), secrets.token_bytes(4)
        size = bytes([0x80 | len(text)]) if len(text) < _SHORT else b"\xfe" + len(text).to_bytes(2)
        masked = bytes(letter ^ mask[at % 4] for at, letter in enumerate(text))
        self._transport.write(b"\x81" + size + mask + masked)


async def run(asked: dict[str, Any]) -> None:
    """Connect, wait for the word, make the changes."""
    heard = Heard(asked["listeners"])
    await _connected(asked, heard)
    async with httpx.AsyncClient(timeout=PATIENCE, trust_env=False) as http:
        for _ in range(3):
            await _changed(http, asked, heard, settle=1.0)
        print("ready", flush=True)  # noqa: T201 - whoever started it reads it
        await asyncio.to_thread(sys.stdin.readline)
        latencies, frames = [], 0
        for _ in range(asked["events"]):
            latencies += await _changed(http, asked, heard, settle=0.1)
            frames += heard.frames
    latencies.sort()
    shares = {
        name: round(1e3 * latencies[int(len(latencies) * share)], 2) for name, share in (("p50", 0.5), ("p99", 0.99))
    }
    print(json.dumps({**shares, "frames": frames}), flush=True)  # noqa: T201 - as before


async def _connected(asked: dict[str, Any], heard: Heard) -> None:
    turn = asyncio.Semaphore(AT_ONCE)

    async def connect() -> None:
        async with turn, asyncio.timeout(PATIENCE):
            loop = asyncio.get_running_loop()
            _, listener = await loop.create_connection(lambda: Listener(asked, heard), "127.0.0.1", asked["port"])
            await listener.acknowledged

    await asyncio.gather(*(connect() for _ in range(asked["listeners"])))


async def _changed(http: httpx.AsyncClient, asked: dict[str, Any], heard: Heard, settle: float) -> list[float]:
    """Make a change; return how many seconds after it was sent each listener had heard of it."""
    heard.again()
    key = {"Idempotency-Key": secrets.token_hex(12)}
    began = time.perf_counter()
    answer = await http.post(asked["url"], json=asked["change"], headers={**asked["headers"], **key})
    if "errors" in answer.json():
        raise RuntimeError(answer.text)
    async with asyncio.timeout(PATIENCE):
        await heard.all.wait()
    await asyncio.sleep(settle)
    return [at - began for at in heard.at]


if __name__ == "__main__":
    uvloop.run(run(json.loads(sys.stdin.readline())))
