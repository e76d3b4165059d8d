"""What people's tokens come to at OAuth clients that are not ours: renewed, bound, exchanged, looked into, ended."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from joserfc.jwk import ECKey

from tests.embedded import eventually
from tests.oauth.conftest import Served
from tests.oauth.node import Node, binding_key
from tests.oauth.walking import CONNECT, DEVICE, VIEWER, Walker, answered, asks, signed_in

LIBRARIES = pytest.mark.parametrize("library", ["oauth4webapi", "openid-client"])
PROOFS = pytest.mark.parametrize("alg", [None, "ES256"], ids=["public", "private_key_jwt"])
READS = "activity:read progress:read"
LEAD = "it.lead@R1A"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
WITHIN = 5  # seconds: what is promised


@pytest.fixture(scope="module")
def lead(served: Served) -> Iterator[Walker]:
    """The browser of somebody who stays signed in once she is."""
    with Walker(served.enrolled(LEAD, "TRUST_IT")) as walker:
        yield walker


@pytest.fixture(scope="module")
def application(served: Served) -> dict[str, Any]:
    """A public application."""
    return served.application()


@pytest.fixture(scope="module")
def confidential(served: Served) -> dict[str, Any]:
    """An application that proves itself by its key."""
    return served.application("ES256")


def ends(served: Served, token: str) -> bool:
    """Tell whether a bearer's token is let in no more, in the time that is promised."""
    return eventually(lambda: served.status(token) == 401, WITHIN)


@LIBRARIES
def test_a_public_client_s_refresh_token_is_used_once(
    node: Node, served: Served, lead: Walker, application: dict[str, Any], library: str
) -> None:
    first = signed_in(node, library, lead, **application, scope=READS)
    second = node.got("refresh", library, **application, refresh_token=first["refresh_token"])
    assert second["refresh_token"] != first["refresh_token"]
    assert (second["token_type"], second["scope"]) == ("bearer", READS)
    # The answer may have been lost: who asks again soon gets the same one.
    lost = node.got("refresh", library, **application, refresh_token=first["refresh_token"])
    assert lost["refresh_token"] == second["refresh_token"]
    narrow = {"scope": "progress:read"}
    third = node.got("refresh", library, **application, refresh_token=second["refresh_token"], parameters=narrow)
    assert third["scope"] == "progress:read"
    assert asks(node, application, third["access_token"])["viewer"]["subject"] == LEAD
    # Its successor was used: now it is a thief who brings it, and nobody goes on.
    for stolen in (first, third):
        refused = node.refused("refresh", library, **application, refresh_token=stolen["refresh_token"])
        assert (refused["status"], refused["error"]) == (400, "invalid_grant")
    assert ends(served, third["access_token"])


@LIBRARIES
def test_a_client_that_proves_itself_keeps_its_refresh_token(
    node: Node, lead: Walker, confidential: dict[str, Any], library: str
) -> None:
    told = signed_in(node, library, lead, **confidential, scope=READS)["refresh_token"]
    for _ in range(2):
        again = node.got("refresh", library, **confidential, refresh_token=told)
        assert "refresh_token" not in again
        assert asks(node, confidential, again["access_token"])["viewer"]["subject"] == LEAD
    more = {"scope": f"{READS} system:register"}
    assert (
        node.refused("refresh", library, **confidential, refresh_token=told, parameters=more)["error"]
        == "invalid_scope"
    )
    elsewhere = {"resource": "https://elsewhere.example/graphql"}
    refused = node.refused("refresh", library, **confidential, refresh_token=told, parameters=elsewhere)
    assert refused["error"] == "invalid_target"
    thief = confidential | {"key": binding_key() | {"kid": confidential["key"]["kid"]}}
    assert node.refused("refresh", library, **thief, refresh_token=told)["error"] == "invalid_client"


