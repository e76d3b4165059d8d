"""The application: every route, put together."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from litestar import Litestar
from litestar.exceptions import HTTPException

from api.forgetting import forget_now_and_then
from api.graphql.engine import Engine
from api.http import graphql, health, oauth, pages
from api.http.refusal import (
    Refusal,
    failed,
    refused,
    unauthenticated,
    unavailable,
    unroutable,
)
from auth.server.token_server import TokenServer
from auth.tenancy import Database
from auth.tokens.access_token import Unauthenticated
from auth.tokens.issuer import Issuer
from auth.tokens.standing import SignInUnavailable
from auth.tokens.verifier import Verifier

log = logging.getLogger("reinstate")


def create_app(database: Database, issuer: Issuer, *, demonstration: bool = False) -> Litestar:
    """Return the application on a database, as this issuer of tokens."""

    @asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        forgetting = asyncio.create_task(forget_now_and_then(database))
        try:
            yield
        finally:
            forgetting.cancel()
            await asyncio.gather(forgetting, return_exceptions=True)
            await database.close()

    return Litestar(
        route_handlers=[
            *graphql.routes(Engine(database), Verifier(issuer, database)),
            *oauth.routes(TokenServer(issuer), database),
            *health.routes(database),
            *pages.routes(demonstration=demonstration),
        ],
        lifespan=[lifespan],
        openapi_config=None,
        request_max_body_size=graphql.LARGEST_BODY,
        exception_handlers={
            Refusal: refused,
            Unauthenticated: unauthenticated,
            SignInUnavailable: unavailable,
            HTTPException: unroutable,
            Exception: failed,
        },
        logging_config=None,
    )
