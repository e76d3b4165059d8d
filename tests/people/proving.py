"""What tests of bound and stepped-up tokens share: a key that proves itself, and tokens made without a sign-in."""

import base64
import json
import secrets
import time
import uuid
from typing import Any

import httpx
from joserfc import jws
from joserfc.jwk import Key

from auth import clients
from auth.ask import ASSERTION_TYPE, write_assertion
from auth.caller import AAL2, Operator, Person, SignIn
from auth.clients import RegisterClient, Registered
from auth.grants.dpop import fingerprint
from auth.scope import scopes_for, scopes_of
from auth.signing import Ring, ensure_keys
from auth.tokens.access_token import AccessToken, new_token_id
from schema.people.account import Role
from schema.people.api_client import AssertionProfile, ClientKind
from tests.installed import Site
from tests.sign_in_support import key_for, merged
from tests.stage import LISTED

TOKEN, API = "/oauth2/token", "/graphql"


def b64(value: object) -> str:
    """Give a segment of a JWT."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


class Prover:
    """A key, and the proofs that it makes (RFC 9449)."""

    def __init__(self, alg: str = "ES256") -> None:
        self.alg = alg
        self.key: Key = key_for(alg)

    @property
    def jkt(self) -> str:
        """The key's thumbprint."""
        return str(self.key.thumbprint())

    @property
    def jwk(self) -> dict[str, Any]:
        """The public half, without a kid."""
        return {name: value for name, value in self.key.as_dict(private=False).items() if name not in {"kid", "use"}}

    def proof(
        self, method: str, url: str, token: str | None = None, header: dict[str, Any] | None = None, **claims: Any
    ) -> str:
        """Make a proof, but for what the test changes; ABSENT leaves out."""
        ours = {"jti": secrets.token_urlsafe(12), "htm": method, "htu": url, "iat": int(time.time())}
        ours |= {"ath": fingerprint(token)} if token is not None else {}
        head = merged({"alg": self.alg, "typ": "dpop+jwt", "jwk": self.jwk}, header or {})
        # By hand, because a library does not sign what tests have to try.
        said = f"{b64(head)}.{b64(merged(ours, claims))}"
        signature = jws.JWSRegistry.algorithms[self.alg].sign(said.encode(), self.key)
        return f"{said}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"

    def headers(self, site: Site, token: str, method: str = "POST", **claims: Any) -> dict[str, str]:
        """Give the headers of a request to the API with a token that is bound to this key."""
        proof = self.proof(method, site.issuer.audience, token, **claims)
        return {"Authorization": f"DPoP {token}", "DPoP": proof}

    def at_token(self, site: Site, **claims: Any) -> dict[str, str]:
        """Give the header of a request to the token endpoint."""
        return {"DPoP": self.proof("POST", site.issuer.token_url, **claims)}


async def ring_of(site: Site) -> Ring:
    """Give a site's signing keys."""
    async with site.database.change(SignIn(), "test") as db:
        return await ensure_keys(db, site.issuer)


async def machine_token(site: Site, code: str = "R1A", **changes: Any) -> str:
    """Give a token of a machine's, but for what the test changes."""
    kind, now = LISTED[code][1], int(time.time())
    says = {"client_id": f"{code.lower()}-client", "tenant_ods": code, "kind": kind, "token_id": new_token_id()}
    says |= {"scopes": frozenset(scopes_of(kind)), "issued_at": now, "expires_at": now + 300}
    return AccessToken(**(says | changes)).write(site.issuer, await ring_of(site))


async def person_token(
    site: Site, code: str = "R1A", *roles: Role, acr: str = AAL2, ago: int = 0, **changes: Any
) -> str:
    """Give a token of a person's who signed in some seconds ago, for all that the roles allow."""
    person = Person(frozenset(roles), str(uuid.uuid4()), acr, int(time.time()) - ago)
    says: dict[str, Any] = {"client_id": "reinstate-cli", "subject": f"somebody@{code}", "person": person}
    says["scopes"] = frozenset(scopes_for(roles))
    return await machine_token(site, code, **(says | changes))


async def ask(site: Site, document: str, headers: dict[str, str], **variables: Any) -> httpx.Response:
    """Post a document with these headers alone."""
    return await site.http.post(API, json={"query": document, "variables": variables}, headers=headers)


def bearer(token: str) -> dict[str, str]:
    """Give the header of a bearer token."""
    return {"Authorization": f"Bearer {token}"}


async def registered(site: Site, ods_code: str = "R1A", **stated: Any) -> Registered:
    """Register a client: a machine with a key file, or what the test states."""
    async with site.database.change(Operator(ods_code), "test client") as db:
        asked = {"profile": AssertionProfile.RFC7523, "scopes": ["activity:read", "progress:read"]} | stated
        made = await clients.register(db, site.issuer.token_url, RegisterClient(**asked))
    assert isinstance(made, Registered), made
    return made


def proven(client: Registered) -> dict[str, str]:
    """Give the fields by which a client with a key proves itself."""
    assert client.key_file
    return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": write_assertion(client.key_file)}


PUBLIC = {"kind": ClientKind.APPLICATION, "public": True}
