"""How sign-in stands now: the keys that verify and what was revoked, read from the database every 2 s."""

import asyncio
import datetime as dt
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import asyncpg
from joserfc.jwk import ECKey
from sqlmodel import col, select

from auth.caller import SignIn
from auth.tables import RevokedToken, SigningKey
from auth.tenancy import Database
from auth.tokens.access_token import LONGEST_LIFE
from schema.api_client import ApiClient, ClientStatus
from schema.session import Session, SessionEnd

FRESH = 2.0
STALE = 5.0
PATIENCE = 1.0
COOL_DOWN = 0.2

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
        except _LOST:
            self._failed_at = self._clock()


async def _read(database: Database, began: float, before: Standing | None) -> Standing:
    known = before.keys if before else {}
    long_ago = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=2 * LONGEST_LIFE)  # no token of before lives
    async with database.transaction(SignIn(), "verify", read_only=True) as db:
        keys = await db.rows(select(SigningKey.kid, SigningKey.public_jwk))
        alive = col(RevokedToken.expires_at) > dt.datetime.now(dt.UTC) - dt.timedelta(minutes=2)
        tokens = await db.all(select(RevokedToken.jti).where(alive))
        clients = await db.all(select(ApiClient.client_id).where(col(ApiClient.status) == ClientStatus.REVOKED))
        ended = await db.all(select(Session.id).where(col(Session.ended_at) > long_ago))
        ended += await db.all(select(SessionEnd.session_id).where(col(SessionEnd.created_at) > long_ago))
    return Standing(
        began,
        {row.kid: known.get(row.kid) or ECKey.import_key(row.public_jwk) for row in keys},
        frozenset(tokens),
        frozenset(clients),
        frozenset(map(str, ended)),
    )
