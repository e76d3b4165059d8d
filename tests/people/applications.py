"""Applications for a test, straight in the database, and time that passes there."""

import time
import uuid
from dataclasses import dataclass
from typing import Any

from joserfc import jwt
from sqlalchemy import update
from sqlmodel import col, select

from auth.ask import ASSERTION_TYPE
from auth.caller import Operator, SignIn
from auth.grants.tables import AuthorizationCode, RefreshToken
from auth.public_keys import KeyPair
from auth.scope import Scope
from auth.tokens.secret import hashed
from schema.people.api_client import ApiClient, AssertionProfile, ClientKind
from schema.people.session import Session
from tests.installed import URL, Site
from tests.sign_in_support import key_for

HOME = "https://app.example/back"


@dataclass(frozen=True)
class Client:
    """An application, and how it proves itself at our endpoints."""

    client_id: str
    redirect_uri: str
    key: KeyPair | None = None

    def form(self, **changes: Any) -> dict[str, Any]:
        """Give the fields by which it says who it is, with what a test changes."""
        if self.key is None:
            return {"client_id": self.client_id} | changes
        return {
            "client_id": None,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": self.assertion(),
        } | changes

    def assertion(self, **claims: Any) -> str:
        """Give a fresh assertion, but for what a test changes."""
        ours = {"iss": self.client_id, "sub": self.client_id, "aud": URL, "jti": str(uuid.uuid4())}
        ours |= {"exp": int(time.time()) + 120}
        assert self.key
        header = {"alg": "ES256", "kid": self.key.kid}
        return jwt.encode(header, ours | claims, self.key, algorithms=["ES256"])


def application(
    site: Site, client_id: str, *redirect_uris: str, organisation: str = "R1A", public: bool = True, **stated: Any
) -> Client:
    """Register an application of an organisation's."""
    key = None if public else key_for("ES256")
    keys = [key.as_dict(private=False) | {"kid": key.kid}] if key else []
    row = {"client_id": client_id, "redirect_uris": list(redirect_uris or (HOME,)), "jwks": {"keys": keys}}
    row |= {"kind": ClientKind.APPLICATION, "assertion_profile": AssertionProfile.RFC7523}
    row |= {"scopes": [scope.value for scope in Scope]} | stated

    async def work() -> None:
        async with site.database.change(Operator(organisation), "test client") as db:
            await db.keep(ApiClient(**db.made, **row))

    site.runner.run(work())
    return Client(client_id, row["redirect_uris"][0] if row["redirect_uris"] else "", key)


def changed(site: Site, noun: Any, key: Any, /, **values: Any) -> None:
    """Change rows that sign-in keeps: time passes, or somebody ends something."""

    async def work() -> None:
        async with site.database.change(SignIn(), "test") as db:
            await db.write(update(noun).where(key).values(**values))

    site.runner.run(work())


def found(site: Site, statement: Any) -> list[Any]:
    """Read what sign-in keeps."""

    async def work() -> list[Any]:
        async with site.database.change(SignIn(), "test") as db:
            return await db.all(statement)

    return site.runner.run(work())


def code_row(site: Site, code: str) -> AuthorizationCode:
    """Read a code's row."""
    (row,) = found(site, select(AuthorizationCode).where(col(AuthorizationCode.code_hash) == hashed(code)))
    return row


def refresh_row(site: Site, token: str) -> RefreshToken:
    """Read a refresh token's row."""
    (row,) = found(site, select(RefreshToken).where(col(RefreshToken.token_hash) == hashed(token)))
    return row


def session_of(site: Site, refresh_token: str) -> Session:
    """Read a refresh token's session."""
    id_ = refresh_row(site, refresh_token).session_id
    (row,) = found(site, select(Session).where(col(Session.id) == id_))
    return row
