"""What is sent back: status, headers and bytes, an ETag where it pays, 304 where the client has it."""

import hashlib
from dataclasses import dataclass
from typing import Any

from litestar.types import HTTPScope, Send, WebSocketScope

from api.cache.answers import Headers as Sent
from api.cache.answers import Kept
from api.graphql.engine import Answer
from api.http.headers import GRAPHQL_JSON, JSON, Headers
from api.http.refusal import Refusal

AT_ONCE = "reinstate.at_once"  # the server's offer to write without waiting: an answer, or a text (serving.py)
_TYPES = {kind: f"{kind}; charset=utf-8".encode() for kind in (GRAPHQL_JSON, JSON)}
_MARKS = {GRAPHQL_JSON: b'"g', JSON: b'"j'}  # the same bytes under two media types are two representations
_NO_STORE = (b"cache-control", b"no-store")
_ASK_AGAIN = (b"cache-control", b"private, no-cache")
_VARY = (b"vary", b"Accept")
_BY_STATUS: dict[int, Sent] = {405: [(b"allow", b"POST")], 503: [(b"retry-after", b"1")]}


def offered(scope: HTTPScope | WebSocketScope) -> Any:
    """Return what the server offers to do at once with this request, None where it is another server."""
    return (scope.get("extensions") or {}).get(AT_ONCE)


@dataclass(slots=True)
class Reply:
    """An answer as it is sent, but for its request's id."""

    status: int
    headers: Sent
    body: bytes
    etag: bytes = b""

    def sent_at_once(self, scope: HTTPScope, known: str) -> bool:
        """Send it in one piece, with the id of its request, where the server offers to; return whether it is sent."""
        write = offered(scope)
        if write is None or scope["method"] == "HEAD":
            return False
        return bool(write(self.status, self._headers(known), self.body))

    async def send(self, send: Send, known: str) -> None:
        """Send it, with the id of its request."""
        await send({"type": "http.response.start", "status": self.status, "headers": self._headers(known)})
        await send({"type": "http.response.body", "body": self.body, "more_body": False})

    def _headers(self, known: str) -> Sent:
        return [*self.headers, (b"x-request-id", known.encode())]

    def unless_held(self, headers: Headers) -> "Reply":
        """Return the answer to a GET: 304 where its If-None-Match names this answer (RFC 9110, 13.1.2)."""
        held = headers.get(b"if-none-match")
        if held is None or not self.etag:
            return self
        named = [each.strip().removeprefix(b"W/") for each in held.split(b",")]
        if self.etag not in named and b"*" not in named:
            return self
        return Reply(304, [_ASK_AGAIN, (b"etag", self.etag), _VARY], b"")


def again(kept: Kept) -> Reply:
    """Return an answer that was kept."""
    return Reply(200, kept.headers, kept.body, kept.etag)


def reply(answer: Answer, media_type: str, *, marked: bool) -> Reply:
    """Return an answer of the engine's as it is sent; `marked` with an ETag, if it lasts."""
    length = (b"content-length", b"%d" % len(answer.body))
    kind = (b"content-type", _TYPES[media_type])
    if marked and answer.lasting and answer.status == 200:
        etag = _MARKS[media_type] + hashlib.sha256(answer.body).hexdigest()[:32].encode() + b'"'
        return Reply(200, [kind, length, _ASK_AGAIN, (b"etag", etag), _VARY], answer.body, etag)
    status = answer.status
    if media_type == GRAPHQL_JSON and status == 200 and answer.has_errors:
        status = 294
    return Reply(status, [kind, length, _NO_STORE, *_BY_STATUS.get(status, ())], answer.body)


def refusing(refusal: Refusal, known: str) -> Reply:
    """Return a refusal as it is sent."""
    body = refusal.body(known)
    told = [(name.lower().encode(), value.encode("latin-1")) for name, value in refusal.headers.items()]
    kind, length = (b"content-type", JSON.encode()), (b"content-length", b"%d" % len(body))
    return Reply(refusal.status, [kind, length, _NO_STORE, *told], body)
