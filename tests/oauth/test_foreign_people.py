"""People sign in through our own pages at OAuth clients that are not ours: by code, pushed or not, once more to decide."""

import secrets
from collections.abc import Iterator
from typing import Any

import pytest

from auth.caller import AAL1, AAL2, RECENT
from auth.people.passwords import new_one_time_password
from tests.ledger import as_superuser
from tests.oauth.conftest import Served
from tests.oauth.node import Node, binding_key
from tests.oauth.walking import (
    BACK,
    CONSENT,
    ENROL,
    NEW_PASSWORD,
    SECOND_FACTOR,
    SIGN_IN,
    Account,
    Walker,
    answered,
    asks,
    signed_in,
)
from tests.stage import mutation_document

LIBRARIES = pytest.mark.parametrize("library", ["oauth4webapi", "openid-client"])
PROOFS = pytest.mark.parametrize("alg", [None, "ES256"], ids=["public", "private_key_jwt"])
READS = "activity:read progress:read"
LEAD = "it.lead@R1A"
OPEN = mutation_document("openAccount", "subject")
AN_HOUR_LATER = "update {} set authenticated_at = authenticated_at - interval '1 hour' where subject = '{}'"


@pytest.fixture(scope="module")
def lead(served: Served) -> Iterator[Walker]:
    """The browser of somebody who stays signed in once she is."""
    with Walker(served.enrolled(LEAD, "TRUST_IT")) as walker:
        yield walker


@pytest.fixture(scope="module")
def application(served: Served) -> dict[str, Any]:
    """A public application."""
    return served.application()


@LIBRARIES
def test_they_find_where_people_sign_in(node: Node, served: Served, library: str) -> None:
    told = node.got("discovery", library, issuer=served.url, client_id="anybody")
    places = {"authorization": "authorize", "pushed_authorization_request": "par", "token": "token"}
    places |= {"device_authorization": "device_authorization", "introspection": "introspect", "revocation": "revoke"}
    for name, path in places.items():
        assert told[f"{name}_endpoint"] == f"{served.url}/oauth2/{path}"
    assert (told["code_challenge_methods_supported"], told["response_types_supported"]) == (["S256"], ["code"])
    assert told["authorization_response_iss_parameter_supported"] is True
    assert "ES256" in told["dpop_signing_alg_values_supported"]
    assert told["acr_values_supported"] == [AAL1, AAL2]
    for name in ("authorization_code", "refresh_token", "device_code", "token-exchange", "client_credentials"):
        assert [grant for grant in told["grant_types_supported"] if grant.endswith(name)], name
    assert "none" in told["token_endpoint_auth_methods_supported"]
    assert "none" not in told["introspection_endpoint_auth_methods_supported"]


@LIBRARIES
@PROOFS
def test_a_person_signs_in_by_code(node: Node, served: Served, library: str, alg: str | None) -> None:
    who, account = served.application(alg), served.enrolled(f"it-{secrets.token_hex(3)}@R1A", "TRUST_IT")
    with Walker(account) as walker:
        got = signed_in(node, library, walker, **who, scope=READS, resource=served.graphql)
    # Nobody is asked for the organisation's own application, but where anything on the machine may pose as it.
    assert walker.walked == [SIGN_IN, SECOND_FACTOR, *([] if alg else [CONSENT])]
    assert (got["token_type"], got["expires_in"], got["scope"]) == ("bearer", 300, READS)
    viewer = asks(node, who, got["access_token"], library=library)["viewer"]
    assert viewer == {"subject": account.subject, "roles": ["TRUST_IT"], "organisation": {"odsCode": "R1A"}}
    said = node.got("resource_server", **who, access_token=got["access_token"], audience=served.graphql)
    assert (said["sub"], said["tenant"], said["client_id"]) == (account.subject, "R1A", who["client_id"])
    assert (said["acr"], said["roles"], said["scope"]) == (AAL2, ["TRUST_IT"], READS)
    assert 0 <= said["iat"] - said["auth_time"] < 60


