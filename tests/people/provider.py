"""An identity provider of a test's own, small and obedient, and its registration straight in the database."""

import base64
import hashlib
import json
import secrets
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qsl

import pytest
from joserfc import jws
from joserfc.jwk import Key

from api.database import embedded
from auth.caller import Operator
from auth.federation.outside import Reach
from schema.people.account import Role
from schema.people.issuer import Issuer, IssuerMapping, IssuerMode, IssuerShape, IssuerStatus
from tests.installed import URL, Site
from tests.people.answering import Answering, public, reply
from tests.people.signed_in import site_for_people
from tests.sign_in_support import key_for, merged

AUDIENCE = f"{URL}/graphql"
STRONG = "urn:example:two"


class Provider:
    """A provider at a web server: it publishes its key, and signs whatever a test wants."""

    def __init__(self, server: Answering, name: str = "provider", alg: str = "ES256") -> None:
        self.server, self.alg = server, alg
        self.key: Key = key_for(alg)
        self.iss = f"{server.url}/{name}"
        self.path = f"/{name}"
        self.jwks_uri = server.says(f"{self.path}/jwks", public(self.key))
        self.redeemed: list[dict[str, str]] = []
        self.person: dict[str, Any] = {}
        self.userinfo: dict[str, Any] = {}
        self.asked: dict[str, str] = {}
        self.issuer: Any = None  # its row, where it is registered
        server.does(f"{self.path}/token", self._redeem)
        server.does(f"{self.path}/userinfo", self._tell)

    def sign(self, claims: dict[str, Any], header: dict[str, Any], key: Key | None = None) -> str:
        """Sign claims under a header, by our key or another; by hand, because libraries do not sign what tests try."""
        head = merged({"alg": self.alg, "kid": self.key.kid}, header)
        said = ".".join(
            base64.urlsafe_b64encode(json.dumps(each).encode()).decode().rstrip("=") for each in (head, claims)
        )
        signature = jws.JWSRegistry.algorithms[self.alg].sign(said.encode(), key or self.key)
        return f"{said}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"

    def access_token(self, header: dict[str, Any] | None = None, key: Key | None = None, **claims: Any) -> str:
        """Give an access token for our API, but for what the test changes."""
        now = int(time.time())
        ours: dict[str, Any] = {"iss": self.iss, "sub": "staff-1", "aud": AUDIENCE, "iat": now, "exp": now + 300}
        ours |= {"jti": secrets.token_urlsafe(8), "client_id": "their-client", "scope": "activity:read test:report"}
        ours |= {"org_code": "T1", "role_code": "it"}
        return self.sign(merged(ours, claims), {"typ": "at+jwt", **(header or {})}, key)

    def id_token(self, header: dict[str, Any] | None = None, key: Key | None = None, **claims: Any) -> str:
        """Give an id_token for our client there, but for what the test changes."""
        now = int(time.time())
        ours: dict[str, Any] = {"iss": self.iss, "sub": "staff-1", "aud": "reinstate", "iat": now, "exp": now + 300}
        ours |= {"nonce": self.asked.get("nonce"), "auth_time": now - 5, "org_code": "T1", "role_code": "it"}
        return self.sign(merged(ours, claims), {"typ": "JWT", **(header or {})}, key)

    def code_for(self, request: dict[str, str], **person: Any) -> str:
        """Sign a person in who was sent here with this request; return the code. `person`: what its id_token says."""
        self.asked, self.person, self.code = request, person, secrets.token_urlsafe(8)
        return self.code

    def _redeem(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        form = dict(parse_qsl(body.decode()))
        self.redeemed.append(form)
        digest = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).decode()
        right = form["code"] == self.code and digest.rstrip("=") == self.asked["code_challenge"]
        told = {"access_token": "opaque", "token_type": "Bearer", "id_token": self.id_token(**self.person)}
        reply(handler, told if right else {"error": "invalid_grant"}, 200 if right else 400)

    def _tell(self, handler: BaseHTTPRequestHandler, _: bytes) -> None:
        right = handler.headers.get("authorization") == "Bearer opaque"
        reply(handler, self.userinfo if right else {}, 200 if right else 401)


async def register(site: Site, provider: Provider, ods_code: str = "R1A", **stated: Any) -> Issuer:
    """Register a provider for an organisation, as the operator."""
    ours: dict[str, Any] = {
        "iss": provider.iss,
        "name": f"Provider of {ods_code}",
        "shape": IssuerShape.PLAIN,
        "modes": [mode.value for mode in (IssuerMode.ACCESS, IssuerMode.LOGIN)],
        "algorithms": [provider.alg],
        "jwks_uri": provider.jwks_uri,
        "token_audience": AUDIENCE,
        "client_id": "reinstate",
        "authorization_endpoint": f"{provider.iss}/authorize",
        "token_endpoint": f"{provider.iss}/token",
        "userinfo_endpoint": f"{provider.iss}/userinfo",
        "step_up_acr": [STRONG],
        "tenants": [ods_code],
    }
    async with site.database.change(Operator(ods_code), "test issuer") as db:
        return await db.keep(Issuer(**db.made, **(ours | stated)))


async def mapped(site: Site, issuer: Issuer, role: Role, codes: str = "T1 it", to: str = "") -> IssuerMapping:
    """Map an organisation's and a role's code, `T1 it`, to a role."""
    org_code, role_code = codes.split(" ")
    async with site.database.change(Operator(issuer.tenant_ods), "test mapping") as db:
        told = {"issuer_id": issuer.id, "org_code": org_code, "role_code": role_code, "role": role}
        return await db.keep(IssuerMapping(**db.made, **told, organisation_ods=to or issuer.tenant_ods))


async def switched(site: Site, issuer: Issuer, status: IssuerStatus) -> None:
    """Turn an issuer off, or on again."""
    async with site.database.change(Operator(issuer.tenant_ods), "test switch") as db:
        found = await db.find(Issuer, issuer.global_id())
        assert found
        found.status = status
        await db.keep(found)


async def ended(site: Site, mapping: IssuerMapping) -> None:
    """End a mapping."""
    async with site.database.change(Operator(mapping.tenant_ods), "test end") as db:
        found = await db.find(IssuerMapping, mapping.global_id())
        assert found
        found.active = False
        await db.keep(found)


@contextmanager
def site_with_issuers(cluster: embedded.Server) -> Iterator[Site]:
    """Have a site that asks issuers on this machine's loopback, too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Reach, "of", lambda *_: Reach(here=True))
        with site_for_people(cluster) as site:
            yield site


def unique(prefix: str = "provider") -> str:
    """Give a name that no other test has."""
    return f"{prefix}-{uuid.uuid4().hex[:8]}"
