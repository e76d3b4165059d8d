"""Refresh (RFC 6749, 6): a session's next tokens, for as long as its person and its client still stand.

A public client without a key of its own gets a new refresh token each time, because the token is all that proves it.
The new one is made from the old one and the installation's key. So whoever asks again because an answer was lost, or
twice at once, gets the same one: no session forks, and no order of answers leaves an honest client with a dead token.
After the grace, or once its successor was used, a token that comes again was stolen by one of two: the session ends.
"""

import datetime as dt
from dataclasses import dataclass

from authlib.oauth2 import rfc6749  # type: ignore[import-untyped] # Authlib ships no types
from sqlalchemy import update
from sqlmodel import col, select

from auth.grants import sessions
from auth.grants.applications import PUBLIC, Application
from auth.grants.granted import spelt, standing_from_now
from auth.grants.tables import RefreshToken
from auth.people.standing import Standing
from auth.scope import Scope, named, scopes_for
from auth.server.asker import METHOD
from auth.server.form import Refused
from auth.server.request import Request
from auth.server.waiting import Waiting
from auth.tokens.issuer import Issuer
from auth.tokens.sealing import mark
from auth.tokens.secret import BITS_256, hashed
from schema.people.session import Session

GRACE = dt.timedelta(seconds=10)


@dataclass(frozen=True)
class Held:
    """A refresh token that its client may use now, and its session, locked; in Authlib's words."""

    token: RefreshToken
    session: Session

    def check_client(self, _client: Application) -> bool:
        """Tell whether it is this client's: it was looked for as that."""
        return True


class Refresh(rfc6749.RefreshTokenGrant):  # type: ignore[misc] # untyped, as above
    """A refresh token for a session's next tokens: never for more than it has."""

    TOKEN_ENDPOINT_AUTH_METHODS = (PUBLIC, METHOD)

    def authenticate_refresh_token(self, refresh_token: str) -> Held | None:
        """Return the token with its session; a stolen one ends it."""
        held = _held(self.request, refresh_token)
        if held is None:
            raise Refused("The refresh token is unknown, used or expired; sign in again", error="invalid_grant")
        if held.session.jkt is not None and held.session.jkt != self.request.jkt:
            raise Refused("The session is bound to another key than that of the DPoP proof", error="invalid_grant")
        return held

    def _validate_token_scope(self, held: Held) -> None:
        wanted = spelt(self.request.payload.scope)
        had = named(held.session.scopes, Scope)
        if not all(named([name], had) for name in wanted):
            raise Refused("The session has not all of this scope; authorize for more", error="invalid_scope")
        self.wanted = named(wanted, had) if wanted else had

    def authenticate_user(self, held: Held) -> Standing:
        """Return how the person stands now; who stands no longer has its session ended."""
        db, session = self.request.context.db, held.session
        standing = standing_from_now(db, session, session.tenant_ods)
        if standing is None or not self.request.client.serves(session.tenant_ods):
            sessions.end(db, session.id)
            raise Refused("The person speaks for this organisation no longer; sign in again", error="invalid_grant")
        return standing

    def issue_token(self, user: Standing, held: Held) -> dict[str, object]:
        """Return the next tokens, by the roles that are held now."""
        context, application, session = self.request.context, self.request.client, held.session
        scopes = frozenset(each for each in scopes_for(user.roles) if each in self.wanted & application.scopes)
        if not scopes:
            raise Refused("None of this scope is the person's any longer; authorize again", error="invalid_scope")
        session.roles = sorted(role.value for role in user.roles)
        values = {"roles": session.roles, "last_used_at": context.db.now()}
        context.db.write(update(Session).where(col(Session.id) == session.id).values(**values))
        answer = sessions.issue(context, session, user.kind, scopes, refresh=False)
        if application.rotates(session.jkt):
            brought = self.request.form["refresh_token"]
            answer["refresh_token"] = _successor(context.db, held, following(context.issuer, brought))
        return answer

    def revoke_old_credential(self, _held: Held) -> None:
        """Revoke nothing: the successor was noted, and that is what tells a token that comes again."""


def following(issuer: Issuer, token: str) -> str:
    """Return the one successor of a refresh token, which nobody can tell without the installation's key."""
    return mark(issuer.key, "refresh", token)


def _held(request: Request, text: str) -> Held | None:
    db = request.context.db
    mine = col(RefreshToken.token_hash) == hashed(text), col(RefreshToken.client_id) == request.client.client_id
    found = db.first(select(RefreshToken.session_id).where(*mine)) if BITS_256.fullmatch(text) else None
    if found is None:
        return None
    session = sessions.locked(db, found)
    token = db.first(select(RefreshToken).where(*mine))
    now = db.now()
    if token.rotated_at is not None and not _is_again(db, token, now):
        sessions.end(db, session.id)
        return None
    if token.revoked_at is not None or token.expires_at <= now or sessions.is_closed(db, session, now):
        return None
    return Held(token, session)


def _is_again(db: Waiting, token: RefreshToken, now: dt.datetime) -> bool:
    """Tell whether a rotated token comes again for an answer that was lost: soon, its successor not used yet."""
    used = select(RefreshToken.rotated_at).where(col(RefreshToken.token_hash) == token.successor_hash)
    return now - token.rotated_at <= GRACE and db.first(used) is None  # type: ignore[operator] # it is rotated


def _successor(db: Waiting, held: Held, secret: str) -> str:
    if held.token.rotated_at is None:
        sessions.keep(db, held.session, secret)
        this = update(RefreshToken).where(col(RefreshToken.token_hash) == held.token.token_hash)
        db.write(this.values(rotated_at=db.now(), successor_hash=hashed(secret)))
    return secret
