"""What an assertion must say, by its client's profile, once its signature is verified."""

import time
from collections.abc import Mapping
from typing import Any

from auth.server import refusals
from auth.server.form import Refused
from auth.tokens.compact import Compact, whole
from auth.tokens.issuer import Issuer
from schema.people.api_client import AssertionProfile

ALGORITHMS = {
    AssertionProfile.NHS: ["RS512"],
    AssertionProfile.RFC7523: ["ES256", "PS256", "RS512", "Ed25519"],
}
AHEAD = 300
GRACE = 30


def check(assertion: Compact, issuer: Issuer, profile: AssertionProfile) -> tuple[str, int]:
    """Return the jti and the exp of an assertion that says what it must, or raise `Refused`."""
    _check_header(assertion.header, profile)
    _check_audience(assertion.claims.get("aud"), issuer, profile)
    jti = _jti(assertion.claims)
    now = time.time()
    exp = _expiry(assertion.claims, now)
    for name in {"iat", "nbf"} & assertion.claims.keys():
        begins = whole(assertion.claims[name])
        if begins is None or begins > now + GRACE:
            raise Refused(f"Invalid '{name}' claim in JWT - must be an integer that is not in the future")
    return jti, exp


def _check_header(header: Mapping[str, Any], profile: AssertionProfile) -> None:
    if header["alg"] not in ALGORITHMS[profile]:
        raise refusals.wrong_algorithm()
    if profile is AssertionProfile.RFC7523:
        return
    if not header.get("kid"):
        raise Refused("Missing 'kid' header in JWT")
    if header.get("typ") != "JWT":
        raise Refused("Invalid 'typ' header in JWT - must be 'JWT'")


def _check_audience(given: object, issuer: Issuer, profile: AssertionProfile) -> None:
    ours = [issuer.token_url]
    if profile is AssertionProfile.RFC7523:
        ours += [issuer.base_url, issuer.pushed_url]  # RFC 9126, 2
    single = given[0] if isinstance(given, list) and len(given) == 1 else given
    if not isinstance(single, str) or single not in ours:
        raise refusals.wrong_audience()


def _jti(claims: Mapping[str, Any]) -> str:
    if "jti" not in claims:
        raise Refused("Missing 'jti' claim in JWT")
    jti = claims["jti"]
    if not isinstance(jti, str) or not jti:
        raise Refused("Invalid 'jti' claim in JWT - must be a unique string value such as a GUID")
    return jti


def _expiry(claims: Mapping[str, Any], now: float) -> int:
    if "exp" not in claims:
        raise Refused("Missing 'exp' claim in JWT")
    exp = whole(claims["exp"])
    if exp is None:
        raise Refused("Invalid 'exp' claim in JWT - must be an integer")
    if exp <= now - GRACE:
        raise Refused("Invalid 'exp' claim in JWT - JWT has expired")
    if exp > now + AHEAD + GRACE:
        raise Refused("Invalid 'exp' claim in JWT - more than 5 minutes in future")
    return exp
