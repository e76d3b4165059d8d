"""The limit of a fan-out: asyncio alone, writing one frame that is ready to every socket when a change is posted."""

import asyncio
import base64
import hashlib
import json
import sys
from typing import Any

import uvloop

_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3
_SIZE = 640  # bytes of an event, about as many as the product tells


def _frame(message: Any) -> bytes:
    text = json.dumps(message, separators=(",", ":")).encode()
    size = bytes([len(text)]) if len(text) < 126 else b"\x7e" + len(text).to_bytes(2)  # noqa: PLR2004 - RFC 6455, 5.2
    return b"\x81" + size + text


EVENT = _frame({"id": "1", "type": "next", "payload": {"objectType": "TestReport", "after": "x" * _SIZE}})
ACKNOWLEDGED = _frame({"type": "connection_ack"})
listening: set[Any] = set()


class Peer(asyncio.Protocol):
    """A socket: one that listens, or one that posts a change."""

    def connection_made(self, transport: Any) -> None:
        """Keep where to write."""
        self._transport = transport
        self._buffer = b""

    def connection_lost(self, _: Exception | None) -> None:
        """Write no more."""
        listening.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        """Answer an upgrade or a request; whatever a listener says is good."""
        if self._transport in listening:
            return
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        if found and b"sec-websocket-key" in fields:
            self._upgrade(head)
        elif found and len(body) >= int(fields.get(b"content-length", b"0")):
            self._buffer = b""
            self._answer(change=head.startswith(b"POST"))

    def _answer(self, *, change: bool) -> None:
        for each in listening if change else ():
            each.write(EVENT)
        self._transport.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}")

    def _upgrade(self, head: bytes) -> None:
        (key,) = (
            line.split(b": ", 1)[1] for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key")
        )
        accept = base64.b64encode(hashlib.sha1(key + _MAGIC).digest())  # noqa: S324 - RFC 6455's, no secret
        fields = b"upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-protocol: graphql-transport-ws\r\n"
        self._transport.write(b"HTTP/1.1 101 Switching\r\n%ssec-websocket-accept: %s\r\n\r\n" % (fields, accept))
        listening.add(self._transport)
        self._transport.write(ACKNOWLEDGED)


async def serve(port: int) -> None:
    """Listen until told to stop."""
    server = await asyncio.get_running_loop().create_server(Peer, "127.0.0.1", port, backlog=512)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
