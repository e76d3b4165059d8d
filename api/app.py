"""The application: every route, put together."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from litestar import Litestar
from litestar.exceptions import HTTPException
from litestar.types import Message

from api import metrics
from api.cache.answers import CACHE_MB, AnswerCache
from api.cache.freshness import Freshness
from api.forgetting import forget_now_and_then
from api.graphql.engine import Engine
from api.http import authorize, graphql, health, oauth
from api.http import metrics as shown
from api.http.graphql import Endpoint
from api.http.question import LARGEST_BODY
from api.http.refusal import Refusal, refused, unroutable
from api.pages import federated, site
from api.pages.desk import Desk
from api.stream.streams import Streams
from auth.federation.keys import IssuerKeys
from auth.federation.login import Login
from auth.federation.outside import Outside, Reach
from auth.server.token_server import TokenServer
from auth.tenancy import Database
from auth.tokens.access_token import Unauthenticated
from auth.tokens.issuer import Issuer
from auth.tokens.standing import SignInUnavailable
from auth.tokens.verifier import Verifier

log = logging.getLogger("reinstate")


class Counted(Litestar):
    """The application: every request is counted, and what everybody asks goes straight to its endpoint.

    Litestar's way to a handler costs more than all that the endpoint does for an answer it has kept.
    """

    endpoint: Endpoint

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request and count it."""
        if scope["type"] == "websocket" and scope["path"] == graphql.PATH:
            await self.endpoint.converse(scope, receive, send)
            return
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        began = time.perf_counter()
        if scope["path"] == graphql.PATH:
            status = await self.endpoint.handle(scope, receive, send)
        else:
            status = await self._routed(scope, receive, send)
        if status:
            metrics.requested(status, time.perf_counter() - began)

    async def _routed(self, scope: Any, receive: Any, send: Any) -> int:
        status = 0

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        await super().__call__(scope, receive, note)
        return status


def create_app(
    database: Database,
    issuer: Issuer,
    *,
    demonstration: bool = False,
    cache_mb: int = CACHE_MB,
    reach: Reach | None = None,
) -> Counted:
    """Return the application on a database, as this issuer of tokens; `reach`: where other issuers may be."""
    streams = Streams(database)
    freshness = Freshness(database, AnswerCache(cache_mb), on_call=streams.look)

    @asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        forgetting = asyncio.create_task(forget_now_and_then(database))
        try:
            async with freshness.kept_up():
                yield
        finally:
            forgetting.cancel()
            await asyncio.gather(forgetting, return_exceptions=True)
            await database.close()

    desk = Desk(database, issuer, demonstration)
    issuer_keys = IssuerKeys(Outside(reach or Reach.of(issuer)))
    endpoint = Endpoint(Engine(database), Verifier(issuer, database, issuer_keys), freshness, streams)
    app = Counted(
        route_handlers=[
            graphql.route(endpoint),
            shown.route(metrics.Exposition(database, freshness.cache)),
            *oauth.routes(TokenServer(issuer, issuer_keys), database),
            *authorize.routes(desk),
            *health.routes(database),
            *site.routes(desk),
            *federated.routes(desk, Login(database, issuer, issuer_keys)),
        ],
        lifespan=[lifespan],
        openapi_config=None,
        request_max_body_size=LARGEST_BODY,
        exception_handlers={
            Refusal: refused,
            Unauthenticated: refused,
            SignInUnavailable: refused,
            HTTPException: unroutable,
            Exception: refused,
        },
        logging_config=None,
    )
    app.endpoint = endpoint
    return app