@LIBRARIES
@pytest.mark.parametrize("par", [False, True], ids=["in the address", "pushed"])
def test_a_token_is_bound_to_its_client_s_key(
    node: Node, served: Served, lead: Walker, library: str, par: bool
) -> None:
    key = binding_key()
    bare = served.application(dpop_bound=True)
    who, other = bare | {"dpop": key}, bare | {"dpop": binding_key()}
    got = signed_in(node, library, lead, **who, par=par, scope=READS)
    assert got["token_type"] == "dpop"
    assert asks(node, who, got["access_token"], library=library)["viewer"]["subject"] == LEAD
    read = node.got("resource_server", **who, access_token=got["access_token"], audience=served.graphql)
    assert read["cnf"] == {"jkt": ECKey.import_key(key).thumbprint()}
    api = {"url": served.graphql, "body": VIEWER, "access_token": got["access_token"]}
    for thief in (bare, other):
        refused = node.refused("dpop", library, **thief, **api)
        (challenge,) = refused["challenges"]
        assert (refused["status"], challenge["scheme"]) == (401, "dpop")
        assert challenge["parameters"]["error"] == "invalid_token"
        assert "ES256" in challenge["parameters"]["algs"].split()
    # Its refresh token is bound as well, and so need not change.
    told = got["refresh_token"]
    assert node.refused("refresh", library, **other, refresh_token=told)["error"] == "invalid_grant"
    assert node.refused("refresh", library, **bare, refresh_token=told)["error"] == "invalid_dpop_proof"
    again = node.got("refresh", library, **who, refresh_token=told)
    assert (again["token_type"], "refresh_token" in again) == ("dpop", False)
    assert asks(node, who, again["access_token"], library=library)["viewer"]["subject"] == LEAD


@LIBRARIES
def test_a_code_that_was_asked_for_by_a_key_is_for_that_key(
    node: Node, lead: Walker, application: dict[str, Any], library: str
) -> None:
    key = binding_key()
    who = application | {"parameters": {"dpop_jkt": ECKey.import_key(key).thumbprint()}}
    for thief in ({"dpop": binding_key()}, {}):
        asked = answered(node, library, lead, **who) | thief
        assert node.refused("code", library, **asked)["error"] == "invalid_grant"
    asked = answered(node, library, lead, **who)
    assert node.got("code", library, **asked, dpop=key)["token_type"] == "dpop"


@LIBRARIES
@pytest.mark.parametrize("bound", [False, True], ids=["bearer", "bound"])
def test_a_person_connects_a_device(node: Node, served: Served, lead: Walker, library: str, bound: bool) -> None:
    who = {"issuer": served.url, "client_id": "reinstate-cli", **({"dpop": binding_key()} if bound else {})}
    device = node.got("device", library, **who, scope=READS)
    assert device["verification_uri"] == f"{served.url}/device"
    assert (device["expires_in"], device["interval"]) == (600, 5)
    assert node.refused("device", **who, device=device)["error"] == "authorization_pending"
    assert node.refused("device", **who, device=device)["error"] == "slow_down"
    lead.walked.clear()
    assert "is connected" in lead.stays(device["verification_uri_complete"]).text
    assert lead.walked[-2:] == [DEVICE, CONNECT]
    got = node.got("device", library, **who, device=device | {"interval": 0})
    assert (got["token_type"], got["scope"]) == ("dpop" if bound else "bearer", READS)
    assert asks(node, who, got["access_token"], library=library)["viewer"]["subject"] == LEAD
    assert node.refused("device", **who, device=device)["error"] == "invalid_grant"
    again = node.got("refresh", library, **who, refresh_token=got["refresh_token"])
    assert ("refresh_token" in again) is not bound


@LIBRARIES
def test_a_person_does_not_connect_a_device(node: Node, served: Served, lead: Walker, library: str) -> None:
    who = {"issuer": served.url, "client_id": "reinstate-cli"}
    device = node.got("device", library, **who, scope=READS)
    lead.decision = "deny"
    try:
        assert "is not connected" in lead.stays(device["verification_uri_complete"]).text
    finally:
        lead.decision = "allow"
    assert node.refused("device", library, **who, device=device | {"interval": 0})["error"] == "access_denied"


