"""What a person grants an application: for which organisation, as what, how much."""

import datetime as dt
from dataclasses import dataclass

from auth.grants.applications import Application
from auth.people.memberships import turn_of
from auth.people.standing import SignedIn, Standing, standing_of
from auth.scope import Scope, named, scopes_for
from auth.server.form import Refused
from auth.server.waiting import Waiting
from schema.people.account import Role


@dataclass(frozen=True)
class Granted:
    """Who signed in, how surely and when, and what of it an application may use; `issuer` None: we signed it in."""

    subject: str
    tenant_ods: str
    roles: frozenset[Role]
    scopes: frozenset[Scope]
    acr: str
    authenticated_at: dt.datetime
    issuer: str | None = None


def spelt(scope: str | None) -> frozenset[str]:
    """Return the names in a scope, each of which must be one of ours or `noun:*`."""
    names = frozenset((scope or "").split(" ")) - {""}
    if not all(named([name], Scope) for name in names):
        raise Refused(
            "scope names what is none here; scopes_supported in the metadata lists them", error="invalid_scope"
        )
    return names


def offer(scope: str | None, standing: Standing, application: Application) -> frozenset[Scope]:
    """Return what a person may give an application of what it asks for; of everything, when it names nothing."""
    names, may = spelt(scope), givable(standing, application)
    return named(names, may) if names else may


def givable(standing: Standing, application: Application) -> frozenset[Scope]:
    """Return what a person may give an application at most."""
    return application.scopes & frozenset(scopes_for(standing.roles, standing.kind))


def standing_from_now(db: Waiting, who: SignedIn, tenant_ods: str) -> Standing | None:
    """Return the same for what begins now: a role that ends meanwhile waits, and so ends what began by it, too."""
    db.wait(lambda transaction: transaction.share(turn_of(tenant_ods)))
    return standing_now(db, who, tenant_ods)


def standing_now(db: Waiting, who: SignedIn, tenant_ods: str) -> Standing | None:
    """Return how a person stands in an organisation now, None when it speaks for it no longer, or is signed out."""
    found = db.wait(lambda transaction: standing_of(transaction, who))
    return next((each for each in found if each.tenant_ods == tenant_ods), None)
