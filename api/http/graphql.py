"""GraphQL over HTTP, to the letter of its specification; bodies are JSON alone, which is the CSRF guard."""

from collections.abc import Awaitable
from dataclasses import dataclass

from litestar import asgi
from litestar.enums import ScopeType
from litestar.handlers import ASGIRouteHandler
from litestar.types import HTTPScope, Receive, Scope, Send, WebSocketScope

from api.cache.freshness import Freshness
from api.graphql.engine import Answer, Engine, Request
from api.http import challenge, question
from api.http.events import EventStream
from api.http.headers import EVENTS, Headers, credentials_of, headers_of, last_seen, media_type_of, proof_of
from api.http.question import Gone
from api.http.refusal import Refusal, known_as, no_such_method, refusal_of
from api.http.reply import Reply, again, refusing, reply
from api.http.socket import Socket
from api.stream.door import Door
from api.stream.following import Following
from api.stream.streams import Streams
from auth.caller import Caller
from auth.tokens.verifier import Admitted, Shown, Verifier

PATH = "/graphql"
_TAKEN = "GET, POST"


@dataclass(slots=True)
class _Asked:
    """One request, read as far as its cache key."""

    scope: HTTPScope
    headers: Headers
    admitted: Admitted
    media_type: str
    sent: bytes

    @property
    def caller(self) -> Caller:
        return self.admitted.caller

    @property
    def by_get(self) -> bool:
        return self.scope["method"] == "GET"

    @property
    def key(self) -> tuple[object, ...]:
        """What its answer depends on: the rows and fields of the caller's scope, and the request to the byte."""
        caller = self.caller
        return caller.tenant_ods, caller.kind, caller.scopes, self.scope["method"], self.media_type, self.sent

    def request(self) -> Request:
        query, variables, name, found = (question.addressed if self.by_get else question.posted)(self.sent)
        known, key = known_as(self.scope), question.key(self.headers)
        return Request(query, variables, name, known, key, last_seen(self.headers), found)


class Endpoint:
    """Answers the requests to /graphql."""

    def __init__(self, engine: Engine, verifier: Verifier, freshness: Freshness, streams: Streams) -> None:
        self.door = Door(verifier)
        self.streams = streams
        self._verifier = verifier
        self._engine = engine
        self._freshness = freshness
        self._cache = freshness.cache

    def admit(self, headers: Headers, method: str) -> Awaitable[Admitted]:
        """Return whoever is named by what a request by this method says of itself, or raise why not."""
        scheme, token = credentials_of(headers)
        return self._verifier.admit(token, None if scheme == "bearer" else Shown(proof_of(headers), method))

    async def converse(self, scope: WebSocketScope, receive: Receive, send: Send) -> None:
        """Answer whatever comes over one WebSocket."""
        await Socket(self, scope, receive, send).run()

    async def opened(self, request: Request, caller: Caller, *, reads_only: bool = False) -> Answer | Following:
        """Return a subscription to follow, or the answer to anything else, when what that moved is dropped."""
        opened = await self._engine.opened(request, caller, reads_only=reads_only)
        if isinstance(opened, Answer) and not opened.lasting:
            await self._drop(opened, request)
        return opened

    async def handle(self, scope: HTTPScope, receive: Receive, send: Send) -> int:
        """Answer one request, whatever happens; return the status, 0 where it was no answer that took its time."""
        known = known_as(scope)
        try:
            told = await self._reply(scope, receive)
        except Gone:
            return 0
        except Exception as error:  # noqa: BLE001 - the edge: each has its typed body, and none is shown
            told = refusing(refusal_of(error, known), known)
        if not (isinstance(told, Reply) and told.sent_at_once(scope, known)):
            await told.send(send, known)
        return told.status

    async def _reply(self, scope: HTTPScope, receive: Receive) -> Reply | EventStream:
        method = scope["method"]
        if method not in ("POST", "GET"):
            if method == "OPTIONS":
                return Reply(204, [(b"allow", f"{_TAKEN}, OPTIONS".encode())], b"")
            raise no_such_method(_TAKEN)
        headers = headers_of(scope)
        media_type = media_type_of(headers)
        admitted = await self.admit(headers, method)
        sent = await question.body(headers, receive) if method == "POST" else scope["query_string"]
        asked = _Asked(scope, headers, admitted, media_type, sent)
        if media_type == EVENTS:
            return await self._stream(asked, receive)
        told = await self._told(asked)
        return told.unless_held(headers) if method == "GET" else told

    async def _stream(self, asked: _Asked, receive: Receive) -> EventStream:
        if self.door.full:
            raise Refusal(503, "BUSY", "As many listen as can be told; try again shortly.", {"Retry-After": "5"})
        opened = await self.opened(asked.request(), asked.caller, reads_only=asked.by_get)
        return EventStream(self, asked.admitted, opened, receive)

    async def _told(self, asked: _Asked) -> Reply:
        wishes = asked.headers.get(b"cache-control", b"").lower()
        key = asked.key
        if b"no-cache" not in wishes and b"no-store" not in wishes and b"idempotency-key" not in asked.headers:
            kept = self._cache.find(key, asked.caller)
            if kept is not None:
                return again(kept)
        ticket = None if b"no-store" in wishes else self._cache.ticket(asked.caller)
        request = asked.request()
        answer = await self._engine.answer(request, asked.caller, reads_only=asked.by_get)
        told = reply(answer, asked.media_type, marked=ticket is not None or asked.by_get)
        if told.status == 401:
            scheme, _ = credentials_of(asked.headers)
            told.headers.append((b"www-authenticate", challenge.step_up(scheme).encode()))
        if told.etag and ticket:
            self._cache.keep(ticket, key, (told.body, told.etag, told.headers), len(asked.sent))
        elif not answer.lasting:
            await self._drop(answer, request)
        return told

    async def _drop(self, answer: Answer, request: Request) -> None:
        """Drop what a change moved before it is acknowledged, so that whoever asks here next reads it; tell of it."""
        if answer.moved:
            self._freshness.changed(answer.moved)
            self.streams.look()
        elif answer.executed and "mutation" in request.query:
            await self._freshness.catch_up()  # an answer given before, perhaps by another replica


def route(endpoint: Endpoint) -> ASGIRouteHandler:
    """Return the endpoint as a route, for those who spell its path otherwise."""

    @asgi(PATH, copy_scope=False)
    async def graphql(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP:
            await endpoint.handle(scope, receive, send)
        else:
            await endpoint.converse(scope, receive, send)

    return graphql
