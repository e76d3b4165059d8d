"""What sign-in may forget, because it would be refused anyway."""

import datetime as dt

from sqlalchemy import delete
from sqlmodel import col

from auth.federation.tables import LoginAtIssuer
from auth.grants.tables import AuthorizationCode, DeviceCode, PushedRequest, RefreshToken, UsedProof
from auth.people.tables import Attempt, BrowserSession
from auth.tables import RevokedToken, UsedAssertion
from auth.tenancy import Transaction

_AT_ONCE = (RevokedToken, UsedAssertion)
# Kept a day longer: whoever brings such a one again once it was used ends what it became.
_A_DAY_LATER = (
    Attempt,
    AuthorizationCode,
    BrowserSession,
    DeviceCode,
    LoginAtIssuer,
    PushedRequest,
    RefreshToken,
    UsedProof,
)


async def forget_expired(db: Transaction) -> None:
    """Forget what has expired; as `Operator`, now and then."""
    now = dt.datetime.now(dt.UTC)
    for noun in _AT_ONCE:
        await db.write(delete(noun).where(col(noun.expires_at) < now))
    for kept in _A_DAY_LATER:
        await db.write(delete(kept).where(col(kept.expires_at) < now - dt.timedelta(days=1)))
