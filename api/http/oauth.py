"""Sign-in over HTTP: the token endpoints, the published keys, the server's description of itself."""

from collections.abc import Awaitable, Callable
from typing import Any

from litestar import Request, Response, get, post
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler

from api.graphql.failure import failure_of
from api.http.refusal import refused, request_id
from auth.caller import SignIn
from auth.server.form import LARGEST_FORM, Answer, FormPost, Refused
from auth.server.token_server import TokenServer
from auth.tenancy import Database, Transaction

_Request = Request[Any, Any, Any]
_Reply = Response[dict[str, Any]]
_Ask = Callable[[Transaction, FormPost], Awaitable[Answer]]


def routes(server: TokenServer, database: Database) -> list[HTTPRouteHandler]:
    """Return the routes of sign-in."""

    def replying(verb: str, ask: _Ask) -> Callable[[_Request], Awaitable[_Reply]]:
        async def reply(request: _Request) -> _Reply:
            form = await _form(request)
            # Kept whatever the answer: a refused assertion is used up, too.
            async with database.change(SignIn(), verb, form.request_id) as db:
                answer = await ask(db, form)
            return _reply(answer)

        return reply

    async def metadata() -> _Reply:
        return _reply(server.metadata())

    posted = {
        "/oauth2/device_authorization": server.device,
        "/oauth2/introspect": server.introspect,
        "/oauth2/par": server.push,
        "/oauth2/revoke": server.revoke,
        "/oauth2/token": server.token,
    }
    limits: dict[str, Any] = {
        "status_code": 200,
        "request_max_body_size": LARGEST_FORM,
        "exception_handlers": {413: _too_large, Exception: _failed},
    }
    return [
        *(post(path, **limits)(replying(f"sign-in {path}", ask)) for path, ask in posted.items()),
        get(["/oauth2/jwks", "/.well-known/jwks.json"])(replying("sign-in jwks", server.jwks)),
        get("/.well-known/oauth-authorization-server")(metadata),
    ]


async def _form(request: _Request) -> FormPost:
    return FormPost(
        method=request.method,
        content_type=request.headers.get("content-type", ""),
        query=request.scope["query_string"],
        body=await request.body() if request.method == "POST" else b"",
        request_id=request_id(request),
        dpop=", ".join(proofs) if (proofs := request.headers.getall("dpop", [])) else None,
    )


def _reply(answer: Answer) -> _Reply:
    return Response(answer.body, status_code=answer.status, headers=dict(answer.headers), media_type="application/json")


def _too_large(request: _Request, refused: HTTPException) -> _Reply:
    return _reply(Refused("The body is too large", refused.status_code).answer(request_id(request)))


def _failed(request: _Request, error: Exception) -> _Reply | Response[bytes]:
    failure = failure_of(error)
    if failure.code == "INTERNAL":
        return refused(request, error)
    away = Refused(failure.message, 503, "temporarily_unavailable").answer(request_id(request))
    return _reply(Answer(away.status, {**away.headers, "Retry-After": "1"}, away.body))
