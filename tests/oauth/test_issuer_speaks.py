"""The issuer that is not ours, and the clients that are not ours, understand each other: what is tried with them counts."""

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError
from joserfc.jwk import ECKey, KeySet

from tests.oauth.browser import Browser
from tests.oauth.issuer import Issuer, running
from tests.oauth.node import Node, NodeError, binding_key

LIBRARIES = pytest.mark.parametrize("library", ["oauth4webapi", "openid-client"])
BACK = "http://127.0.0.1:9/back"
AUDIENCE = "https://reinstate.example/graphql"
SECRET = "made up for the issuer and its client"
PERSON = {"sub": "person-1", "acr": "aal3", "org_code": "R1A", "role_code": "R8000"}
CLIENT = {"client_id": "reinstate", "redirect_uris": [BACK], "client_secret": SECRET}
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"


@pytest.fixture(scope="module")
def running_issuer(node: Node) -> Iterator[Issuer]:
    """An issuer for the module."""
    with running(client=CLIENT, audience=AUDIENCE, scope="activity:read", person=PERSON) as issuer:
        yield issuer


@pytest.fixture
def issuer(running_issuer: Issuer) -> Issuer:
    """The issuer as it was told to be at first."""
    running_issuer.tell(client=CLIENT, person=PERSON, alg="ES256")
    return running_issuer


@pytest.fixture
def us(issuer: Issuer) -> dict[str, Any]:
    """Its client, as the scripts are told of it."""
    return {"issuer": issuer.url, "algorithm": "oidc", "client_id": "reinstate", "secret": SECRET}


def answered(node: Node, library: str, /, **asked: Any) -> dict[str, Any]:
    """Send a browser of one's own to sign in, and give all that `code` is asked with its answer."""
    asked = {"redirect_uri": BACK, "scope": "openid"} | asked
    begun = node.got("code", library, **asked)
    with Browser() as browser:
        return asked | {"answered": browser.redirected(begun["url"], BACK), "held": begun["held"]}


def signed_in(node: Node, library: str, /, **asked: Any) -> dict[str, Any]:
    """Sign in by code, and give the tokens."""
    return node.got("code", library, **answered(node, library, **asked))


def read(token: str, issuer: Issuer, alg: str) -> jwt.Token:
    """Read a JWT by the keys that the issuer publishes now."""
    keys = KeySet.import_key_set(httpx.get(f"{issuer.url}/jwks", trust_env=False).json())
    return jwt.decode(token, keys, algorithms=[alg])


@LIBRARIES
@pytest.mark.parametrize("alg", ["ES256", "RS256"])
def test_a_person_signs_in_by_code(node: Node, issuer: Issuer, us: dict[str, Any], library: str, alg: str) -> None:
    issuer.tell(alg=alg)
    got = signed_in(node, library, **us)
    claims = read(got["id_token"], issuer, alg).claims
    assert got["claims"] == claims
    assert (claims["iss"], claims["aud"]) == (issuer.url, "reinstate")
    assert {name: claims[name] for name in PERSON} == PERSON
    assert abs(claims["auth_time"] - time.time()) < 60


@LIBRARIES
@pytest.mark.parametrize("alg", ["ES256", "RS256"])
def test_a_token_for_our_audience_is_a_jwt(
    node: Node, issuer: Issuer, us: dict[str, Any], library: str, alg: str
) -> None:
    issuer.tell(alg=alg, person=PERSON | {"auth_time": int(time.time()) - 3600})
    got = signed_in(node, library, **us, scope="openid activity:read", resource=AUDIENCE)
    token = read(got["access_token"], issuer, alg)
    assert token.header["typ"] == "at+jwt"
    assert (token.claims["iss"], token.claims["aud"], token.claims["scope"]) == (issuer.url, AUDIENCE, "activity:read")
    assert {name: token.claims[name] for name in PERSON} == PERSON
    assert 3590 < time.time() - token.claims["auth_time"] < 3700
    reader = {"issuer": issuer.url, "algorithm": "oidc", "client_id": "a reader", "audience": AUDIENCE}
    assert node.got("resource_server", **reader, access_token=got["access_token"]) == token.claims


