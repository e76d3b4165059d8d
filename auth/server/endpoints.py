"""Revocation and introspection of tokens: of a client's own, or of a machine's organisation."""

from authlib.oauth2 import rfc7009, rfc7662  # type: ignore[import-untyped] # Authlib ships no types

from auth.grants.applications import PUBLIC
from auth.server.asker import METHOD, Asker
from auth.server.form import Refused
from auth.server.known_token import KnownRefresh, KnownToken, find_token
from auth.server.request import Request


class Revocation(rfc7009.RevocationEndpoint):  # type: ignore[misc] # untyped, as above
    """RFC 7009: a token of somebody else is answered like no token at all."""

    CLIENT_AUTH_METHODS = (PUBLIC, METHOD)

    def authenticate_token(self, request: Request, _client: object) -> KnownToken | KnownRefresh | None:
        """Return the token when it is the client's."""
        return _own_token(request)

    def revoke_token(self, token: KnownToken | KnownRefresh, request: Request) -> None:
        """End the token on every replica; a refresh token ends its session."""
        token.revoke(request.context.db)


class Introspection(rfc7662.IntrospectionEndpoint):  # type: ignore[misc] # untyped, as above
    """RFC 7662: a token of somebody else is answered like no token at all; who proves nothing learns nothing."""

    CLIENT_AUTH_METHODS = (METHOD,)

    def authenticate_token(self, request: Request, _client: object) -> KnownToken | KnownRefresh | None:
        """Return the token when it is the client's."""
        return _own_token(request)

    def introspect_token(self, token: KnownToken | KnownRefresh) -> dict[str, object]:
        """Return what the token says."""
        return token.described()


def _own_token(request: Request) -> KnownToken | KnownRefresh | None:
    token = request.form.get("token")
    if token is None:
        raise Refused("token is missing")
    found, client = find_token(request.context, token), request.client
    if found is None:
        return None
    client_id, tenant_ods = found.owner
    # An application knows the people who signed in at it; a machine serves its organisation.
    own = tenant_ods == client.tenant_ods if isinstance(client, Asker) else client_id == client.client_id
    return found if own else None
