"""Whether we are up, and whether we can answer."""

import asyncio

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from sqlmodel import select

from api.graphql.failure import failure_of
from auth.caller import SignIn
from auth.tenancy import Database

PATIENCE = 1.0  # seconds


def routes(database: Database) -> list[HTTPRouteHandler]:
    """Return the handlers of /healthz and /readyz."""

    @get("/healthz")
    async def healthz() -> dict[str, str]:
        """Answer that the process runs."""
        return {"status": "ok"}

    @get("/readyz")
    async def readyz() -> Response[dict[str, str]]:
        """Answer whether the database answers, within a second."""
        try:
            async with (
                asyncio.timeout(PATIENCE),
                database.transaction(SignIn(), "ready", read_only=True) as db,
            ):
                await db.rows(select(1))
        except Exception as error:
            if not failure_of(error).retryable:
                raise
            return Response({"status": "no database"}, status_code=503, headers={"Retry-After": "1"})
        return Response({"status": "ready"})

    return [healthz, readyz]