@LIBRARIES
def test_a_public_client_pushes_its_request_and_binds_its_tokens(
    node: Node, issuer: Issuer, us: dict[str, Any], library: str
) -> None:
    # It wants its nonce in every proof, so that the clients send each request twice.
    issuer.tell(client={"client_id": "public", "redirect_uris": [BACK], "token_endpoint_auth_method": "none"})
    key = binding_key()
    public = us | {"client_id": "public", "secret": None, "dpop": key}
    got = signed_in(node, library, **public, par=True, scope="openid offline_access", parameters={"prompt": "consent"})
    assert got["token_type"] == "dpop"
    userinfo = {"url": f"{issuer.url}/me", "method": "GET"}
    assert (
        node.got("dpop", library, **public, **userinfo, access_token=got["access_token"])["body"]["sub"] == "person-1"
    )
    other = public | {"dpop": binding_key()}
    assert node.refused("dpop", library, **other, **userinfo, access_token=got["access_token"])["status"] == 401
    assert node.refused("refresh", library, **other, refresh_token=got["refresh_token"])["error"] == "invalid_grant"
    again = node.got("refresh", library, **public, refresh_token=got["refresh_token"])
    assert (again["token_type"], again["claims"]["sub"]) == ("dpop", "person-1")


def test_a_token_for_our_audience_may_be_bound(node: Node, issuer: Issuer, us: dict[str, Any]) -> None:
    bound = us | {"dpop": binding_key()}
    token = signed_in(node, "openid-client", **bound, scope="openid activity:read", resource=AUDIENCE)["access_token"]
    claims = node.got("resource_server", **bound, access_token=token, audience=AUDIENCE)
    assert claims["cnf"] == {"jkt": ECKey.import_key(bound["dpop"]).thumbprint()}
    for thief in (us, us | {"dpop": binding_key()}):
        assert node.refused("resource_server", **thief, access_token=token, audience=AUDIENCE)["code"]


@LIBRARIES
def test_a_person_signs_in_on_another_device(node: Node, issuer: Issuer, us: dict[str, Any], library: str) -> None:
    device = node.got("device", library, **us, scope="openid")
    assert node.refused("device", **us, device=device)["error"] == "authorization_pending"
    with Browser() as browser:
        page = browser.open(device["verification_uri_complete"])
        confirmation = browser.submit(page)
        assert device["user_code"] in confirmation.text
        assert "successful" in browser.submit(confirmation).text
    got = node.got("device", library, **us, device=device | {"interval": 0})
    assert got["claims"]["org_code"] == "R1A"


@LIBRARIES
def test_a_token_is_exchanged(node: Node, issuer: Issuer, us: dict[str, Any], library: str) -> None:
    subject = {"subject_token": signed_in(node, library, **us)["access_token"], "subject_token_type": ACCESS_TOKEN}
    got = node.got("exchange", library, **us, parameters=subject)
    assert got["issued_token_type"] == ACCESS_TOKEN
    assert node.got("introspection", library, **us, token=got["access_token"])["sub"] == "person-1"
    refused = node.refused("exchange", library, **us, parameters=subject | {"subject_token": "none"})
    assert (refused["status"], refused["error"]) == (400, "invalid_grant")


@LIBRARIES
@pytest.mark.parametrize(
    ("tampering", "code"),
    [
        (("iss=http", "iss=https"), "OAUTH_INVALID_RESPONSE"),
        (("iss=", "no_iss="), "OAUTH_INVALID_RESPONSE"),
        (("state=", "state=x"), "OAUTH_INVALID_RESPONSE"),
        (("code=", "code=x"), "OAUTH_RESPONSE_BODY_ERROR"),
    ],
)
def test_an_answer_that_was_tampered_with_is_refused(
    node: Node, us: dict[str, Any], library: str, tampering: tuple[str, str], code: str
) -> None:
    asked = answered(node, library, **us)
    tampered = asked["answered"].replace(*tampering)
    assert tampered != asked["answered"]
    assert node.refused("code", library, **asked | {"answered": tampered})["code"] == code


@LIBRARIES
def test_a_person_declines(node: Node, issuer: Issuer, us: dict[str, Any], library: str) -> None:
    issuer.tell(person=None)
    assert node.refused("code", library, **answered(node, library, **us))["error"] == "access_denied"


def test_the_issuer_rotates_its_keys(node: Node, issuer: Issuer, us: dict[str, Any]) -> None:
    (first,) = issuer.tell(rotate="drop")
    before = signed_in(node, "oauth4webapi", **us)["id_token"]
    second, *kept = issuer.tell(rotate="keep")
    assert kept == [first]
    after = signed_in(node, "oauth4webapi", **us)["id_token"]
    assert [read(token, issuer, "ES256").header["kid"] for token in (before, after)] == [first, second]
    assert first not in issuer.tell(rotate="drop")
    with pytest.raises(InvalidKeyIdError):
        read(after, issuer, "ES256")


def test_an_issuer_that_ends_says_why(node: Node) -> None:
    with running(client=CLIENT, audience=AUDIENCE) as issuer, pytest.raises(NodeError, match="valid web uri"):
        issuer.tell(port="none")
