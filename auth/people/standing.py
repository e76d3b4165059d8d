"""Whom a person may speak for now: by its memberships, or by what its issuer's mapping makes of it."""

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Row, exists, false, func, or_
from sqlmodel import col, select

from auth.federation.tables import FederatedIdentity
from auth.federation.vouching import identity_of, vouches
from auth.tenancy import Transaction
from schema.organisation import Organisation, OrganisationKind
from schema.people.account import Account, AccountStatus, Membership, MembershipStatus, Role
from schema.people.issuer import Issuer, IssuerMapping


@dataclass(frozen=True)
class Standing:
    """An organisation that a person may speak for, and as what."""

    tenant_ods: str
    kind: OrganisationKind
    name: str
    roles: frozenset[Role]


class SignedIn(Protocol):
    """Who signed in, and by whom: a browser, a session, or what was granted."""

    @property
    def subject(self) -> str:
        """The name it signed in by."""

    @property
    def authenticated_at(self) -> dt.datetime:
        """When."""

    @property
    def issuer(self) -> str | None:
        """Who signed it in; None: we did."""

    @property
    def tenant_ods(self) -> str | None:
        """The one organisation an issuer signed it in for."""

    @property
    def roles(self) -> Collection[str]:
        """What an issuer's mapping made of it."""


async def standing_of(db: Transaction, browser: SignedIn) -> list[Standing]:
    """Return the organisations a person may speak for now, by name; none: the account or its issuer is closed."""
    if browser.issuer is None:
        return _by_organisation(await _by_membership(db, browser))
    return _by_organisation(await _by_issuer(db, browser))


async def _by_membership(db: Transaction, browser: SignedIn) -> list[Row[Any]]:
    joined = (
        select(Organisation, Membership.role)
        .join(Membership, col(Membership.tenant_ods) == col(Organisation.ods_code))
        .join(Account, col(Account.subject) == col(Membership.subject))
    )
    active = (
        col(Membership.status) == MembershipStatus.ACTIVE,
        col(Account.status) == AccountStatus.ACTIVE,
        ~_is_signed_out(browser),
    )
    return await db.rows(joined.where(col(Membership.subject) == browser.subject, *active))


async def _by_issuer(db: Transaction, browser: SignedIn) -> list[Row[Any]]:
    gone = or_(col(Account.status) == AccountStatus.SUSPENDED, _is_signed_out(browser))
    suspended = exists().where(col(Account.subject) == browser.subject, gone)
    joined = (
        select(Organisation, IssuerMapping.role)
        .join(IssuerMapping, col(IssuerMapping.organisation_ods) == col(Organisation.ods_code))
        .join(Issuer, col(Issuer.id) == col(IssuerMapping.issuer_id))
        .outerjoin(FederatedIdentity, identity_of(browser.subject, browser.tenant_ods))
    )
    believed = col(Issuer.iss) == browser.issuer, col(Organisation.ods_code) == browser.tenant_ods, vouches()
    rows = await db.rows(joined.where(*believed, ~suspended))
    return [row for row in rows if row.role in browser.roles]


def _is_signed_out(browser: SignedIn) -> ColumnElement[bool]:
    """Return whether its account was suspended or reset after this sign-in."""
    return func.coalesce(col(Account.signed_out_at) >= browser.authenticated_at, false())


def _by_organisation(rows: Iterable[Row[Any]]) -> list[Standing]:
    roles: dict[str, set[Role]] = defaultdict(set)
    organisations: dict[str, Organisation] = {}
    for row in rows:
        organisations[row.Organisation.ods_code] = row.Organisation
        roles[row.Organisation.ods_code].add(row.role)
    listed = sorted(organisations.values(), key=lambda each: (each.name, each.ods_code))
    return [Standing(each.ods_code, each.kind, each.name, frozenset(roles[each.ods_code])) for each in listed]
