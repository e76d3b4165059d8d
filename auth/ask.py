"""The client's side of sign-in: prove ourselves by a key file, get a token."""

import json
import secrets
import time
from dataclasses import dataclass

import httpx
from joserfc import jwt
from joserfc.jwk import Key

from auth.key_file import KeyFile
from schema.people.api_client import AssertionProfile

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_LIFE = 180
_ALGORITHMS = {"EC": "ES256", "OKP": "Ed25519", "RSA": "PS256"}


@dataclass(frozen=True)
class TokenAnswer:
    """What the token endpoint gives."""

    access_token: str
    token_type: str
    expires_in: int
    scope: str


class TokenRefused(Exception):  # noqa: N818 - it names what is so
    """The token endpoint gave no token; the message says why in its words."""


async def ask_token(key_file: KeyFile, http: httpx.AsyncClient, scope: str | None = None) -> TokenAnswer:
    """Ask for a token, for all of the client's scopes or for these (with spaces between)."""
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": write_assertion(key_file),
    }
    if scope:
        form["scope"] = scope
    answer = await http.post(key_file.token_url, data=form)
    try:
        body = answer.json()
    except json.JSONDecodeError:
        body = None
    if answer.status_code != httpx.codes.OK or not isinstance(body, dict):
        why = (body if isinstance(body, dict) else {}).get("error_description", "it did not say why")
        raise TokenRefused(f"{key_file.token_url} refused ({answer.status_code}): {why}.")
    return TokenAnswer(body["access_token"], body["token_type"], int(body["expires_in"]), body["scope"])


def write_assertion(key_file: KeyFile) -> str:
    """Return a fresh assertion for the key file's client."""
    now = int(time.time())
    claims = {
        "iss": key_file.client_id,
        "sub": key_file.client_id,
        "aud": key_file.token_url,
        "jti": secrets.token_urlsafe(18),
        "iat": now,
        "exp": now + ASSERTION_LIFE,
    }
    key = key_file.key
    alg = _algorithm(key_file.profile, key)
    return jwt.encode({"alg": alg, "typ": "JWT", "kid": key.kid}, claims, key, algorithms=[alg])


def _algorithm(profile: AssertionProfile, key: Key) -> str:
    return "RS512" if profile is AssertionProfile.NHS else _ALGORITHMS[key.key_type]
