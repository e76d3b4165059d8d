"""Authlib's framework-free authorization server with what we offer: one grant, revocation, introspection."""

import datetime as dt
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# Authlib ships no types; this module alone imports it.
from authlib.oauth2 import rfc6749, rfc7009, rfc7662  # type: ignore[import-untyped]
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload  # type: ignore[import-untyped]
from sqlalchemy import func, or_, update
from sqlmodel import col

from auth.server.asker import GRANT, METHOD
from auth.server.assertion import prove
from auth.server.form import NO_STORE, Answer, Refused
from auth.server.known_token import KnownToken, find_token
from auth.server.waiting import Waiting
from auth.signing import Ring
from auth.tokens.access_token import AccessToken, new_token_id
from auth.tokens.issuer import Issuer
from schema.api_client import ApiClient


@dataclass(frozen=True)
class Context:
    """What a request is answered with: the transaction, ourselves, and our keys."""

    db: Waiting
    issuer: Issuer
    ring: Ring


class Request(rfc6749.OAuth2Request):  # type: ignore[misc] # untyped, as above
    """A form, with the transaction it is answered in."""

    def __init__(self, context: Context, fields: Mapping[str, str]) -> None:
        super().__init__("POST", context.issuer.token_url)
        self.context = context
        self.payload = BasicOAuth2Payload(dict(fields))

    @property
    def form(self) -> Any:
        """The fields, as Authlib's endpoints ask for them."""
        return self.payload.data


class ClientCredentials(rfc6749.ClientCredentialsGrant):  # type: ignore[misc] # untyped, as above
    """RFC 6749, 4.4: a token for the client's own organisation."""

    TOKEN_ENDPOINT_AUTH_METHODS = (METHOD,)

    def validate_requested_scope(self) -> None:
        """Narrow the client's scopes to those it asks for."""
        self.granted = self.request.client.narrowed(self.request.payload.scope)

    def generate_token(self, **_: object) -> dict[str, object]:
        """Return the token's answer."""
        context, client = self.request.context, self.request.client
        now = int(time.time())
        token = AccessToken(
            client.client_id,
            client.tenant_ods,
            client.kind,
            self.granted,
            new_token_id(),
            now,
            now + client.token_life,
        )
        return {
            "access_token": token.write(context.issuer, context.ring),
            "token_type": "Bearer",
            "expires_in": client.token_life,
            "scope": token.scope,
        }


class Revocation(rfc7009.RevocationEndpoint):  # type: ignore[misc] # untyped, as above
    """RFC 7009: a token of somebody else is answered like no token at all."""

    CLIENT_AUTH_METHODS = (METHOD,)

    def authenticate_token(self, request: Request, _client: object) -> KnownToken | None:
        """Return the token when it is the client's organisation's."""
        return _own_token(request)

    def revoke_token(self, token: KnownToken, request: Request) -> None:
        """End the token on every replica."""
        token.revoke(request.context.db)


class Introspection(rfc7662.IntrospectionEndpoint):  # type: ignore[misc] # untyped, as above
    """RFC 7662: a token of somebody else is answered like no token at all."""

    CLIENT_AUTH_METHODS = (METHOD,)

    def authenticate_token(self, request: Request, _client: object) -> KnownToken | None:
        """Return the token when it is the client's organisation's."""
        return _own_token(request)

    def introspect_token(self, token: KnownToken) -> dict[str, object]:
        """Return what the token says."""
        return token.described()


class Core(rfc6749.AuthorizationServer):  # type: ignore[misc] # untyped, as above
    """The authorization server, inside one transaction; `Refused` passes through it."""

    def __init__(self) -> None:
        super().__init__()
        self.register_client_auth_method(METHOD, _prove_client)
        self.register_grant(ClientCredentials)
        self.register_endpoint(Revocation)
        self.register_endpoint(Introspection)

    def get_token_grant(self, request: Request) -> ClientCredentials:
        """Return the one grant we offer."""
        asked = request.payload.grant_type
        if not asked:
            raise Refused("grant_type is missing")
        if asked != GRANT:
            raise Refused("grant_type is invalid", error="unsupported_grant_type")
        return super().get_token_grant(request)  # type: ignore[no-any-return] # untyped, as above

    def create_oauth2_request(self, request: Request) -> Request:
        """Return the request, which is one already."""
        return request

    def save_token(self, _token: object, request: Request) -> None:
        """Keep no token, which carries what it says; note that its client is in use, once a minute."""
        used, now = col(ApiClient.last_used_at), func.clock_timestamp()
        idle = or_(used.is_(None), used < now - dt.timedelta(minutes=1))
        request.context.db.write(
            update(ApiClient).where(col(ApiClient.client_id) == request.client.client_id, idle).values(last_used_at=now)
        )

    def send_signal(self, name: str, *args: object, **kwargs: object) -> None:
        """Tell nobody: the transaction is the record."""

    def handle_response(self, status: int, body: dict[str, Any], _headers: object) -> Answer:
        """Return the answer."""
        return Answer(status, NO_STORE, body)


def _prove_client(_query_client: object, request: Request) -> object:
    return prove(request.context.db, request.context.issuer, request.payload.data)


def _own_token(request: Request) -> KnownToken | None:
    token = request.form.get("token")
    if token is None:
        raise Refused("token is missing")
    found = find_token(request.context.db, token, request.context.issuer, request.context.ring)
    return found if found and found.says.tenant_ods == request.client.tenant_ods else None
