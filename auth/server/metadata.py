"""What the authorization server says of itself (RFC 8414)."""

from typing import Any

from auth.caller import AAL1, AAL2
from auth.grants.applications import PUBLIC
from auth.grants.dpop import ALGORITHMS
from auth.scope import Scope
from auth.server.asker import METHOD
from auth.server.assertion import KEY_TYPES
from auth.server.core import GRANTS
from auth.tokens.issuer import Issuer

_METHODS = {"introspection": [METHOD], "revocation": [METHOD, PUBLIC], "token": [METHOD, PUBLIC]}


def metadata(issuer: Issuer) -> dict[str, Any]:
    """Return the metadata document."""
    document: dict[str, Any] = {
        "issuer": issuer.base_url,
        "authorization_endpoint": issuer.authorization_url,
        "pushed_authorization_request_endpoint": issuer.pushed_url,
        "device_authorization_endpoint": issuer.device_url,
        "token_endpoint": issuer.token_url,
        "revocation_endpoint": issuer.revocation_url,
        "introspection_endpoint": issuer.introspection_url,
        "jwks_uri": issuer.jwks_url,
        "grant_types_supported": [grant.GRANT_TYPE for grant in GRANTS],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "dpop_signing_alg_values_supported": sorted(ALGORITHMS),
        "acr_values_supported": [AAL1, AAL2],
        "scopes_supported": [scope.value for scope in Scope],
    }
    for endpoint, methods in _METHODS.items():
        document[f"{endpoint}_endpoint_auth_methods_supported"] = methods
        document[f"{endpoint}_endpoint_auth_signing_alg_values_supported"] = sorted(KEY_TYPES)
    return document
