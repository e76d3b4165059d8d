"""What the authorization server says of itself (RFC 8414)."""

from typing import Any

from auth.scope import Scope
from auth.server.asker import GRANT, METHOD
from auth.server.assertion import KEY_TYPES
from auth.tokens.issuer import Issuer


def metadata(issuer: Issuer) -> dict[str, Any]:
    """Return the metadata document."""
    document: dict[str, Any] = {
        "issuer": issuer.base_url,
        "token_endpoint": issuer.token_url,
        "revocation_endpoint": issuer.revocation_url,
        "introspection_endpoint": issuer.introspection_url,
        "jwks_uri": issuer.jwks_url,
        "grant_types_supported": [GRANT],
        "response_types_supported": [],
        "scopes_supported": [scope.value for scope in Scope],
    }
    for endpoint in ("token", "revocation", "introspection"):
        document[f"{endpoint}_endpoint_auth_methods_supported"] = [METHOD]
        document[f"{endpoint}_endpoint_auth_signing_alg_values_supported"] = sorted(KEY_TYPES)
    return document
