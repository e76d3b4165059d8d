"""Refusals before GraphQL is reached: JSON with a code, whatever was wrong."""

import json
import logging
import uuid
from typing import Any

from litestar import Request, Response
from litestar.datastructures import State
from litestar.exceptions import HTTPException

from api.graphql.failure import failure_of
from auth.tokens.access_token import Unauthenticated
from auth.tokens.standing import SignInUnavailable

log = logging.getLogger("reinstate.http")

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


def request_id(request: Request[Any, Any, State]) -> str:
    """Return the id this request is known by in answers, logs and the ledger; made once."""
    return str(request.scope["state"].setdefault("request_id", str(uuid.uuid4())))


def _respond(request: Request[Any, Any, State], refusal: Refusal) -> Response[bytes]:
    known = request_id(request)
    extensions = {"code": refusal.code, "retryable": refusal.status == 503, "requestId": known}
    body = json.dumps({"errors": [{"message": refusal.message, "extensions": extensions}]}).encode()
    headers = {"X-Request-Id": known, "Cache-Control": "no-store", **refusal.headers}
    return Response(body, status_code=refusal.status, media_type="application/json", headers=headers)


def refused(request: Request[Any, Any, State], error: Refusal) -> Response[bytes]:
    """Answer what we refuse ourselves."""
    return _respond(request, error)


def unauthenticated(request: Request[Any, Any, State], error: Unauthenticated) -> Response[bytes]:
    """Answer a token that is not good (RFC 6750)."""
    challenge = f'Bearer realm="reinstate", error="{error.code}", error_description="{error.description}"'
    return _respond(request, Refusal(401, "UNAUTHENTICATED", error.description, {"WWW-Authenticate": challenge}))


def unavailable(request: Request[Any, Any, State], error: SignInUnavailable) -> Response[bytes]:
    """Answer that nobody can be let in while the database is away."""
    return _respond(request, Refusal(503, "DATABASE_UNAVAILABLE", str(error), {"Retry-After": "1"}))


def failed(request: Request[Any, Any, State], error: Exception) -> Response[bytes]:
    """Answer what the database could not do; whatever else is ours, and masked."""
    failure = failure_of(error)
    if failure.code == "INTERNAL":
        return masked(request, error)
    log.warning("request %s: %s (%s)", request_id(request), failure.code, type(error).__name__)
    if not failure.retryable:
        return _respond(request, Refusal(400, failure.code, failure.message))
    return _respond(request, Refusal(503, failure.code, failure.message, {"Retry-After": "1"}))


def unroutable(request: Request[Any, Any, State], error: HTTPException) -> Response[bytes]:
    """Answer what the router refuses: no such path, no such method, a body too large."""
    code, message = _UNROUTABLE.get(error.status_code, ("BAD_REQUEST", "The request cannot be read; mend it."))
    return _respond(request, Refusal(error.status_code, code, message, dict(error.headers or {})))


def masked(request: Request[Any, Any, State], error: Exception) -> Response[bytes]:
    """Answer a failure of our own: its reference, never its text."""
    log.error("request %s failed", request_id(request), exc_info=error)
    return _respond(request, Refusal(500, "INTERNAL", "This failed on our side and nothing was kept."))
