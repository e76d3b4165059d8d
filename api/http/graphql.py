"""GraphQL over HTTP, to the letter of its specification; bodies are JSON alone, which is the CSRF guard."""

import json
import re
from typing import Any

from litestar import Request as HttpRequest
from litestar import Response, get, post
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler

from api.graphql.engine import Answer, Engine, Request
from api.http.refusal import Refusal, request_id
from auth.caller import Caller
from auth.tokens.verifier import Verifier

GRAPHQL_JSON = "application/graphql-response+json"
JSON = "application/json"
_OFFERED = {"*/*": GRAPHQL_JSON, "application/*": GRAPHQL_JSON, GRAPHQL_JSON: GRAPHQL_JSON, JSON: JSON}
LARGEST_BODY = 100_000  # bytes
_SHAPE = (("variables", dict, "an object"), ("operationName", str, "text"), ("extensions", dict, "an object"))
_NUL = re.compile(r"\\u(0000|\{0+\})")  # as JSON spells it, and as a document does
_KEY = re.compile(r"^[\x21-\x7e]{8,120}$")

_STATUS_HEADERS = {405: {"Allow": "POST"}, 503: {"Retry-After": "1"}}

Http = HttpRequest[Any, Any, State]


def routes(engine: Engine, verifier: Verifier) -> list[HTTPRouteHandler]:
    """Return the handlers of /graphql."""

    @post("/graphql", media_type=JSON)
    async def ask(request: Http) -> Response[bytes]:
        media_type = _media_type(request)
        caller = await _caller(request, verifier)
        if request.content_type[0] != JSON:
            raise Refusal(415, "UNSUPPORTED_MEDIA_TYPE", f"Send the request as {JSON}.")
        asked = _request(_object(await request.body()), request)
        return _respond(await engine.answer(asked, caller), media_type, asked)

    @get("/graphql", media_type=JSON)
    async def look(request: Http) -> Response[bytes]:
        media_type = _media_type(request)
        caller = await _caller(request, verifier)
        given: dict[str, Any] = dict(request.query_params)
        for name in ("variables", "extensions"):
            if given.get(name):
                given[name] = _object(given[name].encode("utf-8", "surrogatepass"))
        asked = _request(given, request)
        return _respond(await engine.answer(asked, caller, reads_only=True), media_type, asked)

    return [ask, look]


async def _caller(request: Http, verifier: Verifier) -> Caller:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Refusal(
            401,
            "UNAUTHENTICATED",
            "Send an access token as 'Authorization: Bearer …'; get one at /oauth2/token.",
            {"WWW-Authenticate": 'Bearer realm="reinstate"'},
        )
    return await verifier.verify(token.strip())


def _object(body: bytes) -> dict[str, Any]:
    try:
        given = json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise Refusal(400, "BAD_JSON", 'The body is not JSON; send {"query": …, "variables": …}.') from error
    if not isinstance(given, dict):
        raise Refusal(400, "BAD_REQUEST", "Send one JSON object; batches are not answered.")
    return given


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is Python's, not JSON")


def _request(given: dict[str, Any], request: Http) -> Request:
    query, key = given.get("query"), request.headers.get("idempotency-key")
    if not isinstance(query, str) or not query:
        raise Refusal(400, "BAD_REQUEST", "query must be a GraphQL document.")
    for name, kind, words in _SHAPE:
        if given.get(name) is not None and not isinstance(given[name], kind):
            raise Refusal(400, "BAD_REQUEST", f"{name} must be {words}.")
    if key is not None and not _KEY.match(key):
        raise Refusal(400, "BAD_IDEMPOTENCY_KEY", "Idempotency-Key must be 8 to 120 visible ASCII characters.")
    if not _storable(given):
        raise Refusal(400, "BAD_TEXT", "The request holds a NUL or half a surrogate pair; remove it.")
    return Request(query, given.get("variables") or {}, given.get("operationName") or None, request_id(request), key)


def _storable(given: dict[str, Any]) -> bool:
    """Return whether the database can hold every text in it: no NUL, no half of a surrogate pair."""
    text = json.dumps(given, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return _NUL.search(text) is None


def _media_type(request: Http) -> str:
    """Return the media type the client prefers among the two there are."""
    accepted = request.headers.get("accept", "*/*")
    best, media_type = 0.0, ""
    for part in accepted.split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        quality = next((_quality(p[2:]) for p in parameters if p.startswith("q=")), 1.0)
        if name in _OFFERED and quality > best:
            best, media_type = quality, _OFFERED[name]
    if not media_type:
        raise Refusal(406, "NOT_ACCEPTABLE", f"Accept {GRAPHQL_JSON} or {JSON}.")
    return media_type


def _quality(given: str) -> float:
    try:
        return float(given)
    except ValueError:
        return 0.0


def _respond(answer: Answer, media_type: str, asked: Request) -> Response[bytes]:
    status = answer.status
    if media_type == GRAPHQL_JSON and status == 200 and answer.has_errors:
        status = 294
    headers = {"X-Request-Id": asked.request_id, "Cache-Control": "no-store", **_STATUS_HEADERS.get(status, {})}
    return Response(answer.body, status_code=status, media_type=f"{media_type}; charset=utf-8", headers=headers)