@LIBRARIES
def test_the_first_sign_in_is_by_a_password_that_works_once(
    node: Node, served: Served, application: dict[str, Any], library: str
) -> None:
    account = served.account(f"new-{library}@R1A", "TRUST_CSO")
    given = Account(account.subject, account.password)
    with Walker(account) as walker:
        first = signed_in(node, library, walker, **application, parameters={"acr_values": AAL2})
        assert walker.walked == [SIGN_IN, NEW_PASSWORD, ENROL, CONSENT]
        again = signed_in(node, library, walker, **application, parameters={"acr_values": AAL2, "max_age": "600"})
        assert walker.walked[4:] == [CONSENT]
    for got in (first, again):
        assert asks(node, application, got["access_token"])["viewer"]["roles"] == ["TRUST_CSO"]
    with Walker(given) as walker:
        refused = walker.fill(walker.open(f"{served.url}/account"))
        assert (refused.status_code, "do not match" in refused.text) == (400, True)


@LIBRARIES
@pytest.mark.parametrize(
    "tampering",
    [
        ("iss=http", "iss=https", "OAUTH_INVALID_RESPONSE"),
        ("iss=", "no_iss=", "OAUTH_INVALID_RESPONSE"),
        ("state=", "state=x", "OAUTH_INVALID_RESPONSE"),
        ("code=", "code=x", "OAUTH_RESPONSE_BODY_ERROR"),
    ],
    ids=["another issuer", "no issuer", "another state", "another code"],
)
def test_an_answer_that_was_tampered_with_is_refused(
    node: Node, lead: Walker, application: dict[str, Any], library: str, tampering: tuple[str, str, str]
) -> None:
    was, becomes, code = tampering
    asked = answered(node, library, lead, **application)
    tampered = asked["answered"].replace(was, becomes)
    assert tampered != asked["answered"]
    assert node.refused("code", library, **asked | {"answered": tampered})["code"] == code


@LIBRARIES
def test_a_code_is_for_one_client_one_verifier_and_one_use(
    node: Node, served: Served, lead: Walker, application: dict[str, Any], library: str
) -> None:
    asked = answered(node, library, lead, **application)
    other = asked | {"client_id": served.application()["client_id"]}
    assert node.refused("code", library, **other)["error"] == "invalid_grant"
    got = node.got("code", library, **asked)
    assert node.refused("code", library, **asked)["error"] == "invalid_grant"
    # Its second use ends what its first began (RFC 6749, 4.1.2).
    refused = node.refused("refresh", library, **application, refresh_token=got["refresh_token"])
    assert (refused["status"], refused["error"]) == (400, "invalid_grant")
    asked = answered(node, library, lead, **application)
    asked["held"]["code_verifier"] = secrets.token_urlsafe(40)
    assert node.refused("code", library, **asked)["error"] == "invalid_grant"


@LIBRARIES
def test_a_person_does_not_allow_it(node: Node, lead: Walker, application: dict[str, Any], library: str) -> None:
    lead.decision = "deny"
    try:
        asked = answered(node, library, lead, **application)
    finally:
        lead.decision = "allow"
    assert node.refused("code", library, **asked)["error"] == "access_denied"


@LIBRARIES
@pytest.mark.parametrize(
    "refusal",
    [
        ("invalid_target", {"resource": "https://elsewhere.example/graphql"}),
        ("invalid_scope", {"scope": "openid"}),
        ("invalid_scope", {"scope": "build:register"}),
        ("access_denied", {"parameters": {"organisation": "RYG"}}),
        ("unsupported_response_type", {"parameters": {"response_type": "token"}}),
        ("invalid_request", {"parameters": {"code_challenge_method": "plain"}}),
        ("unmet_authentication_requirements", {"parameters": {"acr_values": "aal9"}}),
    ],
)
def test_what_is_refused_is_told_to_the_client(
    node: Node, lead: Walker, application: dict[str, Any], library: str, refusal: tuple[str, dict[str, Any]]
) -> None:
    error, wrong = refusal
    refused = node.refused("code", library, **answered(node, library, lead, **application, **wrong))
    assert (refused["error"], bool(refused["error_description"])) == (error, True)


