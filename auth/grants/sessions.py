"""A person's session at an application: begun by a grant, named by all its tokens, ended in one place."""

import datetime as dt
import time
import uuid
from collections.abc import Set as AbstractSet

from sqlalchemy import exists, insert, update
from sqlmodel import col, select

from auth.caller import Person
from auth.grants.granted import Granted
from auth.grants.tables import RefreshToken
from auth.scope import Scope
from auth.server.request import Context
from auth.server.waiting import Waiting
from auth.tokens.access_token import AccessToken, new_token_id
from auth.tokens.secret import hashed, new_secret
from schema.organisation import OrganisationKind
from schema.people.account import Role
from schema.people.session import Session, SessionEnd, is_over

LIFE = dt.timedelta(hours=12)
IDLE = dt.timedelta(hours=1)
REFRESH_LIFE = dt.timedelta(hours=8)
ACCESS_LIFE = 300


def start(db: Waiting, granted: Granted, client_id: str, jkt: str | None) -> Session:
    """Begin a session of a person's at an application; with `jkt`, its tokens are bound to that key."""
    now = db.now()
    session = Session(
        tenant_ods=granted.tenant_ods,
        subject=granted.subject,
        client_id=client_id,
        roles=sorted(role.value for role in granted.roles),
        scopes=sorted(scope.value for scope in granted.scopes),
        acr=granted.acr,
        authenticated_at=granted.authenticated_at,
        issuer=granted.issuer,
        jkt=jkt,
        started_at=now,
        last_used_at=now,
        expires_at=now + LIFE,
    )
    db.write(insert(Session).values(session.model_dump()))
    return session


def issue(
    context: Context, session: Session, kind: OrganisationKind, scopes: AbstractSet[Scope], *, refresh: bool
) -> dict[str, object]:
    """Return the answer that gives a session's tokens; with `refresh`, a refresh token among them."""
    now = int(time.time())
    expires_at = min(now + ACCESS_LIFE, int(session.expires_at.timestamp()))
    roles = frozenset(map(Role, session.roles))
    person = Person(roles, str(session.id), session.acr, int(session.authenticated_at.timestamp()))
    token = AccessToken(
        session.client_id,
        session.tenant_ods,
        kind,
        frozenset(scopes),
        new_token_id(),
        now,
        expires_at,
        session.subject,
        person,
        jkt=session.jkt,
    )
    answer: dict[str, object] = {
        "access_token": token.write(context.issuer, context.ring),
        "token_type": "DPoP" if session.jkt else "Bearer",
        "expires_in": expires_at - now,
        "scope": token.scope,
    }
    if refresh:
        answer["refresh_token"] = keep(context.db, session, new_secret())
    return answer


def keep(db: Waiting, session: Session, secret: str) -> str:
    """Keep a refresh token of a session's, as its hash, and return it."""
    now = db.now()
    row = {"tenant_ods": session.tenant_ods, "session_id": session.id, "client_id": session.client_id}
    row |= {"issued_at": now, "expires_at": min(now + REFRESH_LIFE, session.expires_at)}
    db.write(insert(RefreshToken).values(token_hash=hashed(secret), **row))
    return secret


def locked(db: Waiting, session_id: uuid.UUID) -> Session:
    """Return a session, to oneself until the transaction ends."""
    session: Session = db.first(select(Session).where(col(Session.id) == session_id).with_for_update(key_share=True))
    return session


def is_closed(db: Waiting, session: Session, now: dt.datetime) -> bool:
    """Tell whether a session is over: ended, by itself or an administrator, expired, or left alone for an hour."""
    if is_over(session, now) or session.last_used_at + IDLE <= now:
        return True
    return bool(db.first(select(exists().where(col(SessionEnd.session_id) == session.id))))


def end(db: Waiting, session_id: uuid.UUID) -> None:
    """End a session with every token of it; a second time changes nothing."""
    now = db.now()
    alive = col(Session.id) == session_id, col(Session.ended_at).is_(None)
    db.write(update(Session).where(*alive).values(ended_at=now))
    left = col(RefreshToken.session_id) == session_id, col(RefreshToken.revoked_at).is_(None)
    db.write(update(RefreshToken).where(*left).values(revoked_at=now))
