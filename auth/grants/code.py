"""Authorization code (RFC 6749, 4.1): redeemed once, by the client it was given to, with the verifier it began with."""

from dataclasses import dataclass
from typing import Any

from authlib.oauth2 import rfc6749, rfc7636  # type: ignore[import-untyped] # Authlib ships no types
from sqlalchemy import func, update
from sqlmodel import col, select

from auth.grants import sessions
from auth.grants.applications import PUBLIC, Application
from auth.grants.granted import Granted, standing_from_now
from auth.grants.tables import AuthorizationCode
from auth.people.standing import Standing
from auth.scope import named, scopes_for
from auth.server.asker import METHOD
from auth.server.form import Refused
from auth.server.request import Request
from auth.server.waiting import Waiting
from auth.tokens.secret import BITS_256, hashed
from schema.people.account import Role

LIFE = 60


class S256(rfc7636.CodeChallenge):  # type: ignore[misc] # untyped, as above
    """PKCE as it must be: S256 alone, for every client; Authlib's own takes `plain`, also where none is named."""

    DEFAULT_CODE_CHALLENGE_METHOD = "S256"
    SUPPORTED_CODE_CHALLENGE_METHOD = ("S256",)
    CODE_CHALLENGE_METHODS = {"S256": rfc7636.CodeChallenge.CODE_CHALLENGE_METHODS["S256"]}  # noqa: RUF012 - Authlib's


@dataclass(frozen=True)
class Brought:
    """A code that was brought and is used up now, in Authlib's words."""

    row: AuthorizationCode

    @property
    def code_challenge(self) -> str:
        """What the verifier must hash to; every code has one."""
        return self.row.challenge

    @property
    def code_challenge_method(self) -> str:
        """How it was hashed."""
        return "S256"

    def get_redirect_uri(self) -> str:
        """Return where the browser brought it, which the client must say again."""
        return self.row.redirect_uri

    def get_scope(self) -> str:
        """Return the scope that it carries."""
        return " ".join(self.row.scopes)


class Code(rfc6749.AuthorizationCodeGrant):  # type: ignore[misc] # untyped, as above
    """A code for tokens; whatever is wrong with the request that brings it, it is used up."""

    TOKEN_ENDPOINT_AUTH_METHODS = (PUBLIC, METHOD)

    def __init__(self, request: Request, server: Any) -> None:
        super().__init__(request, server)
        S256(required=True)(self)

    def query_authorization_code(self, code: str, client: Application) -> Brought | None:
        """Return the code, used up; one that comes again ends what it became (RFC 6749, 4.1.2)."""
        db = self.request.context.db
        row = _redeemed(db, code, client.client_id) if BITS_256.fullmatch(code) else None
        if row is None:
            _end_replayed(db, code, client.client_id)
            return None
        if row.jkt is not None and row.jkt != self.request.jkt:
            raise Refused("The code is bound to another key than that of the DPoP proof", error="invalid_grant")
        return Brought(row)

    def authenticate_user(self, brought: Brought) -> Standing:
        """Return how the person stands now: less may be true than a minute ago."""
        standing = standing_from_now(self.request.context.db, brought.row, brought.row.tenant_ods)
        if standing is None or not standing.roles & frozenset(brought.row.roles):
            raise Refused("The person speaks for this organisation no longer; sign in again", error="invalid_grant")
        return standing

    def generate_token(self, user: Standing, **_: object) -> dict[str, object]:
        """Begin the session and return its tokens."""
        row, request = self.request.authorization_code.row, self.request
        roles = frozenset(map(Role, row.roles)) & user.roles
        scopes = named(row.scopes, scopes_for(roles))
        granted = Granted(row.subject, row.tenant_ods, roles, scopes, row.acr, row.authenticated_at, row.issuer)
        session = sessions.start(request.context.db, granted, row.client_id, request.jkt)
        became = update(AuthorizationCode).where(col(AuthorizationCode.code_hash) == row.code_hash)
        request.context.db.write(became.values(session_id=session.id))
        return sessions.issue(request.context, session, user.kind, scopes, refresh=True)

    def delete_authorization_code(self, _brought: Brought) -> None:
        """Delete nothing: a used code is remembered, to be known when it comes again."""


def _redeemed(db: Waiting, code: str, client_id: str) -> AuthorizationCode | None:
    """Return the code, which nobody else redeems."""
    now = func.clock_timestamp()
    unused = col(AuthorizationCode.consumed_at).is_(None), col(AuthorizationCode.expires_at) > now
    using = update(AuthorizationCode).where(*_this(code, client_id), *unused).values(consumed_at=now)
    if db.first(using.returning(col(AuthorizationCode.code_hash))) is None:
        return None
    row: AuthorizationCode = db.first(select(AuthorizationCode).where(*_this(code, client_id)))
    return row


def _end_replayed(db: Waiting, code: str, client_id: str) -> None:
    became = db.first(select(AuthorizationCode.session_id).where(*_this(code, client_id)))
    if became is not None:
        sessions.end(db, became)


def _this(code: str, client_id: str) -> tuple[Any, Any]:
    return col(AuthorizationCode.code_hash) == hashed(code), col(AuthorizationCode.client_id) == client_id
