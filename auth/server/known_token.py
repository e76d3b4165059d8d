"""Our own tokens, as the revocation and introspection endpoints see them."""

import datetime as dt
import time
from dataclasses import dataclass

from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select

from auth.grants import sessions
from auth.grants.applications import CLI
from auth.grants.granted import standing_now
from auth.grants.tables import RefreshToken
from auth.server.request import Context
from auth.server.waiting import Waiting
from auth.tables import RevokedToken
from auth.tokens import access_token
from auth.tokens.access_token import LEEWAY, AccessToken, Unauthenticated
from auth.tokens.issuer import Issuer
from auth.tokens.secret import hashed
from schema.people.api_client import ApiClient, ClientStatus
from schema.people.session import Session


@dataclass(frozen=True)
class KnownToken:
    """An access token that verifies, and whether it was revoked."""

    says: AccessToken
    issuer: Issuer
    revoked: bool

    @property
    def owner(self) -> tuple[str, str]:
        """The client that it was given to, and the organisation it speaks for."""
        return self.says.client_id, self.says.tenant_ods

    def is_expired(self) -> bool:
        """Tell whether it expired, to the second: the verifier's grace is not promised."""
        return self.says.expires_at <= time.time()

    def is_revoked(self) -> bool:
        """Tell whether it, its client or its session was revoked."""
        return self.revoked

    def revoke(self, db: Waiting) -> None:
        """End it, and it alone; a second time changes nothing."""
        until = dt.datetime.fromtimestamp(self.says.expires_at + LEEWAY, dt.UTC)
        db.write(
            insert(RevokedToken)
            .values(jti=self.says.token_id, client_id=self.says.client_id, expires_at=until)
            .on_conflict_do_nothing()
        )

    def described(self) -> dict[str, object]:
        """Return what RFC 7662 says of an active token."""
        kind = "DPoP" if self.says.jkt else "Bearer"
        named = {"username": self.says.subject} if self.says.person else {}
        return {"active": True, "token_type": kind, **self.says.claims(self.issuer), **named}


@dataclass(frozen=True)
class KnownRefresh:
    """A refresh token that there is, and whether it is good for anything."""

    token: RefreshToken
    session: Session
    issuer: Issuer
    over: bool

    @property
    def owner(self) -> tuple[str, str]:
        """The client that it was given to, and the organisation it speaks for."""
        return self.token.client_id, self.token.tenant_ods

    def is_expired(self) -> bool:
        """Tell whether it expired."""
        return self.over

    def is_revoked(self) -> bool:
        """Tell whether it was used, or its session is over."""
        return self.over

    def revoke(self, db: Waiting) -> None:
        """End its session, with all that came of it (RFC 7009, 2.1)."""
        sessions.end(db, self.session.id)

    def described(self) -> dict[str, object]:
        """Return what RFC 7662 says of an active token."""
        return {
            "active": True,
            "token_type": "refresh_token",
            "iss": self.issuer.base_url,
            "sub": self.session.subject,
            "username": self.session.subject,
            "exp": int(self.token.expires_at.timestamp()),
            "iat": int(self.token.issued_at.timestamp()),
            "client_id": self.token.client_id,
            "scope": " ".join(self.session.scopes),
            "tenant": self.session.tenant_ods,
            "sid": str(self.session.id),
            "acr": self.session.acr,
            "auth_time": int(self.session.authenticated_at.timestamp()),
        }


def find_token(context: Context, token: str) -> KnownToken | KnownRefresh | None:
    """Return the token when it is one of ours, None when it is not or its access has expired."""
    if "." not in token:
        return _refresh(context, token)
    try:
        says = access_token.read(token, context.issuer, context.ring.verifying, time.time())
    except Unauthenticated:
        return None
    return KnownToken(says, context.issuer, revoked=_is_revoked(context.db, says))


def _is_revoked(db: Waiting, says: AccessToken) -> bool:
    if db.first(select(RevokedToken.jti).where(col(RevokedToken.jti) == says.token_id)) is not None:
        return True
    if _is_gone(db, says.client_id):
        return True
    if says.person is None:
        return False
    session = db.first(select(Session).where(col(Session.id) == says.person.session_id))
    # Its client may be another than the token's, which was exchanged.
    return session is None or _is_over(db, session) or _is_gone(db, session.client_id)


def _is_gone(db: Waiting, client_id: str) -> bool:
    status = db.first(select(ApiClient.status).where(col(ApiClient.client_id) == client_id))
    return client_id != CLI.client_id and status is not ClientStatus.ACTIVE


def _refresh(context: Context, token: str) -> KnownRefresh | None:
    db = context.db
    row = db.first(select(RefreshToken).where(col(RefreshToken.token_hash) == hashed(token)))
    if row is None:
        return None
    session = db.first(select(Session).where(col(Session.id) == row.session_id))
    used = row.rotated_at is not None or row.revoked_at is not None or row.expires_at <= db.now()
    return KnownRefresh(row, session, context.issuer, used or _is_over(db, session))


def _is_over(db: Waiting, session: Session) -> bool:
    return sessions.is_closed(db, session, db.now()) or standing_now(db, session, session.tenant_ods) is None
