"""What those who listen ask for, by whichever protocol they speak."""

from collections.abc import Awaitable
from typing import Protocol

from api.graphql.engine import Answer, Request
from api.http.headers import Headers
from api.stream.door import Door
from api.stream.following import Following
from api.stream.streams import Streams
from auth.caller import Caller
from auth.tokens.verifier import Admitted


class Way(Protocol):
    """Who is let in, what an operation is, and who tells of events."""

    door: Door
    streams: Streams

    def admit(self, headers: Headers, method: str) -> Awaitable[Admitted]:
        """Return whoever is named by what a request by this method says of itself, or raise why not."""

    async def opened(self, request: Request, caller: Caller) -> Answer | Following:
        """Return a subscription to follow, or the answer to anything else."""
