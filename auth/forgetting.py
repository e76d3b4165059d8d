"""What sign-in may forget, because it would be refused anyway."""

import datetime as dt

from sqlalchemy import delete
from sqlmodel import col

from auth.tables import RevokedToken, UsedAssertion
from auth.tenancy import Transaction


async def forget_expired(db: Transaction) -> None:
    """Forget used assertions and revoked tokens that have expired; as `Operator`, now and then."""
    now = dt.datetime.now(dt.UTC)
    await db.write(delete(UsedAssertion).where(col(UsedAssertion.expires_at) < now))
    await db.write(delete(RevokedToken).where(col(RevokedToken.expires_at) < now))
