"""How sign-in stands now: the keys that verify and what was revoked, read from the database every 2 s."""

import asyncio
import datetime as dt
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import asyncpg
from joserfc.jwk import ECKey
from sqlalchemy import and_
from sqlmodel import col, select

from auth.caller import SignIn
from auth.federation import vouching
from auth.federation.registry import Bindings, believed
from auth.federation.vouching import Unsaid
from auth.tables import RevokedToken, SigningKey
from auth.tenancy import Database
from auth.tokens.access_token import LONGEST_LIFE
from schema.people.account import Account, AccountStatus
from schema.people.api_client import ApiClient, ClientStatus
from schema.people.session import Session, SessionEnd

FRESH = 2.0
STALE = 5.0
PATIENCE = 1.0
COOL_DOWN = 0.2
LONGEST_SESSION = dt.timedelta(hours=12)

_LOST = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)


class SignInUnavailable(Exception):  # noqa: N818 - it names what is so
    """What was revoked cannot be known now, so nobody is let in: answer 503."""


@dataclass(frozen=True)
class Standing:
    """What was true in the database at `read_at`, on this process's own clock."""

    read_at: float
    keys: Mapping[str, ECKey]
    revoked_tokens: frozenset[str]
    revoked_clients: frozenset[str]
    ended_sessions: frozenset[str]
    signed_out: Mapping[str, int]  # by subject: who signed in before this second (elsewhere) is signed out
    suspended: frozenset[str]  # subjects: who signed in meanwhile, or is spoken of by an issuer, is not let in either
    issuers: Bindings
    unsaid: Unsaid


class Watch:
    """Keeps the standing no older than 2 s while somebody asks, and refuses one older than 5 s."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._standing: Standing | None = None
        self._failed_at = float("-inf")
        self._turn = asyncio.Lock()

    async def look(self, within: float = FRESH) -> Standing:
        """Return the standing of these last seconds; the database is asked once, however many ask us."""
        if not self._younger(within):
            async with self._turn:
                if not self._younger(within) and self._clock() - self._failed_at > COOL_DOWN:
                    await self._refresh()
        if self._standing is None or not self._younger(STALE):
            raise SignInUnavailable("Sign-in cannot reach its database; try again shortly.")
        return self._standing

    def _younger(self, age: float) -> bool:
        return self._standing is not None and self._clock() - self._standing.read_at < age

    async def _refresh(self) -> None:
        began = self._clock()
        try:
            async with asyncio.timeout(PATIENCE):
                self._standing = await _read(self._database, began, self._standing)
                if self._standing.unsaid:
                    await _end(self._database, self._standing.unsaid)
        except _LOST:
            self._failed_at = self._clock()


async def _end(database: Database, unsaid: Unsaid) -> None:
    async with database.change(SignIn(), "issuer ended") as db:
        await vouching.end(db, unsaid)


async def _read(database: Database, began: float, before: Standing | None) -> Standing:
    known = before.keys if before else {}
    long_ago = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=2 * LONGEST_LIFE)  # no token of before lives
    async with database.transaction(SignIn(), "verify", read_only=True) as db:
        keys = await db.rows(select(SigningKey.kid, SigningKey.public_jwk))
        alive = col(RevokedToken.expires_at) > dt.datetime.now(dt.UTC) - dt.timedelta(minutes=2)
        tokens = await db.all(select(RevokedToken.jti).where(alive))
        clients = await db.all(select(ApiClient.client_id).where(col(ApiClient.status) == ClientStatus.REVOKED))
        ended = await db.all(select(Session.id).where(col(Session.ended_at) > long_ago))
        # By when a session would expire, not by when its end was noted: that is the demonstration's clock.
        by_administrator = select(SessionEnd.session_id).join(Session, col(Session.id) == SessionEnd.session_id)
        ended += await db.all(by_administrator.where(col(Session.expires_at) > long_ago))
        # Its people's tokens may have been exchanged: those name another client, but the session it was begun for.
        revoked = col(ApiClient.client_id) == col(Session.client_id), col(ApiClient.status) == ClientStatus.REVOKED
        of_gone = select(Session.id).join(ApiClient, and_(*revoked))
        ended += await db.all(of_gone.where(col(Session.expires_at) > long_ago, col(Session.ended_at).is_(None)))
        lately = col(Account.signed_out_at) > long_ago - LONGEST_SESSION
        gone = await db.rows(select(Account.subject, Account.signed_out_at).where(lately))
        with_account = select(Session.id).join(Account, col(Account.subject) == col(Session.subject))
        ended += await db.all(with_account.where(lately, col(Account.signed_out_at) >= col(Session.authenticated_at)))
        suspended = await db.all(select(Account.subject).where(col(Account.status) == AccountStatus.SUSPENDED))
        issuers, unsaid = await believed(db), await vouching.unsaid(db)
    return Standing(
        began,
        {row.kid: known.get(row.kid) or ECKey.import_key(row.public_jwk) for row in keys},
        frozenset(tokens),
        frozenset(clients),
        frozenset(map(str, [*ended, *unsaid.sessions])),
        {row.subject: int(row.signed_out_at.timestamp()) for row in gone},
        frozenset(suspended),
        issuers,
        unsaid,
    )
