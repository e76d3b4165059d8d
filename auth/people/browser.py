"""A person signed in in a browser: found by its cookie, begun at every sign-in, and ended."""

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field, fields

from sqlalchemy import exists, func, insert, update
from sqlmodel import col, select

from auth.caller import AAL1, AAL2
from auth.people.tables import BrowserSession
from auth.tenancy import Transaction
from auth.tokens.secret import BITS_256, hashed, new_secret
from schema.people.account import Account

LIFE = dt.timedelta(hours=12)
STEP_LIFE = dt.timedelta(minutes=10)
COMPLETE = (AAL1, AAL2)
SECOND_FACTOR, NEW_PASSWORD = "second-factor", "new-password"  # in place of an acr: what is left to do first
ANY = (*COMPLETE, SECOND_FACTOR, NEW_PASSWORD)


@dataclass(frozen=True)
class Browser:
    """Who is signed in in a browser, how surely and since when; `issuer` None: we signed the person in."""

    id_hash: str
    subject: str
    csrf: str = field(repr=False)
    acr: str
    authenticated_at: dt.datetime
    issuer: str | None = None
    tenant_ods: str | None = None
    roles: list[str] = field(default_factory=list)


_HELD = {each.name for each in fields(Browser)}


async def find(db: Transaction, cookie: str | None, among: Collection[str] = COMPLETE) -> Browser | None:
    """Return who is signed in by this cookie, None when nobody is any longer, or not all steps are done."""
    if not cookie or not BITS_256.fullmatch(cookie):
        return None
    now = func.clock_timestamp()
    alive = col(BrowserSession.ended_at).is_(None), col(BrowserSession.expires_at) > now
    later = col(Account.signed_out_at) >= col(BrowserSession.authenticated_at)  # suspended or reset since
    signed_out = exists().where(col(Account.subject) == col(BrowserSession.subject), later)
    row = await db.one(select(BrowserSession).where(col(BrowserSession.id_hash) == hashed(cookie), *alive, ~signed_out))
    return Browser(**row.model_dump(include=_HELD)) if row and row.acr in among else None


async def start(  # noqa: PLR0913 - the first four are every sign-in's, the rest an issuer's
    db: Transaction,
    subject: str,
    acr: str,
    authenticated_at: dt.datetime,
    *,
    issuer: str | None = None,
    tenant_ods: str | None = None,
    roles: Sequence[str] = (),
) -> tuple[str, Browser]:
    """Begin a session and return the value of its cookie; whoever steps up gets a new one, too (fixation)."""
    cookie = new_secret()
    browser = Browser(hashed(cookie), subject, new_secret(), acr, authenticated_at, issuer, tenant_ods, list(roles))
    now, life = func.clock_timestamp(), LIFE if acr in COMPLETE else STEP_LIFE
    await db.write(insert(BrowserSession).values(**asdict(browser), started_at=now, expires_at=now + life))
    return cookie, browser


async def end(db: Transaction, id_hash: str) -> bool:
    """End a session; a second time changes nothing and is told."""
    alive = col(BrowserSession.id_hash) == id_hash, col(BrowserSession.ended_at).is_(None)
    ended = update(BrowserSession).where(*alive).values(ended_at=func.clock_timestamp())
    return bool(await db.rows(ended.returning(col(BrowserSession.id_hash))))
