"""One of our own tokens, as the revocation and introspection endpoints see it."""

import datetime as dt
import time
from dataclasses import dataclass

from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select

from auth.server.waiting import Waiting
from auth.signing import Ring
from auth.tables import RevokedToken
from auth.tokens import access_token
from auth.tokens.access_token import LEEWAY, AccessToken, Unauthenticated
from auth.tokens.issuer import Issuer
from schema.api_client import ApiClient, ClientStatus


@dataclass(frozen=True)
class KnownToken:
    """A token that verifies, and whether it was revoked."""

    says: AccessToken
    issuer: Issuer
    revoked: bool

    def is_expired(self) -> bool:
        """Tell whether it expired, to the second: the verifier's grace is not promised."""
        return self.says.expires_at <= time.time()

    def is_revoked(self) -> bool:
        """Tell whether it, or its client, was revoked."""
        return self.revoked

    def revoke(self, db: Waiting) -> None:
        """End it; a second time changes nothing."""
        until = dt.datetime.fromtimestamp(self.says.expires_at + LEEWAY, dt.UTC)
        db.write(
            insert(RevokedToken)
            .values(jti=self.says.token_id, client_id=self.says.client_id, expires_at=until)
            .on_conflict_do_nothing()
        )

    def described(self) -> dict[str, object]:
        """Return what RFC 7662 says of an active token."""
        return {
            "active": True,
            "token_type": "Bearer",
            "iss": self.issuer.base_url,
            "sub": self.says.client_id,
            "aud": self.issuer.audience,
            "exp": self.says.expires_at,
            "iat": self.says.issued_at,
            "jti": self.says.token_id,
            "client_id": self.says.client_id,
            "scope": self.says.scope,
            "tenant": self.says.tenant_ods,
            "tenant_kind": self.says.kind.value,
        }


def find_token(db: Waiting, token: str, issuer: Issuer, ring: Ring) -> KnownToken | None:
    """Return the token when it is one of ours, None when it is not or has expired."""
    try:
        says = access_token.read(token, issuer, ring.verifying, time.time())
    except Unauthenticated:
        return None
    ended = db.first(select(RevokedToken.jti).where(col(RevokedToken.jti) == says.token_id))
    status = db.first(select(ApiClient.status).where(col(ApiClient.client_id) == says.client_id))
    return KnownToken(says, issuer, revoked=ended is not None or status is not ClientStatus.ACTIVE)
