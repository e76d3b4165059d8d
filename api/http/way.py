"""What those who listen ask for, by whichever protocol they speak."""

from typing import Protocol

from api.graphql.engine import Answer, Request
from api.stream.door import Door
from api.stream.following import Following
from api.stream.streams import Streams
from auth.caller import Caller
from auth.tokens.verifier import Admitted, Shown


class Way(Protocol):
    """Who is let in, what an operation is, and who tells of events."""

    door: Door
    streams: Streams

    async def admit(self, token: str, shown: Shown | None) -> Admitted:
        """Return whoever has this token, or raise why not."""

    async def opened(self, request: Request, caller: Caller) -> Answer | Following:
        """Return a subscription to follow, or the answer to anything else."""
