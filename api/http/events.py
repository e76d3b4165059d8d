"""GraphQL as server-sent events, by the protocol graphql-sse with a connection for each operation."""

import asyncio

from litestar.types import Receive, Send

from api import metrics
from api.graphql.compiled.stream import Told
from api.graphql.engine import Answer
from api.http.headers import EVENTS
from api.http.refusal import NOT_NOW, Refusal, refusal_of
from api.http.way import Way
from api.stream.following import Following
from api.stream.outbox import Outbox
from auth.tokens.verifier import Admitted

ALIVE = 12.0  # seconds between signs of life; proxies give up on silence after 30 or more
HEADERS = (
    (b"content-type", f"{EVENTS}; charset=utf-8".encode()),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx passes it on as it comes
)
COMPLETE = b"event: complete\ndata:\n\n"
OVER = Refusal(
    401, "UNAUTHENTICATED", "The access token is no longer good: ask again with a new one and your Last-Event-ID."
)
TOO_SLOW = Refusal(429, "TOO_SLOW", "You read too slowly: ask again with your Last-Event-ID.")


class EventStream:
    """One operation, told for as long as both sides stay."""

    status = 0  # it is no request that takes its time

    def __init__(self, way: Way, admitted: Admitted, opened: Answer | Following, receive: Receive) -> None:
        self._way = way
        self._admitted = admitted
        self._opened = opened
        self._receive = receive
        self._outbox = Outbox(lambda: metrics.hung_up("slow"))
        self._known = ""

    async def send(self, send: Send, known: str) -> None:
        """Tell until it ends, or the client has gone. Where it ends early the client may ask again."""
        self._known = known
        headers = [*HEADERS, (b"x-request-id", known.encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})

        async def write(frame: bytes) -> None:
            await send({"type": "http.response.body", "body": frame, "more_body": True})

        beside = [asyncio.create_task(work()) for work in (self._tell, self._stay, self._breathe)]
        try:
            with self._way.door.entered(), self._way.door.staying(self._admitted, self._leave):
                await self._outbox.pump(write)
        finally:
            for task in beside:
                task.cancel()
        last = b"" if self._outbox.finished else _refused(TOO_SLOW, known)
        await send({"type": "http.response.body", "body": last, "more_body": False})

    def tell(self, told: Told) -> None:
        """Tell of an event."""
        self._outbox.put(_next(told.body, told.cursor))

    def fail(self) -> None:
        """Say that nothing can be told for now."""
        self._end(NOT_NOW)

    async def room(self) -> None:
        """Wait until most of what there is to send is sent."""
        await self._outbox.room()

    async def _tell(self) -> None:
        if isinstance(self._opened, Answer):
            self._outbox.put(_next(self._opened.body))
            self._outbox.put(COMPLETE)
            self._outbox.finish()
            return
        try:
            await self._way.streams.tell(self._opened, self)
        except Exception as error:  # noqa: BLE001 - the edge: each has its typed answer
            self._end(refusal_of(error, self._known))

    async def _stay(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._outbox.close()

    async def _breathe(self) -> None:
        while True:
            await asyncio.sleep(ALIVE)
            self._outbox.put(b":\n\n")

    def _leave(self, known: bool) -> None:
        metrics.hung_up("token" if known else "unavailable")
        self._end(OVER if known else NOT_NOW)

    def _end(self, refusal: Refusal) -> None:
        self._outbox.put(_refused(refusal, self._known))
        self._outbox.finish()


def _next(body: bytes, cursor: str = "") -> bytes:
    """Spell one event; lines end in LF alone, and no answer has a line end in it."""
    place = b"id: %s\n" % cursor.encode() if cursor else b""
    return b"%sevent: next\ndata: %s\n\n" % (place, body)


def _refused(refusal: Refusal, known: str) -> bytes:
    return _next(refusal.body(known))
