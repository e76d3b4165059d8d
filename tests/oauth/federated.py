"""An issuer of one trust's that is not ours, registered and mapped, and our server twice beside it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.installed import Replica
from tests.oauth.browser import Browser
from tests.oauth.conftest import Served
from tests.oauth.issuer import Issuer, running
from tests.oauth.node import Node
from tests.oauth.walking import BACK, Walker

NAME = "R1A staff"
READS = "activity:read progress:read"
MORE = "build:register issuer:manage"
PERSON = {"sub": "person-1", "acr": "aal3", "org_code": "R1A", "role_code": "R8000"}
SECRET = "made up for the issuer and its client"
WARD = {"client_id": "ward", "redirect_uris": [BACK], "client_secret": SECRET}
CLI = "reinstate-cli"
WHO = "viewer { subject roles scopes organisation { odsCode } }"
ROWS = {"query": f"{{ {WHO} systems {{ nodes {{ organisation {{ odsCode }} }} }} }}"}


@dataclass
class Trust:
    """R1A's issuer, our server twice on one database, and R1A's and RYG's systems."""

    served: Served
    beside: Replica
    issuer: Issuer
    node: Node

    @property
    def us(self) -> dict[str, Any]:
        """Ourselves as its client: by our own keys, which it does not fetch from a loopback."""
        keys = httpx.get(f"{self.served.url}/oauth2/jwks", trust_env=False).json()
        by_key = {"token_endpoint_auth_method": "private_key_jwt", "token_endpoint_auth_signing_alg": "ES256"}
        return {"client_id": "reinstate", "redirect_uris": [f"{self.served.url}/sign-in/back"], "jwks": keys, **by_key}

    @property
    def cli(self) -> dict[str, Any]:
        """Our command line, as the scripts are told of it."""
        return {"issuer": self.served.url, "client_id": CLI}

    def sees(self, **person: Any) -> Walker:
        """Have somebody at the issuer, and give the browser in which she signs in at it."""
        self.issuer.tell(client=self.us, person=PERSON | person)
        return Walker(by=NAME)

    def token(self, **person: Any) -> str:
        """Have somebody sign in at the issuer for a client there, and give its access token for our API."""
        return str(self.tokens(self.served.graphql, **person)["access_token"])

    def tokens(self, audience: str, dpop: Any = None, **person: Any) -> dict[str, Any]:
        """Have somebody sign in at the issuer for a client there, and give what it gets for an audience."""
        self.issuer.tell(client=WARD, person=PERSON | person, audience=audience)
        asked: dict[str, Any] = {"issuer": self.issuer.url, "algorithm": "oidc", "client_id": "ward", "secret": SECRET}
        asked |= {"redirect_uri": BACK, "scope": f"openid {READS} {MORE}", "resource": audience}
        asked |= {"dpop": dpop} if dpop else {}
        begun = self.node.got("code", **asked)
        with Browser() as browser:
            back = browser.redirected(begun["url"], BACK)
        return self.node.got("code", **asked, answered=back, held=begun["held"])

    def rows(self, token: str) -> list[Any]:
        """Ask either replica by a token; give the data, or None where it is not let in."""
        headers = {"Authorization": f"Bearer {token}"}
        urls = self.served.url, self.beside.url
        found = [httpx.post(f"{url}/graphql", json=ROWS, headers=headers, trust_env=False, timeout=30) for url in urls]
        assert {answer.status_code for answer in found} <= {200, 401}
        return [answer.json()["data"] if answer.status_code == 200 else None for answer in found]

    def lets_in(self, *tokens: str) -> bool:
        """Tell whether both replicas let every one of these in."""
        return all(all(self.rows(token)) for token in tokens)

    def keeps_out(self, *tokens: str) -> bool:
        """Tell whether neither replica lets any of these in."""
        return not any(any(self.rows(token)) for token in tokens)


def organisations_in(data: Any) -> list[str]:
    """Give whose systems an answer shows."""
    return sorted(node["organisation"]["odsCode"] for node in data["systems"]["nodes"])


@contextmanager
def federated(served: Served, beside: Replica, node: Node, folder: Path) -> Iterator[Trust]:
    """Have all of it, the issuer registered and mapped by the operator."""
    served.stage.tell("R1A", "RYG")
    with running(client=WARD, audience=served.graphql, scope=f"{READS} {MORE}", person=PERSON) as issuer:
        register(served, issuer, folder / "issuer.json")
        yield Trust(served, beside, issuer, node)


def register(served: Served, issuer: Issuer, file: Path) -> None:
    """Register an issuer for R1A by what it says of itself, and map its one role."""
    told = httpx.get(f"{issuer.url}/.well-known/openid-configuration", trust_env=False).json()
    endpoints = {"jwksUri": told["jwks_uri"], "tokenEndpoint": told["token_endpoint"]}
    endpoints |= {"authorizationEndpoint": told["authorization_endpoint"], "iss": told["issuer"]}
    stated = {"name": NAME, "modes": ["ACCESS", "EXCHANGE", "LOGIN"], "algorithms": ["ES256"], "clientId": "reinstate"}
    stated |= {"tokenAudience": served.graphql, "stepUpAcr": ["aal3"], "acceptedAcr": ["aal2"]}
    file.write_text(json.dumps(stated | endpoints), encoding="utf-8")
    served.operate("issuer", "add", "R1A", str(file))
    served.operate("issuer", "map", "R1A", issuer.url, "R1A", "R8000", "TRUST_IT")