@LIBRARIES
def test_a_machine_acts_for_a_person(
    node: Node, served: Served, lead: Walker, application: dict[str, Any], library: str
) -> None:
    machine, stranger = served.register("R1A"), served.register("RYG")
    token = signed_in(node, library, lead, **application)["access_token"]
    exchange = {"parameters": {"subject_token": token, "subject_token_type": ACCESS_TOKEN}}
    got = node.got("exchange", library, **machine, **exchange)
    assert (got["issued_token_type"], got["token_type"]) == (ACCESS_TOKEN, "bearer")
    assert got["scope"] == "activity:read test:report"  # what the machine may, of what the person may
    assert "refresh_token" not in got
    assert asks(node, machine, got["access_token"])["viewer"]["subject"] == LEAD
    said = node.got("resource_server", **machine, access_token=got["access_token"], audience=served.graphql)
    assert (said["sub"], said["act"], said["tenant"]) == (LEAD, {"sub": machine["client_id"]}, "R1A")
    refused = node.refused("exchange", library, **stranger, **exchange)
    assert (refused["status"], refused["error"]) == (400, "invalid_request")
    exchange["parameters"] |= {"scope": "decision:make"}
    assert node.refused("exchange", library, **machine, **exchange)["error"] == "invalid_scope"
    # What a machine got ends with the person's session.
    bound = machine | {"dpop": binding_key()}
    exchange["parameters"] |= {"scope": "activity:read"}
    assert node.got("exchange", library, **bound, **exchange)["token_type"] == "dpop"


@LIBRARIES
@PROOFS
def test_a_person_s_tokens_are_ended(node: Node, served: Served, lead: Walker, library: str, alg: str | None) -> None:
    who, other = served.application(alg), served.application()
    first, second = (signed_in(node, library, lead, **who, scope=READS) for _ in range(2))
    for token in (first["access_token"], first["refresh_token"]):
        assert node.got("revocation", library, **other, token=token) == {}  # a stranger's word counts for nothing
    assert node.got("revocation", library, **who, token=first["access_token"]) == {}
    assert ends(served, first["access_token"])
    renewed = node.got("refresh", library, **who, refresh_token=first["refresh_token"])
    assert served.status(renewed["access_token"]) == 200
    last = renewed.get("refresh_token", first["refresh_token"])
    assert node.got("revocation", library, **who, token=last) == {}
    assert ends(served, renewed["access_token"])
    assert node.refused("refresh", library, **who, refresh_token=last)["error"] == "invalid_grant"
    assert served.status(second["access_token"]) == 200
    assert node.got("revocation", library, **who, token="nobody's") == {}


@LIBRARIES
def test_tokens_are_looked_into_by_whom_they_concern(
    node: Node, served: Served, lead: Walker, confidential: dict[str, Any], library: str
) -> None:
    machine, stranger = served.register("R1A"), served.register("RYG")
    got = signed_in(node, library, lead, **confidential, scope=READS)
    for token, kind in ((got["access_token"], "Bearer"), (got["refresh_token"], "refresh_token")):
        for who in (confidential, machine):
            seen = node.got("introspection", library, **who, token=token)
            assert (seen["active"], seen["token_type"], seen["iss"]) == (True, kind, served.url)
            assert (seen["sub"], seen["username"], seen["tenant"]) == (LEAD, LEAD, "R1A")
            assert (seen["client_id"], seen["scope"]) == (confidential["client_id"], READS)
            assert seen["exp"] > time.time()
        for who in (stranger, served.application("ES256")):
            assert node.got("introspection", library, **who, token=token) == {"active": False}
    public = served.application()
    refused = node.refused("introspection", library, **public, token=got["access_token"])
    assert (refused["status"], "client_assertion_type" in refused["error_description"]) == (400, True)
    node.got("revocation", library, **confidential, token=got["refresh_token"])
    for token in (got["access_token"], got["refresh_token"]):
        assert node.got("introspection", library, **machine, token=token) == {"active": False}
