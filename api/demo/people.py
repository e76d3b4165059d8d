"""The people of the demonstration: they sign in as anybody does, but that the replay proves no second factor."""

import uuid
from dataclasses import replace
from functools import partial

from auth.caller import AAL2, SignIn
from auth.grants import sessions
from auth.grants.applications import CLI
from auth.grants.granted import Granted, offer, standing_now
from auth.server.request import Context
from auth.server.waiting import Waiting, waiting
from auth.signing import ensure_keys
from auth.tenancy import Database
from auth.tokens.issuer import Issuer
from schema.people.account import home_of


class NotSignedInError(Exception):
    """A person who may not sign in: the account was suspended, or its role ended, by whoever looks around."""


class People:
    """The people whom the replay acts as: signed in at the command line's application, surely and just now."""

    def __init__(self, database: Database, issuer: Issuer) -> None:
        self._database = database
        self._issuer = issuer
        self._sessions: list[uuid.UUID] = []

    async def sign_in(self, subject: str) -> tuple[str, int]:
        """Begin a session of a person's at home; return its access token, and for how many seconds that lasts."""
        async with self._database.change(SignIn(), "demo sign-in") as db:
            ring = await ensure_keys(db, self._issuer)
            return await waiting(db, lambda plain: self._begin(Context(plain, self._issuer, ring), subject))

    async def sign_out(self) -> None:
        """End every session that was begun."""
        async with self._database.change(SignIn(), "demo sign-out") as db:
            for session_id in self._sessions:
                await waiting(db, partial(_end, session_id))
        self._sessions.clear()

    def _begin(self, context: Context, subject: str) -> tuple[str, int]:
        who = Granted(subject, home_of(subject), frozenset(), frozenset(), AAL2, context.db.now())
        standing = standing_now(context.db, who, who.tenant_ods)
        if standing is None:
            raise NotSignedInError(f"{subject} may not sign in.")
        granted = replace(who, roles=standing.roles, scopes=offer(None, standing, CLI))
        session = sessions.start(context.db, granted, CLI.client_id, None)
        self._sessions.append(session.id)
        answer = sessions.issue(context, session, standing.kind, granted.scopes, refresh=False)
        return str(answer["access_token"]), int(str(answer["expires_in"]))


def _end(session_id: uuid.UUID, db: Waiting) -> None:
    sessions.end(db, session_id)
