"""What can go wrong with a request, each with a stable code, whether to try again, and what to do next."""

import asyncio
from dataclasses import dataclass
from typing import Any

import asyncpg
from graphql import GraphQLError
from sqlalchemy.exc import DBAPIError, InterfaceError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from auth.scope import Scope
from schema.kept.connection import LARGEST_PAGE, BadCursorError, BadPageError


class RefusedError(GraphQLError):
    """A request that is refused with a code."""

    code = "BAD_REQUEST"
    retryable = False

    def __init__(self, message: str) -> None:
        super().__init__(message, extensions={"code": self.code, "retryable": self.retryable})


class NotPermittedError(RefusedError):
    """A question the token has no scope for."""

    code = "NOT_PERMITTED"

    def __init__(self, needs: Scope) -> None:
        super().__init__(f"This needs the scope {needs}; ask for a token that carries it.")


class TooMuchError(RefusedError):
    """A document that costs more than one request may."""

    code = "TOO_MUCH"


@dataclass(frozen=True)
class Failure:
    """What a caller is told of an exception."""

    code: str
    message: str
    retryable: bool = False
    status: int = 200

    def as_error(self, request_id: str) -> dict[str, Any]:
        """Return the GraphQL error without its place in the document."""
        extensions = {"code": self.code, "retryable": self.retryable, "requestId": request_id}
        return {"message": self.message, "extensions": extensions}


UNAVAILABLE = Failure("DATABASE_UNAVAILABLE", "The database cannot be reached; try again in a second.", True, 503)
BUSY = Failure("BUSY", "Somebody else is changing the same thing; send the same request again.", True)
FULL = Failure("STORAGE_LOW", "There is no room to keep changes; reading works. Tell the operator.", True, 503)
SLOW = Failure("TIMEOUT", "This took too long and was stopped; ask for less, or try again.", True)
CURSOR = Failure("BAD_CURSOR", "This cursor does not belong to this list with this filter; start without it.")
PAGE = Failure("BAD_PAGE", f"first must be from 0 to {LARGEST_PAGE}.")
INTERNAL = Failure(
    "INTERNAL",
    "This failed on our side and nothing was kept; quote requestId to the operator of this installation.",
)

_BY_STATE = {"55P03": BUSY, "40P01": BUSY, "40001": BUSY, "53100": FULL, "57014": SLOW, "25P03": SLOW}
_GONE_CLASSES = ("08", "57P", "53")


def failure_of(error: BaseException) -> Failure:
    """Return what to tell of an exception; whatever is not foreseen is ours, and masked."""
    if isinstance(error, BadCursorError):
        return CURSOR
    if isinstance(error, BadPageError):
        return PAGE
    if isinstance(error, PoolTimeoutError | InterfaceError | ConnectionError | asyncpg.InterfaceError):
        return UNAVAILABLE
    if isinstance(error, TimeoutError | asyncio.TimeoutError | OSError):
        return UNAVAILABLE
    return _of_database(error)


def _of_database(error: BaseException) -> Failure:
    state = getattr(error, "sqlstate", None)
    if isinstance(error, DBAPIError):
        state = getattr(error.orig, "sqlstate", None)
        if state is None and error.connection_invalidated:
            return UNAVAILABLE
    if state is None:
        return INTERNAL
    return _BY_STATE.get(state) or (UNAVAILABLE if state.startswith(_GONE_CLASSES) else INTERNAL)
