"""Who vouches for a session that an issuer began: active mappings of an active issuer, and nobody else."""

import datetime as dt
import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import TEXT, ColumnElement, and_, any_, cast, func, not_, or_, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import col, select

from auth.federation.tables import FederatedIdentity
from auth.people.tables import BrowserSession
from auth.tenancy import Transaction
from auth.tokens.access_token import LONGEST_LIFE
from schema.people.issuer import Issuer, IssuerMapping, IssuerStatus
from schema.people.session import Session

_LAST_TOKEN = dt.timedelta(seconds=LONGEST_LIFE)  # may outlive its session

Signed = type[Session] | type[BrowserSession]


def identity_of(subject: Any, tenant_ods: Any) -> ColumnElement[bool]:
    """Say which identity at an issuer is a subject's, to join it by."""
    of = col(FederatedIdentity.issuer_id) == col(Issuer.id), col(FederatedIdentity.tenant_ods) == tenant_ods
    return and_(*of, col(FederatedIdentity.subject) == subject)


def vouches() -> ColumnElement[bool]:
    """Say whether a mapping of an issuer's vouches for a person with this identity there.

    Only a mapping that the person came by does: another code that means the same role does not stand in for one that
    was ended.
    """
    came_by = col(FederatedIdentity.mappings)
    return and_(
        col(Issuer.tenant_ods) == col(IssuerMapping.tenant_ods),
        col(Issuer.status) == IssuerStatus.ACTIVE,
        col(IssuerMapping.organisation_ods) == any_(col(Issuer.tenants)),
        col(IssuerMapping.active),
        or_(came_by.is_(None), col(IssuerMapping.id) == any_(came_by)),
    )


def _still_said(signed: Signed) -> ColumnElement[bool]:
    roles = (
        select(func.array_agg(cast(IssuerMapping.role, TEXT), type_=ARRAY(TEXT)))
        .select_from(Issuer)
        .join(IssuerMapping, col(IssuerMapping.issuer_id) == col(Issuer.id))
        .outerjoin(FederatedIdentity, identity_of(signed.subject, signed.tenant_ods))
        .where(
            col(Issuer.iss) == col(signed.issuer),
            col(IssuerMapping.organisation_ods) == col(signed.tenant_ods),
            vouches(),
        )
        .correlate(signed)
        .scalar_subquery()
    )
    return func.coalesce(col(signed.roles).contained_by(roles), False)  # type: ignore[attr-defined] # an array's


@dataclass(frozen=True)
class Unsaid:
    """The sessions at clients and the browsers that live though nobody vouches for them."""

    sessions: list[uuid.UUID]
    browsers: list[str]

    def __bool__(self) -> bool:
        """Tell whether there are any."""
        return bool(self.sessions or self.browsers)


async def unsaid(db: Transaction) -> Unsaid:
    """Return what lives though nobody vouches for it any more."""
    return Unsaid(
        await db.all(select(Session.id).where(*_unsaid(Session))),
        await db.all(select(BrowserSession.id_hash).where(*_unsaid(BrowserSession))),
    )


async def end(db: Transaction, found: Unsaid) -> None:
    """End it for good: an issuer that comes back does not revive it."""
    ended = {"ended_at": func.clock_timestamp()}
    sessions = update(Session).where(col(Session.id).in_(found.sessions), col(Session.ended_at).is_(None))
    await db.write(sessions.values(ended))
    browsers = update(BrowserSession).where(col(BrowserSession.id_hash).in_(found.browsers))
    await db.write(browsers.where(col(BrowserSession.ended_at).is_(None)).values(ended))


def _unsaid(signed: Signed) -> tuple[ColumnElement[bool], ...]:
    alive = col(signed.expires_at) > func.clock_timestamp() - _LAST_TOKEN
    return col(signed.issuer).is_not(None), col(signed.ended_at).is_(None), alive, not_(_still_said(signed))