@LIBRARIES
@PROOFS
def test_a_request_may_be_pushed(node: Node, served: Served, lead: Walker, library: str, alg: str | None) -> None:
    who = served.application(alg) | {"redirect_uri": BACK, "par": True, "scope": READS}
    begun = node.got("code", library, **who)
    assert "request_uri=" in begun["url"]
    assert begun["held"]["state"] not in begun["url"]
    got = node.got("code", library, **who, answered=lead.through(begun["url"]), held=begun["held"])
    assert asks(node, who, got["access_token"])["viewer"]["subject"] == LEAD
    again = lead.open(begun["url"])
    assert (again.status_code, "used before" in again.text) == (400, True)
    assert node.refused("code", library, **who, resource="https://elsewhere.example/")["error"] == "invalid_target"
    if alg:
        thief = who | {"key": binding_key() | {"kid": who["key"]["kid"]}}
        assert node.refused("code", library, **thief)["error"] == "invalid_client"


def opening(local_part: str) -> dict[str, Any]:
    """Give a change that is for a person who signed in surely and lately."""
    stated = {"localPart": local_part, "roles": ["TRUST_IT"], "oneTimePassword": new_one_time_password()}
    return {"query": OPEN, "variables": {"input": stated}}


def challenged(node: Node, library: str, token: str, /, **asked: Any) -> dict[str, str]:
    """Ask for what needs another sign-in; give what the client must authorize with (RFC 9470, 5)."""
    refused = node.refused("dpop", library, **asked, access_token=token)
    (challenge,) = refused["challenges"]
    said = challenge["parameters"]
    assert (refused["status"], said["error"]) == (401, "insufficient_user_authentication")
    assert challenge["scheme"] == ("dpop" if "dpop" in asked else "bearer")
    assert (said["acr_values"], said["max_age"]) == (AAL2, str(RECENT))
    return {name: said[name] for name in ("acr_values", "max_age")}


@LIBRARIES
@pytest.mark.parametrize("bound", [False, True], ids=["bearer", "bound"])
def test_whoever_has_no_second_factor_yet_sets_one_up_to_decide(
    node: Node, served: Served, application: dict[str, Any], library: str, bound: bool
) -> None:
    name = secrets.token_hex(4)
    account = served.account(f"first-{name}@R1A", "ADMINISTRATOR")
    who = {**application, **({"dpop": binding_key()} if bound else {})}
    act = {"url": served.graphql, "body": opening(name)}
    with Walker(account) as walker:
        got = signed_in(node, library, walker, **who, scope="account:manage")
        assert walker.walked == [SIGN_IN, NEW_PASSWORD, CONSENT]
        more = challenged(node, library, got["access_token"], **who, **act)
        got = signed_in(node, library, walker, **who, scope="account:manage", parameters=more)
        assert walker.walked[3:] == [ENROL, CONSENT]
    opened = asks(node, who, got["access_token"], act["body"], library)["openAccount"]
    assert opened == {"__typename": "Account", "subject": f"{name}@R1A"}


@LIBRARIES
def test_whoever_signed_in_an_hour_ago_signs_in_again_to_decide(
    node: Node, served: Served, application: dict[str, Any], library: str
) -> None:
    account = served.enrolled(f"admin-{library}@R1A", "ADMINISTRATOR")
    act = {"url": served.graphql, "body": opening(f"later-{library}")}
    with Walker(account) as walker:
        got = signed_in(node, library, walker, **application, scope="account:manage")
        rows = [AN_HOUR_LATER.format(table, account.subject) for table in ("browser_session", "session")]
        as_superuser(served.stage, *rows)
        got = node.got("refresh", library, **application, refresh_token=got["refresh_token"])
        more = challenged(node, library, got["access_token"], **application, **act)
        walker.walked.clear()
        got = signed_in(node, library, walker, **application, scope="account:manage", parameters=more)
        assert walker.walked == [SIGN_IN, SECOND_FACTOR, CONSENT]
    opened = asks(node, application, got["access_token"], act["body"], library)["openAccount"]
    assert opened["subject"] == f"later-{library}@R1A"
