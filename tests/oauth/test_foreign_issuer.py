"""An issuer that is not ours signs the people of one trust in: as that trust and nothing else, until it is switched off."""

import secrets
from collections.abc import Iterator
from typing import Any

import pytest

from tests.embedded import eventually, free_port
from tests.installed import Replica, reinstate_here
from tests.oauth.conftest import Served
from tests.oauth.federated import NAME, READS, ROWS, WHO, Trust, federated, organisations_in
from tests.oauth.node import Node, binding_key
from tests.oauth.walking import BACK, CONSENT, SIGN_IN, Walker, answered, asks, link_to, organisations_on, signed_in
from tests.stage import mutation_document

LIBRARIES = pytest.mark.parametrize("library", ["oauth4webapi", "openid-client"])
JWT = "urn:ietf:params:oauth:token-type:jwt"
WITHIN = 5  # seconds: what is promised
COOL_DOWN = 35  # seconds: between two fetches of an issuer's keys are 30


@pytest.fixture(scope="module")
def beside(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replica]:
    """A second process of our server's."""
    log = tmp_path_factory.mktemp("beside") / "log"
    replica = Replica(free_port(), served.environment, log)
    try:
        replica.start()
        assert replica.ready(), log.read_text()
        yield replica
    finally:
        replica.kill()


@pytest.fixture(scope="module")
def trust(served: Served, beside: Replica, node: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trust]:
    """R1A's issuer, and our server twice."""
    with federated(served, beside, node, tmp_path_factory.mktemp("issuer")) as found:
        yield found


def test_it_is_registered_for_its_own_trust_alone(trust: Trust) -> None:
    mapping = ("issuer", "map", "R1A", trust.issuer.url, "SUPPLIER", "R8000")
    for role, organisation in (("SUPPLIER_LEAD", "SUPPLIER"), ("TRUST_IT", "RYG")):
        done = reinstate_here(*mapping, role, "--stands-for", organisation, **trust.served.environment)
        assert (done.returncode, "speaks for R1A alone" in done.stderr) == (2, True)


@LIBRARIES
def test_its_people_sign_in_as_their_trust(trust: Trust, library: str) -> None:
    with trust.sees() as walker:
        got = signed_in(trust.node, library, walker, **trust.cli, scope=READS)
    assert walker.walked == [SIGN_IN, CONSENT]
    viewer = asks(trust.node, trust.cli, got["access_token"], {"query": f"{{ {WHO} }}"}, library)["viewer"]
    assert (viewer["roles"], viewer["organisation"]["odsCode"]) == (["TRUST_IT"], "R1A")
    assert (viewer["subject"][0], viewer["subject"][17:]) == ("x", "@R1A")
    read = {"access_token": got["access_token"], "audience": trust.served.graphql}
    said = trust.node.got("resource_server", **trust.cli, **read)
    assert (said["iss"], said["tenant"], said["acr"]) == (trust.served.url, "R1A", "aal2")
    assert said["iat"] - said["auth_time"] < 60
    assert [code for data in trust.rows(got["access_token"]) for code in organisations_in(data)] == ["R1A", "R1A"]


@pytest.mark.parametrize(
    "person",
    [
        {"org_code": "SUPPLIER"},
        {"org_code": "RYG"},
        {"role_code": "SUPPLIER_LEAD"},
        {"org_code": None},
        {"acr": "aal1"},
    ],
    ids=str,
)
def test_who_stands_for_nobody_here_signs_in_nowhere(trust: Trust, person: dict[str, Any]) -> None:
    with trust.sees(**person) as walker:
        page = walker.open(f"{trust.served.url}/sign-in")
        refused = walker.fill(page)
        assert (refused.status_code, "You are not signed in" in refused.text) == (403, True), refused.text
        assert walker.open(f"{trust.served.url}/account").url.path == SIGN_IN
    assert trust.keeps_out(trust.token(**person))


