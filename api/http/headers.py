"""The headers of a request, read in one pass: who asks, and in which media type they want the answer."""

from collections.abc import Mapping
from functools import lru_cache

from litestar.types import HTTPScope, WebSocketScope

from api.http import challenge
from api.http.refusal import Refusal

GRAPHQL_JSON = "application/graphql-response+json"
JSON = "application/json"
EVENTS = "text/event-stream"
SCHEMES = ("bearer", "dpop")
LONGEST_ACCEPT = 200  # bytes of a header that is read once and remembered

Headers = Mapping[bytes, bytes]

_OFFERED = {"*/*": GRAPHQL_JSON, "application/*": GRAPHQL_JSON, GRAPHQL_JSON: GRAPHQL_JSON, JSON: JSON, EVENTS: EVENTS}


def headers_of(scope: HTTPScope | WebSocketScope) -> Headers:
    """Return the headers by their lower-case name; one that was sent twice is a list (RFC 9110, 5.3)."""
    sent = scope["headers"]
    headers = dict(sent)
    if len(headers) < len(sent):  # type: ignore[arg-type] # Litestar says Iterable; ASGI servers send a list
        headers = {name: b", ".join(value for each, value in sent if each == name) for name in headers}
    return headers


def media_type_of(headers: Headers) -> str:
    """Return the media type the client prefers among those there are; the first of those it likes as much."""
    accepted = headers.get(b"accept", b"*/*")
    preferred = _remembered(accepted) if len(accepted) <= LONGEST_ACCEPT else _preferred(accepted)
    if not preferred:
        raise Refusal(406, "NOT_ACCEPTABLE", f"Accept {GRAPHQL_JSON}, {JSON} or {EVENTS}.")
    return preferred


def _preferred(accepted: bytes) -> str:
    best, found = 0.0, ""
    for part in accepted.decode("latin-1").split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        quality = next((_quality(p[2:]) for p in parameters if p.startswith("q=")), 1.0)
        if name in _OFFERED and quality > best:
            best, found = quality, _OFFERED[name]
    return found


_remembered = lru_cache(maxsize=256)(_preferred)


def _quality(given: str) -> float:
    try:
        return float(given)
    except ValueError:
        return 0.0


def credentials_of(headers: Headers) -> tuple[str, str]:
    """Return the access token, and the scheme it is sent by: bearer, or dpop with a proof."""
    scheme, _, given = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    scheme = scheme.lower()
    if scheme not in SCHEMES or not given:
        raise Refusal(
            401,
            "UNAUTHENTICATED",
            "Send an access token as 'Authorization: Bearer …'; get one at /oauth2/token.",
            {"WWW-Authenticate": challenge.ANY},
        )
    return scheme, given.strip()


def last_seen(headers: Headers) -> str | None:
    """Return the cursor of the last event that a client has seen, where it says so (HTML, 9.2)."""
    given = headers.get(b"last-event-id")
    return given.decode("latin-1") if given else None


def proof_of(headers: Headers) -> str:
    """Return the proof that comes with a token which is bound to a key; sent twice it is none (RFC 9449, 4.3)."""
    return headers.get(b"dpop", b"").decode("latin-1")
