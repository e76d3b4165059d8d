"""The wire: the head and the body of an answer leave in one write, where uvicorn writes each by itself."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class Together:
    """A connection that holds one write back for the next, but not beyond this turn of the loop."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._soon = loop.call_soon
        self._held = b""

    def write(self, data: bytes) -> None:
        """Write, soon."""
        if self._held:
            held, self._held = self._held, b""
            self._transport.writelines((held, data))
        else:
            self._held = data
            self._soon(self._flush)

    def close(self) -> None:
        """Close, once everything is written."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._held:
            held, self._held = self._held, b""
            self._transport.write(held)

    def __getattr__(self, name: str) -> Any:
        return self.__dict__.setdefault(name, getattr(self._transport, name))  # looked up once


class Wire(HttpToolsProtocol):
    """uvicorn's side of a connection, with its writes held together."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Begin to listen."""
        super().connection_made(Together(transport, self.loop))  # type: ignore[arg-type] # what it lacks it borrows