def test_a_membership_at_the_supplier_is_none_of_its_people_s(trust: Trust) -> None:
    node, who = trust.node, {"sub": "of-two"}
    with trust.sees(**who) as walker:
        before = signed_in(node, "openid-client", walker, **trust.cli)
        subject = asks(node, trust.cli, before["access_token"])["viewer"]["subject"]
        trust.served.operate("account", "grant", subject, "SUPPLIER_LEAD", "--organisation", "SUPPLIER")
        trust.served.operate("account", "grant", subject, "ADMINISTRATOR")
        after = within_its_trust(trust, walker)
    with trust.sees(**who) as walker:
        afresh = within_its_trust(trust, walker)
    renewed = node.got("refresh", **trust.cli, refresh_token=before["refresh_token"])["access_token"]
    for token in (before["access_token"], after, afresh, renewed, trust.token(**who)):
        for data in trust.rows(token):
            assert (data["viewer"]["subject"], data["viewer"]["roles"]) == (subject, ["TRUST_IT"])
            assert organisations_in(data) == ["R1A"]


def within_its_trust(trust: Trust, walker: Walker) -> str:
    """Hold that a browser gets nowhere but to R1A, whatever organisation it asks for; give the token for that."""
    for organisation in ("SUPPLIER", "RYG"):
        asked = answered(trust.node, "openid-client", walker, **trust.cli, parameters={"organisation": organisation})
        assert trust.node.refused("code", "openid-client", **asked)["error"] == "access_denied"
    got = signed_in(trust.node, "openid-client", walker, **trust.cli)
    page = walker.open(trust.node.got("code", **trust.cli, redirect_uri=BACK)["url"])
    assert organisations_on(page) == {"R1A"}
    forced = walker.submit(page, BACK, organisation="SUPPLIER", decision="allow").next_request
    assert "error=access_denied" in str(forced and forced.url)
    return str(got["access_token"])


def test_of_ours_an_account_of_two_organisations_chooses(trust: Trust) -> None:
    account = trust.served.enrolled("of.two@R1A", "TRUST_IT")
    trust.served.operate("account", "grant", account.subject, "SUPPLIER_LEAD", "--organisation", "SUPPLIER")
    with Walker(account, organisation="SUPPLIER") as walker:
        got = signed_in(trust.node, "oauth4webapi", walker, **trust.cli)
    assert [organisations_in(data) for data in trust.rows(got["access_token"])] == [["R1A", "RYG"]] * 2


FORGED: list[dict[str, Any]] = [
    {"tenant": "SUPPLIER", "tenant_kind": "SUPPLIER", "roles": ["SUPPLIER_LEAD"], "organisation": "SUPPLIER"},
    {"tenant": "RYG", "tenant_kind": "TRUST", "roles": ["TRUST_SIRO"], "sid": "1", "tenants": ["RYG"]},
    {"act": {"sub": "supplier-client"}, "username": "lead@SUPPLIER", "organisation_ods": "SUPPLIER"},
]


@pytest.mark.parametrize("claims", [{}, *FORGED], ids=str)
def test_its_token_reads_its_trust_s_rows_whatever_it_claims(trust: Trust, claims: dict[str, Any]) -> None:
    for data in trust.rows(trust.token(**claims)):
        viewer = data["viewer"]
        assert (viewer["organisation"]["odsCode"], viewer["roles"]) == ("R1A", ["TRUST_IT"])
        assert viewer["scopes"] == READS.split()
        assert organisations_in(data) == ["R1A"]


def test_a_token_for_another_audience_and_an_id_token_are_none(trust: Trust) -> None:
    assert trust.keeps_out(trust.tokens("https://elsewhere.example/graphql")["access_token"])
    assert trust.keeps_out(trust.tokens(trust.served.graphql)["id_token"])


@LIBRARIES
def test_its_token_may_be_bound_to_a_key(trust: Trust, library: str) -> None:
    key, us = binding_key(), trust.cli
    token = trust.tokens(trust.served.graphql, dpop=key)["access_token"]
    assert asks(trust.node, us | {"dpop": key}, token, ROWS, library)["viewer"]["roles"] == ["TRUST_IT"]
    api = {"url": trust.served.graphql, "body": ROWS, "access_token": token}
    for thief in (us, us | {"dpop": binding_key()}):
        refused = trust.node.refused("dpop", library, **thief, **api)
        assert (refused["status"], refused["challenges"][0]["scheme"]) == (401, "dpop")


