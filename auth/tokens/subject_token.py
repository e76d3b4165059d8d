"""Whom a token to be exchanged is about: a person by one of our own tokens, or by an issuer's."""

import datetime as dt
import time
import uuid
from dataclasses import dataclass

from sqlmodel import col, select

from auth.caller import Person
from auth.federation import external
from auth.federation.external import Said
from auth.federation.identities import note
from auth.federation.registry import believed
from auth.grants import sessions
from auth.grants.applications import Application
from auth.grants.granted import Granted, standing_now
from auth.scope import Scope, scopes_for
from auth.server.asker import Asker
from auth.server.form import Refused
from auth.server.known_token import KnownToken, find_token
from auth.server.request import Context, Request
from auth.server.waiting import Waiting
from auth.tokens.access_token import AccessToken, Unauthenticated
from schema.organisation import OrganisationKind
from schema.people.issuer import IssuerMode
from schema.people.session import Session


@dataclass(frozen=True)
class Subject:
    """A person, as far as a token of that person's reaches now."""

    subject: str
    tenant_ods: str
    kind: OrganisationKind
    scopes: frozenset[Scope]
    person: Person
    expires_at: int


def subject_of(request: Request) -> Subject:
    """Return whom the subject_token is about, or raise `Refused`; a stranger's is refused like none at all."""
    text = request.form["subject_token"]
    found = find_token(request.context, text)
    if isinstance(found, KnownToken) and not found.is_expired() and not found.is_revoked():
        return _by_us(request, found.says)
    if said := _by_issuer(request.context, text):
        return _by_others(request, said)
    raise _unfit()


def _by_us(request: Request, says: AccessToken) -> Subject:
    db, person = request.context.db, says.person
    session = _session_of(db, person.session_id) if person and _serves(request.client, says.tenant_ods) else None
    standing = standing_now(db, session, session.tenant_ods) if session else None
    if person is None or session is None or standing is None:
        raise _unfit()
    if says.actor is not None:
        raise Refused("The subject_token was exchanged before, for a machine; it is not exchanged again")
    _check_key(request, says.jkt)
    roles = person.roles & standing.roles
    now = Person(roles, person.session_id, person.acr, person.authenticated_at)
    held = says.scopes & frozenset(scopes_for(roles))
    ends_at = min(says.expires_at, int(session.expires_at.timestamp()))
    return Subject(says.subject, says.tenant_ods, says.kind, held, now, ends_at)


def _by_issuer(context: Context, text: str) -> Said | None:
    keys = context.issuer_keys
    if keys is None:
        return None
    bindings = context.db.wait(believed)
    try:
        return context.db.wait(lambda _: external.believe(text, bindings, keys, time.time(), IssuerMode.EXCHANGE))
    except Unauthenticated as error:
        raise _unfit() from error


def _by_others(request: Request, said: Said) -> Subject:
    caller, db = said.caller, request.context.db
    if caller.person is None or not _serves(request.client, caller.tenant_ods):
        raise _unfit()
    _check_key(request, said.jkt)
    at = dt.datetime.fromtimestamp(caller.person.authenticated_at, dt.UTC)
    scopes, roles = frozenset(caller.scopes), caller.person.roles
    granted = Granted(caller.subject, caller.tenant_ods, roles, scopes, caller.person.acr, at, said.issuer.iss)
    db.wait(lambda entered: note(entered, said.issuer, said.sub_hash, caller.subject, said.meaning))
    if standing_now(db, granted, granted.tenant_ods) is None:
        raise _unfit()
    session = _session_for(db, granted, request)
    person = Person(roles, str(session.id), granted.acr, caller.person.authenticated_at)
    return Subject(caller.subject, caller.tenant_ods, caller.kind, scopes, person, caller.expires_at)


def _session_for(db: Waiting, granted: Granted, request: Request) -> Session:
    """Return the session that stands for an issuer's sign-in at a client: what the kill switch ends."""
    same = (
        col(Session.subject) == granted.subject,
        col(Session.tenant_ods) == granted.tenant_ods,
        col(Session.client_id) == request.client.client_id,
        col(Session.issuer) == granted.issuer,
        col(Session.authenticated_at) == granted.authenticated_at,
        col(Session.acr) == granted.acr,
        col(Session.roles) == sorted(role.value for role in granted.roles),
    )
    found: Session | None = db.first(select(Session).where(*same).order_by(col(Session.started_at).desc()))
    if found is not None and not sessions.is_closed(db, found, db.now()):
        return found
    return sessions.start(db, granted, request.client.client_id, request.jkt)


def _session_of(db: Waiting, named: str) -> Session | None:
    try:
        key = uuid.UUID(named)
    except ValueError:
        return None
    session: Session | None = db.first(select(Session).where(col(Session.id) == key))
    return None if session is None or sessions.is_closed(db, session, db.now()) else session


def _serves(client: Asker | Application, tenant_ods: str) -> bool:
    return client.serves(tenant_ods) if isinstance(client, Application) else client.tenant_ods == tenant_ods


def _check_key(request: Request, jkt: str | None) -> None:
    if jkt is not None and jkt != request.jkt:
        raise Refused("The subject_token is bound to a key; send a DPoP proof by that key")


def _unfit() -> Refused:
    return Refused("The subject_token is no valid access token of a person of this client's organisation")
