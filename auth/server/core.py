"""Authlib's framework-free authorization server with all that we offer."""

import datetime as dt
from typing import Any

from authlib.oauth2 import rfc6749  # type: ignore[import-untyped] # Authlib ships no types
from sqlalchemy import func, or_, update
from sqlmodel import col

from auth.grants.applications import PUBLIC, Application, find
from auth.grants.code import Code
from auth.grants.device import DeviceAuthorization, DeviceGrant
from auth.grants.exchange import Exchange
from auth.grants.pushed import Pushed
from auth.grants.refresh import Refresh
from auth.server.asker import METHOD, Asker
from auth.server.assertion import prove
from auth.server.endpoints import Introspection, Revocation
from auth.server.form import NO_STORE, Answer, Refused
from auth.server.machines import ClientCredentials
from auth.server.request import Request
from schema.people.api_client import ApiClient

GRANTS = [ClientCredentials, Code, DeviceGrant, Exchange, Refresh]
_NOT_A_TOKENS = {"device_authorization", "introspection", "revocation"}


class Core(rfc6749.AuthorizationServer):  # type: ignore[misc] # untyped, as above
    """The authorization server, inside one transaction; `Refused` passes through it."""

    def __init__(self) -> None:
        super().__init__()
        self.register_client_auth_method(METHOD, _prove_client)
        self.register_client_auth_method(PUBLIC, _public_client)
        for grant in GRANTS:
            self.register_grant(grant)
        for endpoint in (DeviceAuthorization, Introspection, Pushed, Revocation):
            self.register_endpoint(endpoint)

    def get_token_grant(self, request: Request) -> Any:
        """Return the grant that is asked for."""
        asked = request.payload.grant_type
        if not asked:
            raise Refused("grant_type is missing")
        if asked not in {grant.GRANT_TYPE for grant in GRANTS}:
            raise Refused("grant_type is invalid", error="unsupported_grant_type")
        request.check_resource()
        return super().get_token_grant(request)

    def authenticate_client(self, request: Request, methods: Any, endpoint: str = "token") -> Asker | Application:
        """Return the client that asks; whose tokens are bound to a key proves that, too."""
        client: Asker | Application = super().authenticate_client(request, methods, endpoint)
        if endpoint not in _NOT_A_TOKENS:
            request.prove_key(must=client.dpop_bound and endpoint == "token")
        return client

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

    def handle_error_response(self, _request: Request, error: Any) -> Answer:
        """Refuse in our shape what Authlib refuses in its own."""
        raise Refused(error.description or error.error, error.status_code, error.error)


def _prove_client(_query_client: object, request: Request) -> Asker | Application:
    return prove(request.context.db, request.context.issuer, request.payload.data)


def _public_client(_query_client: object, request: Request) -> Application | None:
    """Return the public client that names itself; a client that shows a proof is judged by that alone."""
    form = request.form
    if "client_id" not in form or {"client_assertion", "client_assertion_type"} & form.keys():
        return None
    found = find(request.context.db, form["client_id"])
    if "client_secret" in form or found is None or not found.public:
        raise Refused("No public application by this client_id", 401, "invalid_client")
    return found
