"""What can go wrong with a request, each with a stable code, whether to try again, and what to do next."""

from dataclasses import dataclass
from typing import Any

import asyncpg
from graphql import GraphQLError

from auth.caller import AAL2, RECENT
from auth.people.passwords import BusyError
from auth.scope import Scope
from schema.kept.connection import LARGEST_PAGE, BadCursorError, BadPageError


class RefusedError(GraphQLError):
    """A request that is refused with a code."""

    code = "BAD_REQUEST"
    retryable = False
    status = 400

    def __init__(self, message: str) -> None:
        super().__init__(message, extensions={"code": self.code, "retryable": self.retryable})


class ChangeByGetError(RefusedError):
    """A change sent as a question is asked, where caches and crawlers might repeat it."""

    code = "METHOD_NOT_ALLOWED"
    status = 405


class NotAStreamError(RefusedError):
    """A subscription asked where one answer is given."""

    code = "NOT_ACCEPTABLE"
    status = 406

    def __init__(self) -> None:
        super().__init__(
            "Subscribe by WebSocket (graphql-transport-ws), or with Accept: text/event-stream; "
            "activity(after:) can be asked again instead."
        )


class NotPermittedError(RefusedError):
    """A question the token has no scope for."""

    code = "NOT_PERMITTED"

    def __init__(self, needs: Scope) -> None:
        super().__init__(f"This needs the scope {needs}; ask for a token that carries it.")


STEP_UP = f"Sign in again with a second factor: authorize with acr_values={AAL2} and max_age={RECENT}"


class StepUpError(RefusedError):
    """An act that decides, by somebody who has not signed in surely and lately (RFC 9470)."""

    code = "INSUFFICIENT_USER_AUTHENTICATION"
    status = 401

    def __init__(self) -> None:
        super().__init__(f"{STEP_UP}.")


class NoOffsetError(RefusedError):
    """An instant that does not say where it stands against UTC."""

    code = "BAD_VALUE"

    def __init__(self) -> None:
        super().__init__("An instant needs its offset from UTC, e.g. 2022-08-04T06:00:00Z.")


class BadSpanError(RefusedError):
    """A span of time that ends before it begins."""

    code = "BAD_SPAN"

    def __init__(self) -> None:
        super().__init__("since must be before until; leave until out to ask up to now.")


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
VALUE = Failure("BAD_VALUE", "A value in the request is beyond what can be kept; mend it and send it again.")
PAGE = Failure("BAD_PAGE", f"first must be from 0 to {LARGEST_PAGE}.")
CROWDED = Failure("BUSY", "Too many passwords are kept at this moment; send the same request again shortly.", True)
INTERNAL = Failure(
    "INTERNAL",
    "This failed on our side and nothing was kept; quote requestId to the operator of this installation.",
)

_BY_STATE = {"55P03": BUSY, "40P01": BUSY, "40001": BUSY, "53100": FULL, "57014": SLOW, "25P03": SLOW}
_BY_CLASS = {"08": UNAVAILABLE, "22": VALUE, "53": UNAVAILABLE, "57": UNAVAILABLE}
# The driver's InternalClientError: a server that died in the middle of an answer.
_GONE = (asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)


def failure_of(error: BaseException) -> Failure:
    """Return what to tell of an exception; whatever is not foreseen is ours, and masked."""
    if isinstance(error, BadCursorError):
        return CURSOR
    if isinstance(error, BadPageError):
        return PAGE
    if isinstance(error, BusyError):
        return CROWDED
    state = getattr(error, "sqlstate", None)
    if state is not None:  # first: the driver's refusal of a value has one, and is an InterfaceError too
        return _BY_STATE.get(state) or _BY_CLASS.get(state[:2], INTERNAL)
    return UNAVAILABLE if isinstance(error, _GONE) else INTERNAL
