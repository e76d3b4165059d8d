"""OAuth clients that are not ours sign in at our server as machines, and use, show and end what they get."""

import json
from typing import Any

import pytest

from tests.oauth.conftest import Served
from tests.oauth.node import FOLDER, Node, binding_key

LIBRARIES = pytest.mark.parametrize("library", ["oauth4webapi", "openid-client"])
WHO = {"query": "{ viewer { organisation { odsCode } } }"}


@pytest.fixture(scope="module")
def machine(served: Served) -> dict[str, Any]:
    """A machine client of a trust's."""
    return served.register("R1A")


def test_the_lock_names_no_registry_and_carries_hashes() -> None:
    packages = json.loads((FOLDER / "package-lock.json").read_bytes())["packages"]
    packages.pop("")
    assert [name for name, told in packages.items() if "resolved" in told] == []
    assert all(told["integrity"].startswith("sha512-") for told in packages.values())


@LIBRARIES
def test_they_find_what_the_server_offers(node: Node, served: Served, library: str) -> None:
    told = node.got("discovery", library, issuer=served.url, client_id="anybody")
    assert (told["issuer"], told["token_endpoint"]) == (served.url, f"{served.url}/oauth2/token")
    assert "private_key_jwt" in told["token_endpoint_auth_methods_supported"]


@LIBRARIES
@pytest.mark.parametrize("alg", ["ES256", "PS256", "RS512", "Ed25519"])
def test_they_sign_in_by_key(node: Node, served: Served, library: str, alg: str) -> None:
    token = node.got("client_credentials", library, **served.register(alg=alg), scope="activity:read")
    assert (token["token_type"], token["expires_in"], token["scope"]) == ("bearer", 300, "activity:read")


@LIBRARIES
def test_a_wrong_key_is_refused(node: Node, machine: dict[str, Any], library: str) -> None:
    thief = machine | {"key": binding_key() | {"kid": machine["key"]["kid"]}}
    refused = node.refused("client_credentials", library, **thief)
    assert (refused["status"], refused["error"]) == (401, "invalid_client")


@LIBRARIES
def test_a_scope_that_is_not_theirs_is_refused(node: Node, machine: dict[str, Any], library: str) -> None:
    refused = node.refused("client_credentials", library, **machine, scope="build:register")
    assert (refused["status"], refused["error"]) == (400, "invalid_scope")


@LIBRARIES
def test_they_ask_with_what_they_get(node: Node, machine: dict[str, Any], library: str) -> None:
    token = node.got("client_credentials", library, **machine)["access_token"]
    asked = {"url": f"{machine['issuer']}/graphql", "body": WHO}
    answer = node.got("dpop", library, **machine, **asked, access_token=token)
    assert answer == {"status": 200, "body": {"data": {"viewer": {"organisation": {"odsCode": "R1A"}}}}}
    refused = node.refused("dpop", library, **machine, **asked, access_token=f"{token}x")
    assert (refused["status"], refused["challenges"][0]["parameters"]["error"]) == (401, "invalid_token")


@LIBRARIES
def test_they_look_into_a_token_and_end_it(node: Node, machine: dict[str, Any], library: str) -> None:
    token = node.got("client_credentials", library, **machine)["access_token"]
    seen = node.got("introspection", library, **machine, token=token)
    assert (seen["active"], seen["client_id"], seen["tenant"]) == (True, machine["client_id"], "R1A")
    assert node.got("revocation", library, **machine, token=token) == {}
    assert node.got("introspection", library, **machine, token=token) == {"active": False}


def test_a_foreign_resource_server_reads_our_token(node: Node, machine: dict[str, Any]) -> None:
    token = node.got("client_credentials", **machine)["access_token"]
    asked = {"issuer": machine["issuer"], "client_id": "a reader", "access_token": token}
    claims = node.got("resource_server", **asked, audience=f"{machine['issuer']}/graphql")
    assert (claims["client_id"], claims["tenant"]) == (machine["client_id"], "R1A")
    refused = node.refused("resource_server", **asked, audience="https://elsewhere.example/graphql")
    assert refused["code"] == "OAUTH_JWT_CLAIM_COMPARISON_FAILED"
