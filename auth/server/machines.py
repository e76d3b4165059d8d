"""The grant of machines: a token for the client's own organisation (RFC 6749, 4.4)."""

import time

from authlib.oauth2 import rfc6749  # type: ignore[import-untyped] # Authlib ships no types

from auth.server.asker import METHOD
from auth.tokens.access_token import AccessToken, new_token_id


class ClientCredentials(rfc6749.ClientCredentialsGrant):  # type: ignore[misc] # untyped, as above
    """RFC 6749, 4.4: a token for the client's own organisation."""

    TOKEN_ENDPOINT_AUTH_METHODS = (METHOD,)

    def validate_requested_scope(self) -> None:
        """Narrow the client's scopes to those it asks for."""
        self.granted = self.request.client.narrowed(self.request.payload.scope)

    def generate_token(self, **_: object) -> dict[str, object]:
        """Return the token's answer."""
        context, client, jkt = self.request.context, self.request.client, self.request.jkt
        now = int(time.time())
        token = AccessToken(
            client.client_id,
            client.tenant_ods,
            client.kind,
            self.granted,
            new_token_id(),
            now,
            now + client.token_life,
            jkt=jkt,
        )
        return {
            "access_token": token.write(context.issuer, context.ring),
            "token_type": "DPoP" if jkt else "Bearer",
            "expires_in": client.token_life,
            "scope": token.scope,
        }
