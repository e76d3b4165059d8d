"""A proof where tokens are asked for (RFC 9449, 5): it binds what is given, the session, and the code before it."""

from collections.abc import Iterator

import pytest

from api.database import embedded
from auth.caller import SignIn
from auth.grants.tables import UsedProof
from tests.installed import URL, Site
from tests.people.proving import API, PUBLIC, TOKEN, Prover, ask, bearer, machine_token, proven, registered
from tests.people.signed_in import BACK, CLI, Person, Pkce, Role, site_for_people

VIEWER = "{ viewer { subject } }"
PROVER = Prover()
OTHER = Prover()


@pytest.fixture(scope="module")
def site(cluster: embedded.Server) -> Iterator[Site]:
    with site_for_people(cluster) as made:
        yield made


def status(site: Site, headers: dict[str, str]) -> int:
    return site.runner.run(ask(site, VIEWER, headers)).status_code


def test_a_proof_binds_the_token_and_the_session_that_it_asks_for(site: Site) -> None:
    person, prover, pkce = Person(site, "bound.it@R1A", "R1A", Role.TRUST_IT), Prover(), Pkce()
    person.sign_in()
    answer = person.redeem(person.code(pkce), pkce, prover.at_token(site)).json()
    assert answer["token_type"] == "DPoP"
    assert status(site, prover.headers(site, answer["access_token"])) == 200
    assert status(site, bearer(answer["access_token"])) == 401
    for headers in (None, OTHER.at_token(site)):
        stolen = person.refresh(answer["refresh_token"], headers)
        assert (stolen.status_code, stolen.json()["error"]) == (400, "invalid_grant")
    again = person.refresh(answer["refresh_token"], prover.at_token(site)).json()
    assert again["token_type"] == "DPoP"
    assert "refresh_token" not in again  # the key is what binds it: it is not rotated
    assert status(site, prover.headers(site, again["access_token"])) == 200


def test_a_code_asked_for_by_a_key_is_redeemed_by_that_key(site: Site) -> None:
    person, pkce = Person(site, "code.it@R1A", "R1A", Role.TRUST_IT), Pkce()
    person.sign_in()
    for headers in (None, OTHER.at_token(site)):
        stolen = person.redeem(person.code(pkce, dpop_jkt=PROVER.jkt), pkce, headers)
        assert (stolen.status_code, stolen.json()["error"]) == (400, "invalid_grant")
    good = person.redeem(person.code(pkce, dpop_jkt=PROVER.jkt), pkce, PROVER.at_token(site))
    assert good.json()["token_type"] == "DPoP"


def test_a_bad_proof_at_the_token_endpoint_is_refused_in_its_words(site: Site) -> None:
    form = {"grant_type": "refresh_token", "refresh_token": "x" * 43, "client_id": CLI, "redirect_uri": BACK}
    used = PROVER.at_token(site)
    site.runner.run(site.http.post(TOKEN, data=form, headers=used))
    bad = [
        used,
        {"DPoP": "x"},
        {"DPoP": ""},
        PROVER.at_token(site, htm="GET"),
        PROVER.at_token(site, htu=f"{URL}{API}"),
    ]
    twice = [("DPoP", PROVER.at_token(site)["DPoP"]), ("DPoP", PROVER.at_token(site)["DPoP"])]
    for headers in [*bad, twice]:
        answer = site.runner.run(site.http.post(TOKEN, data=form, headers=headers))
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_dpop_proof"), answer.text
        assert answer.json()["error_description"]


def test_a_machine_s_token_is_bound_to_the_key_that_it_proves(site: Site) -> None:
    machine, held = (site.runner.run(registered(site, dpop_bound=bound)) for bound in (False, True))
    form = {"grant_type": "client_credentials"}
    told = site.runner.run(site.http.post(TOKEN, data=form | proven(machine), headers=PROVER.at_token(site))).json()
    assert told["token_type"] == "DPoP"
    assert status(site, PROVER.headers(site, told["access_token"])) == 200
    assert status(site, bearer(told["access_token"])) == 401
    free = site.runner.run(site.http.post(TOKEN, data=form | proven(machine))).json()
    assert free["token_type"] == "Bearer"
    refused = site.runner.run(site.http.post(TOKEN, data=form | proven(held)))
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_dpop_proof")
    bound = site.runner.run(site.http.post(TOKEN, data=form | proven(held), headers=PROVER.at_token(site))).json()
    assert bound["token_type"] == "DPoP"


def test_introspection_says_which_key(site: Site) -> None:
    machine = site.runner.run(registered(site))
    token = site.runner.run(machine_token(site, client_id=machine.client.client_id, jkt=PROVER.jkt))
    found = site.runner.run(site.http.post("/oauth2/introspect", data={"token": token} | proven(machine))).json()
    assert (found["active"], found["token_type"], found["cnf"]) == (True, "DPoP", {"jkt": PROVER.jkt})


def test_what_is_kept_of_a_proof_is_no_proof(site: Site) -> None:
    """Thumbprint and hash alone: neither the key's proof nor its jti can be had from the database."""
    assert set(UsedProof.__table__.columns.keys()) == {"jkt", "jti", "expires_at"}  # type: ignore[attr-defined] # a table
    public = site.runner.run(registered(site, **PUBLIC, dpop_bound=True)).client.client_id
    form = {"grant_type": "refresh_token", "refresh_token": "x" * 43, "client_id": public}
    proof = PROVER.at_token(site, jti="a jti that is kept as its hash")
    answers = [site.runner.run(site.http.post(TOKEN, data=form, headers=proof)).json()["error"] for _ in range(2)]
    assert answers == ["invalid_grant", "invalid_dpop_proof"]

    async def kept() -> list[str]:
        async with site.database.transaction(SignIn(), "test", read_only=True) as db:
            return [row["jti"] for row in await db.lane.rows("select jti from used_proof")]

    found = site.runner.run(kept())
    assert found
    assert all(len(each) == 64 for each in found)