@LIBRARIES
def test_its_token_is_exchanged_within_its_trust(trust: Trust, library: str) -> None:
    token = {"parameters": {"subject_token": trust.token(), "subject_token_type": JWT}}
    got = trust.node.got("exchange", library, **trust.served.register(scope=f"{READS} test:report"), **token)
    assert got["scope"] == READS
    for data in trust.rows(got["access_token"]):
        assert (data["viewer"]["organisation"]["odsCode"], data["viewer"]["roles"]) == ("R1A", ["TRUST_IT"])
    for stranger in ("SUPPLIER", "RYG"):
        refused = trust.node.refused("exchange", library, **trust.served.register(stranger), **token)
        assert (refused["status"], refused["error"]) == (400, "invalid_request")


@pytest.fixture(scope="module")
def administrator(trust: Trust) -> str:
    """The token of somebody who administers R1A, signed in by us."""
    with Walker(trust.served.enrolled("admin@R1A", "ADMINISTRATOR", "TRUST_IT")) as walker:
        return signed_in(trust.node, "oauth4webapi", walker, **trust.cli)["access_token"]


def switch_off(trust: Trust, by: str, token: str) -> None:
    """Disable the issuer, as the operator does, or an administrator of R1A's."""
    if by == "operator":
        trust.served.operate("issuer", "disable", "R1A", trust.issuer.url)
        return
    told = asks(trust.node, trust.cli, token, {"query": "{ issuers { nodes { id iss } } }"})["issuers"]["nodes"]
    (issuer,) = [each["id"] for each in told if each["iss"] == trust.issuer.url]
    body = {"query": mutation_document("disableIssuer", "status"), "variables": {"input": {"issuer": issuer}}}
    assert asks(trust.node, trust.cli, token, body)["disableIssuer"]["status"] == "DISABLED"


@pytest.mark.parametrize("by", ["administrator", "operator"])
def test_the_kill_switch_ends_what_it_said_on_both_replicas(trust: Trust, administrator: str, by: str) -> None:
    node, at = trust.node, trust.served.url
    with trust.sees(sub=f"ends-{by}") as walker:
        got = signed_in(node, "openid-client", walker, **trust.cli)
        way = link_to(walker.open(f"{at}/sign-in?return_to=/device"), NAME)
        said = trust.token()
        machine, token = trust.served.register(scope=READS), {"subject_token": said, "subject_token_type": JWT}
        exchanged = node.got("exchange", **machine, parameters=token)["access_token"]
        ends, unseen = [got["access_token"], said, exchanged], trust.token(sub=f"unseen-{by}")
        assert trust.lets_in(*ends, administrator)
        switch_off(trust, by, administrator)
        assert eventually(lambda: trust.keeps_out(*ends, unseen), WITHIN)
        assert trust.lets_in(administrator)
        refused = node.refused("refresh", **trust.cli, refresh_token=got["refresh_token"])
        assert refused["error"] == "invalid_grant"
        page = walker.open(f"{at}/account")
        assert (page.url.path, NAME in page.text) == (SIGN_IN, False)
        assert walker.open(at + way).status_code == 404
    trust.served.operate("issuer", "enable", "R1A", trust.issuer.url)
    afresh = trust.token(sub=f"afresh-{by}")
    assert eventually(lambda: trust.lets_in(afresh), WITHIN)
    assert trust.keeps_out(got["access_token"], exchanged)
    with trust.sees(sub=f"ends-{by}") as walker:
        assert trust.lets_in(signed_in(node, "openid-client", walker, **trust.cli)["access_token"])


def test_its_new_keys_are_followed_and_its_old_ones_forgotten(trust: Trust) -> None:
    assert trust.lets_in(trust.token())
    unseen = trust.token(sub=f"unseen-{secrets.token_hex(4)}")
    trust.issuer.tell(rotate="drop")
    after = trust.token()
    assert eventually(lambda: trust.lets_in(after), COOL_DOWN)
    assert trust.keeps_out(unseen)
    with trust.sees() as walker:
        assert trust.lets_in(signed_in(trust.node, "oauth4webapi", walker, **trust.cli)["access_token"])
