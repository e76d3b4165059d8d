"""What is asked: a bounded body or an address, JSON, and text that the database can hold."""

import json
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from litestar.types import Receive

from api.graphql.documents import Found
from api.http.headers import JSON, Headers
from api.http.refusal import Refusal, too_large

LARGEST_BODY = 100_000  # bytes
REMEMBERED, LONGEST = 512, 2000  # questions, and bytes of one that is remembered
_CHANGE = b"mutation"  # each is another, and what it reports is not ours to hold on to

_SHAPE = (("variables", dict, "an object"), ("operationName", str, "text"), ("extensions", dict, "an object"))
_NUL = re.compile(r"\\u(0000|\{0+\})")  # as JSON spells it, and as a document does
_DOUBTFUL = re.compile(r"\\u(00[0-7]|\{0|d[89a-f])", re.IGNORECASE)  # may spell a NUL, or half a surrogate pair
_KEY = re.compile(r"^[\x21-\x7e]{8,120}$")
_MOST_PARAMETERS = 32


class Asked(NamedTuple):
    """What is asked, whoever asks."""

    query: str
    variables: dict[str, Any]
    operation_name: str | None
    found: Found


class Gone(Exception):  # noqa: N818 - it names what is so
    """The client has left before its request was read."""


async def body(headers: Headers, receive: Receive) -> bytes:
    """Return the body of a request that says it is JSON; it is not read beyond its bound, whatever was announced."""
    kind = headers.get(b"content-type", b"")
    if kind != b"application/json" and kind.partition(b";")[0].strip().lower() != b"application/json":
        raise Refusal(415, "UNSUPPORTED_MEDIA_TYPE", f"Send the request as {JSON}.")
    announced = headers.get(b"content-length", b"")
    if announced.isdigit() and int(announced[:20]) > LARGEST_BODY:
        raise too_large()
    parts: list[bytes] = []
    more, size = True, 0
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise Gone
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > LARGEST_BODY:
            raise too_large()
        more = message.get("more_body", False)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _remembering(read: Callable[[bytes], Asked]) -> Callable[[bytes], Asked]:
    """Have the same bytes read once: what was found out about a question then stands when it is asked again."""
    remembered = lru_cache(maxsize=REMEMBERED)(read)
    return lambda sent: remembered(sent) if len(sent) <= LONGEST and _CHANGE not in sent else read(sent)


@_remembering
def posted(sent: bytes) -> Asked:
    """Return what a body asks."""
    try:
        text = sent.decode()
    except UnicodeDecodeError as error:
        raise _no_json() from error
    return _asked(_object(text), doubtful="\\u" in text and _DOUBTFUL.search(text) is not None)


@_remembering
def addressed(sent: bytes) -> Asked:
    """Return what an address asks, by its query."""
    try:
        pairs = parse_qsl(sent.decode("latin-1"), True, max_num_fields=_MOST_PARAMETERS)
    except ValueError as error:
        raise Refusal(400, "BAD_REQUEST", f"Send at most {_MOST_PARAMETERS} parameters.") from error
    given: dict[str, Any] = dict(reversed(pairs))
    for name in ("variables", "extensions"):
        if given.get(name):
            given[name] = _object(given[name])
    return _asked(given, doubtful=True)


def _object(text: str) -> dict[str, Any]:
    try:
        given = _DECODER.decode(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError) as error:
        raise _no_json() from error
    if not isinstance(given, dict):
        raise Refusal(400, "BAD_REQUEST", "Send one JSON object; batches are not answered.")
    return given


def _no_json() -> Refusal:
    return Refusal(400, "BAD_JSON", 'The body is not JSON; send {"query": …, "variables": …}.')


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is Python's, not JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


def _asked(given: dict[str, Any], *, doubtful: bool) -> Asked:
    query = given.get("query")
    if not isinstance(query, str) or not query:
        raise Refusal(400, "BAD_REQUEST", "query must be a GraphQL document.")
    for name, kind, words in _SHAPE:
        if given.get(name) is not None and not isinstance(given[name], kind):
            raise Refusal(400, "BAD_REQUEST", f"{name} must be {words}.")
    if doubtful and not _storable(given):
        raise Refusal(400, "BAD_TEXT", "The request holds a NUL or half a surrogate pair; remove it.")
    return Asked(query, given.get("variables") or {}, given.get("operationName") or None, Found())


def key(headers: Headers) -> str | None:
    """Return the key under which a change happens once."""
    given = headers.get(b"idempotency-key")
    if given is None:
        return None
    told = given.decode("latin-1")
    if not _KEY.match(told):
        raise Refusal(400, "BAD_IDEMPOTENCY_KEY", "Idempotency-Key must be 8 to 120 visible ASCII characters.")
    return told


def _storable(given: dict[str, Any]) -> bool:
    """Return whether the database can hold every text in it: no NUL, no half of a surrogate pair."""
    text = json.dumps(given, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return _NUL.search(text) is None
