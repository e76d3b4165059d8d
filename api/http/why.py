"""Why a WebSocket is closed: the codes of graphql-transport-ws, and ours where it has none."""

from typing import NamedTuple


class Why(NamedTuple):
    """A code, words for the client's log, and the word it is counted under."""

    code: int
    reason: str
    counted: str


BAD_MESSAGE = Why(4400, "That is no message of graphql-transport-ws.", "protocol")
NOT_INITIATED = Why(4401, "Send connection_init first.", "protocol")
FORBIDDEN = Why(4403, 'Send connection_init with {"Authorization": "Bearer ..."} of a good token.', "token")
OVER = Why(4403, "The access token is no longer good: connect again with a new one, after your last cursor.", "token")
LEGACY = Why(4406, "Only graphql-transport-ws is spoken here.", "protocol")
TOO_LATE = Why(4408, "Send connection_init within 10 s.", "protocol")
TWICE = Why(4409, "An operation with this id is still going on.", "protocol")
TOO_SLOW = Why(4413, "You read too slowly: connect again, after your last cursor.", "slow")
AGAIN = Why(4429, "Send connection_init once.", "protocol")
LATER = Why(1013, "Not now: connect again shortly.", "unavailable")
