"""Serving: the port first, then the database, then requests until told to stop."""

import asyncio
import logging
import socket
import sys
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Any

import uvicorn
from litestar import Litestar
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from api.app import Counted
from api.cache.answers import Headers as Sent
from api.failure import UsageError
from api.http.question import LARGEST_BODY
from api.http.reply import AT_ONCE
from api.stream import door

BACKLOG = 512
MOST_ASKING = 1000  # connections beside those that listen
_TEXT, _SHORT, _LONG = b"\x81", 126, 65_536  # RFC 6455, 5.2: a whole text frame; its length in one byte, or two
STALLED = 15.0  # seconds in which a client reads something of what is sent to it


class Impatient:
    """Hangs up on a client that reads nothing of what is sent to it: closing would wait for it to read."""

    transport: asyncio.Transport
    _left = 0  # bytes that were unsent when this was last looked at
    _looking: asyncio.TimerHandle | None = None

    def pause_writing(self) -> None:
        """Look from time to time whether it reads, now that as much is unsent as is held for anybody."""
        super().pause_writing()  # type: ignore[misc] # of the protocol beside
        self._left = self.transport.get_write_buffer_size()
        self._looking = asyncio.get_running_loop().call_later(STALLED, self._look)

    def resume_writing(self) -> None:
        """Go on, now that it has read."""
        super().resume_writing()  # type: ignore[misc] # of the protocol beside
        if self._looking:
            self._looking.cancel()

    def _look(self) -> None:
        before, self._left = self._left, self.transport.get_write_buffer_size()
        if self._left >= before:
            self.transport.abort()
        else:
            self._looking = asyncio.get_running_loop().call_later(STALLED, self._look)


class Asking(Impatient, HttpToolsProtocol):
    """A connection that asks; it offers its application to answer in one piece, where that need not wait."""

    def on_headers_complete(self) -> None:
        """Begin to answer."""
        super().on_headers_complete()
        if self.cycle and self.cycle.scope is self.scope:
            offer: dict[str, Any] = {AT_ONCE: partial(answer_at_once, self.cycle)}
            self.scope["extensions"] = offer


def answer_at_once(cycle: RequestResponseCycle, status: int, headers: Sent, body: bytes) -> bool:
    """Write an answer (RFC 9112) unless the client is behind with reading; return whether it is written.

    Uvicorn's own way takes two messages and two system calls, an eighth of the time of an answer that was kept. It is
    left to uvicorn to refuse a header that would break its line (RFC 9112, 11.1).
    """
    fields = (*cycle.default_headers, *headers)
    head = b"".join([b"%b: %b\r\n" % field for field in fields])
    unbroken = head.count(b"\r") == head.count(b"\n") == len(fields)
    if cycle.flow.write_paused or cycle.disconnected or cycle.response_started or not unbroken:
        return False
    cycle.response_started = cycle.response_complete = True
    cycle.waiting_for_100_continue = False
    end = b"\r\n" if cycle.keep_alive else b"connection: close\r\n\r\n"
    cycle.transport.write(b"".join((STATUS_LINE[status], head, end, body)))
    cycle.message_event.set()
    if not cycle.keep_alive:
        cycle.transport.close()
    cycle.on_response()
    return True


class Conversing(Impatient, WebSocketsSansIOProtocol):
    """A connection that converses; it offers its application to write at once, where that need not wait."""

    def handle_connect(self, event: Request) -> None:
        """Begin to converse."""
        super().handle_connect(event)
        if self.response.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
            offered: dict[str, Any] = {AT_ONCE: self.write_at_once}
            self.scope["extensions"] = {**(self.scope["extensions"] or {}), **offered}

    def write_at_once(self, text: bytes) -> bool:
        """Write a text frame (RFC 6455, 5.2) unless the client is behind with reading; return whether it is written."""
        if not self.writable.is_set() or self.close_sent or not self.handshake_complete or self.disconnected:
            return False
        size = len(text)
        if size < _SHORT:
            head = _TEXT + size.to_bytes(1, "big")
        elif size < _LONG:
            head = _TEXT + b"\x7e" + size.to_bytes(2, "big")
        else:
            head = _TEXT + b"\x7f" + size.to_bytes(8, "big")
        self.transport.write(head + text)
        return True


def claim_port(host: str, port: int) -> socket.socket:
    """Take the port, or say plainly that somebody else has it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    claimed = socket.socket(family, socket.SOCK_STREAM)
    claimed.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        claimed.bind((host, port))
        claimed.listen(BACKLOG)
    except OSError as error:
        claimed.close()
        raise UsageError(
            f"Port {port} on {host} cannot be used ({error.strerror}); stop what has it, or choose another with --port."
        ) from error
    return claimed


def serve(app: Counted, claimed: socket.socket, ready: Callable[[], None] = lambda: None, proxies: str = "") -> None:
    """Answer requests on a claimed port until the process is told to stop; `proxies` are believed who asks."""

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            ready()

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            app.endpoint.door.close()  # nobody would wait for the end of what has none
            await super().shutdown(sockets)

    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    _allow_files(MOST_ASKING + door.MOST)
    Server(configured(app, proxies)).run(sockets=[claimed])


def configured(app: Litestar, proxies: str = "") -> uvicorn.Config:
    """Return how requests are taken."""
    return uvicorn.Config(
        app,
        http=Asking,
        ws=Conversing,
        ws_max_size=LARGEST_BODY,
        ws_per_message_deflate=False,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(proxies),
        forwarded_allow_ips=proxies,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=5,
        limit_concurrency=MOST_ASKING + door.MOST,
    )


def _allow_files(wanted: int) -> None:
    """Let so many connections be open at once, as far as the system's hard limit goes."""
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415 - there is none on Windows

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))
