"""A sign-in to test: clients of two trusts and a supplier, and the endpoints over HTTP."""

import asyncio
import json
import secrets
import time
import uuid
from collections.abc import Coroutine
from contextlib import suppress
from functools import cache
from typing import Any, TypeVar

import httpx
from joserfc import jws
from joserfc.jwk import ECKey, OKPKey, RSAKey

from api.app import create_app
from auth import clients
from auth.ask import ASSERTION_TYPE
from auth.caller import Caller, Operator, SignIn
from auth.clients import RegisterClient, Registered
from auth.key_file import KeyFile
from auth.public_keys import KeyPair
from auth.signing import Ring, ensure_keys
from auth.tenancy import Database
from auth.tokens.access_token import Unauthenticated
from auth.tokens.issuer import Issuer
from auth.tokens.verifier import Verifier
from schema.people.api_client import ApiClient, AssertionProfile

T = TypeVar("T")
URL = "https://reinstate.example"
TOKEN_URL = f"{URL}/oauth2/token"
NHS, RFC7523 = AssertionProfile.NHS, AssertionProfile.RFC7523
ABSENT = object()

SCOPES = {"R1A": ["activity:read", "test:report"], "RYG": ["activity:read"], "SUPPLIER": ["build:register"]}


@cache
def rsa_key() -> RSAKey:
    """Give one RSA key for every test: making one is slow."""
    return RSAKey.generate_key(2048, auto_kid=True)


def key_for(alg: str) -> KeyPair:
    """Give a key that signs by this algorithm."""
    if alg.startswith("ES"):
        return ECKey.generate_key("P-256", auto_kid=True)
    return OKPKey.generate_key("Ed25519", auto_kid=True) if alg == "Ed25519" else rsa_key()


def merged(ours: dict[str, Any], theirs: dict[str, Any]) -> dict[str, Any]:
    """Give a dict with what a test changes or leaves out."""
    return {name: value for name, value in (ours | theirs).items() if value is not ABSENT}


class SignInUnderTest:
    """The token server and a verifier on one database, with a clientele."""

    def __init__(self, database_url: str, runner: asyncio.Runner) -> None:
        self.url = database_url
        self.runner = runner
        self.issuer = Issuer(URL, secrets.token_bytes(32))
        self.database = Database(database_url)
        self.verifier = Verifier(self.issuer, self.database)
        app = create_app(self.database, self.issuer)
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=URL)
        self.nhs = self.register(NHS, key=rsa_key())
        self.modern = self.register(RFC7523)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run what is asynchronous."""
        return self.runner.run(work)

    def register(self, profile: AssertionProfile = RFC7523, ods_code: str = "R1A", **stated: Any) -> KeyFile:
        """Register a client and give its key file."""

        async def work() -> Registered:
            async with self.database.change(Operator(ods_code), "client.register") as db:
                asked = RegisterClient(**({"scopes": SCOPES[ods_code], "profile": profile} | stated))
                found = await clients.register(db, TOKEN_URL, asked)
            assert isinstance(found, Registered), found
            return found

        key_file = self.run(work()).key_file
        assert key_file
        return key_file

    def revoke_client(self, client_id: str) -> None:
        """Revoke a client as the operator does."""

        async def work() -> object:
            async with self.database.change(Operator("Y60"), "client.revoke") as db:
                return await clients.revoke(db, client_id)

        assert isinstance(self.run(work()), ApiClient)

    def assertion(
        self,
        key_file: KeyFile,
        key: Any = None,
        header: dict[str, Any] | None = None,
        **claims: Any,
    ) -> str:
        """Write an assertion as the client would, but for what the test changes."""
        now = int(time.time())
        ours = {"iss": key_file.client_id, "sub": key_file.client_id, "aud": TOKEN_URL}
        ours |= {"jti": str(uuid.uuid4()), "exp": now + 240}
        alg = "RS512" if key_file.profile is NHS else "ES256"
        head = merged({"alg": alg, "typ": "JWT", "kid": key_file.key.kid}, header or {})
        body = merged(ours, claims)
        return jws.serialize_compact(head, json.dumps(body), key or key_file.key, [head["alg"]])

    def form(self, assertion: str, /, **fields: Any) -> dict[str, Any]:
        """Give the form that carries an assertion."""
        ours = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion,
        }
        return merged(ours, fields)

    def post(self, form: dict[str, Any], path: str = "/oauth2/token") -> httpx.Response:
        """Post a form."""
        return self.run(self.http.post(path, data=form))

    def ask(self, key_file: KeyFile, path: str = "/oauth2/token", **fields: Any) -> httpx.Response:
        """Post a form with a good assertion."""
        return self.post(self.form(self.assertion(key_file), **fields), path)

    def token(self, key_file: KeyFile | None = None, **fields: Any) -> str:
        """Get a token."""
        answer = self.ask(key_file or self.modern, **fields)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    def verify(self, token: str, verifier: Verifier | None = None) -> Caller | None:
        """Give the caller of a token, None when it is refused."""
        with suppress(Unauthenticated):
            return self.run((verifier or self.verifier).verify(token))
        return None

    def ring(self) -> Ring:
        """Give the signing keys."""

        async def work() -> Ring:
            async with self.database.change(SignIn(), "test") as db:
                return await ensure_keys(db, self.issuer)

        return self.run(work())

    def close(self) -> None:
        """Let go of everything."""
        self.run(self.http.aclose())
        self.run(self.database.close())
