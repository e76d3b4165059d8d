"""Ourselves as a client of an issuer: what we ask of it, and how we prove ourselves (private_key_jwt)."""

import base64
import hashlib
import time
from dataclasses import dataclass, field
from typing import Any

from joserfc import jwt

from auth.federation.claims import Disbelieved
from auth.federation.outside import Outside
from auth.server.refusals import ASSERTION_TYPE
from auth.signing import ALGORITHM, Ring
from auth.tokens.access_token import new_token_id
from schema.people.issuer import Issuer, IssuerShape

BACK = "/sign-in/back"
_ASSERTION_LIFE = 60
_SCOPES = {IssuerShape.CIS2: "openid nationalrbacaccess selectedrole", IssuerShape.PLAIN: "openid"}


@dataclass(frozen=True)
class Asked:
    """What a browser is sent to an issuer with, but for its state; what of it is kept until it comes back."""

    nonce: str
    verifier: str = field(repr=False)
    max_age: int
    step_up: bool

    @property
    def kept(self) -> dict[str, str | int]:
        """What its answer is held against."""
        return {"nonce": self.nonce, "verifier": self.verifier, "max_age": self.max_age}

    def of(self, issuer: Issuer, redirect_uri: str) -> dict[str, str]:
        """Return the parameters for an issuer."""
        wanted = issuer.step_up_acr if self.step_up else issuer.accepted_acr
        challenge = base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest())
        return {
            "response_type": "code",
            "client_id": str(issuer.client_id),
            "redirect_uri": redirect_uri,
            "scope": _SCOPES[issuer.shape],
            "nonce": self.nonce,
            "code_challenge": challenge.decode().rstrip("="),
            "code_challenge_method": "S256",
            "max_age": str(self.max_age),  # so that the issuer says when the person signed in, too
            **({"acr_values": " ".join(wanted)} if wanted else {}),
        }


@dataclass(frozen=True)
class Redeeming:
    """How a code is brought to an issuer: by our own signing key, whose public half is at /oauth2/jwks."""

    outside: Outside
    redirect_uri: str
    ring: Ring

    async def redeem(self, issuer: Issuer, code: str, verifier: str) -> dict[str, Any]:
        """Return the answer of its token endpoint."""
        told = await self.outside.post(
            str(issuer.token_endpoint),
            {
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": self.redirect_uri,
                "code_verifier": verifier,
                "client_id": str(issuer.client_id),
                "client_assertion_type": ASSERTION_TYPE,
                "client_assertion": self._assertion(issuer),
            },
        )
        if not isinstance(told, dict):
            raise Disbelieved("its token endpoint answers no object")
        return told

    def _assertion(self, issuer: Issuer) -> str:
        now = int(time.time())
        claims = {
            "iss": issuer.client_id,
            "sub": issuer.client_id,
            "aud": issuer.token_endpoint,  # where it is sent and nowhere else, so that nobody sends it on
            "jti": new_token_id(),
            "iat": now,
            "exp": now + _ASSERTION_LIFE,
        }
        return jwt.encode({"alg": ALGORITHM, "typ": "JWT"}, claims, self.ring.current, algorithms=[ALGORITHM])
