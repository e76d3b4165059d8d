"""GraphQL over WebSocket, by the protocol graphql-transport-ws; the older graphql-ws is refused."""

import asyncio
import json
from contextlib import ExitStack, suppress
from typing import Any

import uuid_utils
from litestar.types import Receive, Send, WebSocketScope

from api import metrics
from api.graphql.compiled.stream import Told
from api.graphql.engine import Answer, Request
from api.http import question
from api.http.headers import Headers, headers_of
from api.http.refusal import NOT_NOW, Refusal, refusal_of
from api.http.reply import offered
from api.http.way import Way
from api.http.why import (
    AGAIN,
    BAD_MESSAGE,
    FORBIDDEN,
    LATER,
    LEGACY,
    NOT_INITIATED,
    OVER,
    TOO_LATE,
    TOO_SLOW,
    TWICE,
    Why,
)
from api.stream.outbox import Outbox
from auth.caller import Caller

PROTOCOL = "graphql-transport-ws"
INITIATION = 10.0  # seconds in which a client says who it is
MOST_OPERATIONS = 32  # at once on one connection
LONGEST_ID = 200  # letters
CREDENTIALS = (b"authorization", b"dpop")

Message = dict[str, Any]


class Socket:
    """One connection: who it is, and its operations, each under the client's id for it."""

    def __init__(self, way: Way, scope: WebSocketScope, receive: Receive, send: Send) -> None:
        self._way = way
        self._headers: Headers = headers_of(scope)
        self._spoken = PROTOCOL in scope["subprotocols"]
        self._receive = receive
        self._send = send
        self._outbox = Outbox(lambda: self.close(TOO_SLOW), offered(scope))
        self._operations: dict[str, asyncio.Task[None]] = {}
        self._caller: Caller | None = None
        self._initiated = False
        self._leaving = ExitStack()
        self._closing: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Converse until either side hangs up."""
        await self._receive()  # that it would like to connect
        await self._send({"type": "websocket.accept", "subprotocol": PROTOCOL if self._spoken else None, "headers": ()})
        if not self._spoken or self._way.door.full:
            await self._hang_up(LATER if self._spoken else LEGACY)
            return
        with self._way.door.entered(), self._leaving:
            await self._converse()

    def close(self, why: Why) -> None:
        """Hang up. A client that reads too slowly hears why when it has read what was sent."""
        if self._closing is None:
            self._outbox.close()
            self._closing = asyncio.create_task(self._hang_up(why))

    async def _hang_up(self, why: Why) -> None:
        metrics.hung_up(why.counted)
        with suppress(OSError, RuntimeError):  # it has gone, or the server has hung up already
            await self._send({"type": "websocket.close", "code": why.code, "reason": why.reason})

    async def _converse(self) -> None:
        pump = asyncio.create_task(self._outbox.pump(self._text))
        late = asyncio.get_running_loop().call_later(INITIATION, self._late)
        try:
            while (message := await self._receive())["type"] == "websocket.receive":
                await self._hear(message.get("text"))
        finally:
            late.cancel()
            self._outbox.close()
            for task in (pump, *self._operations.values()):
                task.cancel()

    async def _text(self, frame: bytes) -> None:
        with suppress(OSError, RuntimeError):  # it has gone, or was hung up on meanwhile
            await self._send({"type": "websocket.send", "bytes": None, "text": frame.decode()})

    def _late(self) -> None:
        if self._caller is None:
            self.close(TOO_LATE)

    async def _hear(self, text: str | None) -> None:
        said = _message(text)
        match said.get("type"):
            case "connection_init":
                await self._initiate(said.get("payload"))
            case "subscribe":
                self._subscribe(said.get("id"), said.get("payload"))
            case "complete":
                self._complete(said.get("id"))
            case "ping":
                self._outbox.put(b'{"type":"pong"}')
            case "pong":
                pass
            case _:
                self.close(BAD_MESSAGE)

    async def _initiate(self, payload: Any) -> None:
        if self._initiated:
            return self.close(AGAIN)
        self._initiated = True
        try:
            admitted = await self._way.admit(self._said(payload), "GET")
        except Exception as error:  # noqa: BLE001 - the edge: each has its code
            refused = refusal_of(error, "a connection")
            return self.close(FORBIDDEN if refused.status == 401 else LATER)
        self._caller = admitted.caller
        self._leaving.enter_context(self._way.door.staying(admitted, self._leave))
        self._outbox.put(b'{"type":"connection_ack"}')
        return None

    def _leave(self, known: bool) -> None:
        self.close(OVER if known else LATER)

    def _said(self, payload: Any) -> Headers:
        """Return what a client says of itself: in its first message, as browsers must, or as headers."""
        given = payload if isinstance(payload, dict) else {}
        told = {
            name.lower().encode(): each.encode("latin-1", "replace")
            for name, each in given.items()
            if isinstance(each, str)
        }
        return {**self._headers, **{name: told[name] for name in CREDENTIALS if name in told}}

    def _subscribe(self, id_: Any, payload: Any) -> None:
        if not isinstance(id_, str) or not 0 < len(id_) <= LONGEST_ID or not isinstance(payload, dict):
            return self.close(BAD_MESSAGE)
        if self._caller is None:
            return self.close(NOT_INITIATED)
        if id_ in self._operations:
            return self.close(TWICE)
        voice = Voice(id_, self._outbox)
        if len(self._operations) >= MOST_OPERATIONS:
            return voice.refuse(Refusal(429, "TOO_MUCH", f"At most {MOST_OPERATIONS} operations go on at once here."))
        voice.task = self._operations[id_] = asyncio.create_task(self._operate(voice, payload, self._caller))
        voice.task.add_done_callback(lambda task: self._forget(id_, task))
        return None

    def _complete(self, id_: Any) -> None:
        if isinstance(id_, str) and (task := self._operations.pop(id_, None)):
            task.cancel()

    def _forget(self, id_: str, task: "asyncio.Task[None]") -> None:
        if self._operations.get(id_) is task:
            del self._operations[id_]

    async def _operate(self, voice: "Voice", payload: Message, caller: Caller) -> None:
        known = str(uuid_utils.uuid4())
        try:
            query, variables, name, found = question.posted(json.dumps(payload).encode())
            opened = await self._way.opened(Request(query, variables, name, known, found=found), caller)
            if isinstance(opened, Answer):
                voice.answer(opened)
            else:
                await self._way.streams.tell(opened, voice)
        except Exception as error:  # noqa: BLE001 - the edge: each has its typed answer
            voice.refuse(refusal_of(error, known), known)


class Voice:
    """What is said of one operation, to the connection it was asked on."""

    __slots__ = ("_begins", "_id", "_outbox", "task")

    def __init__(self, id_: str, outbox: Outbox) -> None:
        self._id = json.dumps(id_).encode()
        self._begins = b'{"id":%s,"type":"next","payload":' % self._id
        self._outbox = outbox
        self.task: asyncio.Task[None] | None = None

    def tell(self, told: Told) -> None:
        """Tell of an event."""
        self._outbox.put(self._begins + told.body + b"}")

    def answer(self, answer: Answer) -> None:
        """Give the one answer there is."""
        if answer.executed:
            self._outbox.put(self._begins + answer.body + b"}")
            self._outbox.put(b'{"id":%s,"type":"complete"}' % self._id)
        else:
            self._refuse(answer.body)

    def refuse(self, refusal: Refusal, known: str = "") -> None:
        """Say that it ends, and why."""
        self._refuse(refusal.body(known))

    def fail(self) -> None:
        """Say that nothing can be told for now."""
        self.refuse(NOT_NOW)
        if self.task:
            self.task.cancel()

    async def room(self) -> None:
        """Wait until the connection has sent most of what it has to."""
        await self._outbox.room()

    def _refuse(self, body: bytes) -> None:
        errors = json.dumps(json.loads(body)["errors"]).encode()
        self._outbox.put(b'{"id":%s,"type":"error","payload":%s}' % (self._id, errors))


def _message(text: str | None) -> Message:
    try:
        said = json.loads(text or "")
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}
