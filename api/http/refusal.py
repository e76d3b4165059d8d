"""Refusals before GraphQL is reached: JSON with a code, whatever was wrong."""

import json
import logging
from typing import Any

import uuid_utils
from litestar import Request, Response
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from litestar.types import Scope

from api.graphql.failure import UNAVAILABLE, failure_of
from api.http import challenge
from api.stream.streams import MOST_QUESTIONS, CrowdedError
from auth.tokens.access_token import Unauthenticated
from auth.tokens.standing import SignInUnavailable

log = logging.getLogger("reinstate.http")

CROWDED = (
    f"Your organisation follows {MOST_QUESTIONS} different subscriptions here; end some, or follow `activity` once."
)

_UNROUTABLE = {
    404: ("NOT_FOUND", "There is nothing at this address; ask at /graphql."),
    405: ("METHOD_NOT_ALLOWED", "This address does not take this method; Allow names those it takes."),
    413: ("TOO_LARGE", "The body is too large; ask for less, or in parts."),
}


class Refusal(Exception):  # noqa: N818 - it is what we answer, not what went wrong
    """A request that is refused before it is read as GraphQL."""

    def __init__(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.headers = status, code, message, headers or {}

    def body(self, known: str) -> bytes:
        """Return the JSON that answers the request of this id."""
        extensions = {"code": self.code, "retryable": self.status == 503, "requestId": known}
        return json.dumps({"errors": [{"message": self.message, "extensions": extensions}]}).encode()


NOT_NOW = Refusal(503, UNAVAILABLE.code, UNAVAILABLE.message, {"Retry-After": "1"})


def too_large() -> Refusal:
    """Return the refusal of a body beyond its bound."""
    return Refusal(413, *_UNROUTABLE[413])


def no_such_method(allowed: str) -> Refusal:
    """Return the refusal of a method that an address does not take."""
    return Refusal(405, *_UNROUTABLE[405], {"Allow": allowed})


def known_as(scope: Scope) -> str:
    """Return the id a request is known by in answers, logs and the ledger; made once."""
    state = scope.setdefault("state", {})
    if "request_id" not in state:
        state["request_id"] = str(uuid_utils.uuid4())
    return str(state["request_id"])


def request_id(request: Request[Any, Any, State]) -> str:
    """Return the id this request is known by."""
    return known_as(request.scope)


def refusal_of(error: Exception, known: str) -> Refusal:
    """Return what is answered to an exception: what we refuse, what the database cannot do; the rest is masked."""
    if foreseen := _foreseen(error):
        return foreseen
    failure = failure_of(error)
    if failure.code == "INTERNAL":
        log.error("request %s failed", known, exc_info=error)
        return Refusal(500, "INTERNAL", "This failed on our side and nothing was kept.")
    log.warning("request %s: %s (%s)", known, failure.code, type(error).__name__)
    if failure.retryable:
        return Refusal(503, failure.code, failure.message, {"Retry-After": "1"})
    return Refusal(400, failure.code, failure.message)


def _foreseen(error: Exception) -> Refusal | None:
    match error:
        case Refusal():
            return error
        case Unauthenticated():
            return Refusal(401, "UNAUTHENTICATED", error.description, {"WWW-Authenticate": challenge.refused(error)})
        case CrowdedError():
            return Refusal(429, "TOO_MUCH", CROWDED, {"Retry-After": "60"})
        case SignInUnavailable():
            return Refusal(503, "DATABASE_UNAVAILABLE", str(error), {"Retry-After": "1"})
    return None


def refused(request: Request[Any, Any, State], error: Exception) -> Response[bytes]:
    """Answer an exception."""
    return _respond(request, refusal_of(error, request_id(request)))


def unroutable(request: Request[Any, Any, State], error: HTTPException) -> Response[bytes]:
    """Answer what the router refuses: no such path, no such method, a body too large."""
    code, message = _UNROUTABLE.get(error.status_code, ("BAD_REQUEST", "The request cannot be read; mend it."))
    return _respond(request, Refusal(error.status_code, code, message, dict(error.headers or {})))


def _respond(request: Request[Any, Any, State], refusal: Refusal) -> Response[bytes]:
    known = request_id(request)
    headers = {"X-Request-Id": known, "Cache-Control": "no-store", **refusal.headers}
    return Response(refusal.body(known), status_code=refusal.status, media_type="application/json", headers=headers)
