"""Tokens bound to a key (RFC 9449): nothing but a fresh proof by that key, for this very request, lets them in."""

import asyncio
import base64
import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from joserfc.jwk import OctKey

from api.database import embedded
from auth.tenancy import Database
from auth.tokens.access_token import Unauthenticated
from auth.tokens.verifier import Shown, Verifier
from tests.installed import URL, Site, code_of
from tests.people.proving import API, Prover, ask, b64, bearer, machine_token
from tests.people.signed_in import site_for_people
from tests.sign_in_support import ABSENT

VIEWER = "{ viewer { subject } }"
PROVER = Prover()
OTHER = Prover()


@pytest.fixture(scope="module")
def site(cluster: embedded.Server) -> Iterator[Site]:
    with site_for_people(cluster) as made:
        yield made


@pytest.fixture(scope="module")
def token(site: Site) -> str:
    return site.runner.run(machine_token(site, jkt=PROVER.jkt))


def send(site: Site, headers: Any, method: str = "POST") -> httpx.Response:
    if method == "GET":
        return site.runner.run(site.http.get(API, params={"query": VIEWER}, headers=headers))
    return site.runner.run(site.http.post(API, json={"query": VIEWER}, headers=headers))


def refused(answer: httpx.Response, error: str = "invalid_dpop_proof") -> str:
    """Give the challenge of a refusal, which is RFC 9449's."""
    assert (answer.status_code, code_of(answer)) == (401, "UNAUTHENTICATED"), answer.text
    challenge = answer.headers["www-authenticate"]
    assert challenge.startswith('DPoP realm="reinstate"'), challenge
    assert f'error="{error}"' in challenge
    assert 'algs="ES256 Ed25519 PS256"' in challenge
    return challenge


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_a_proof_by_its_key_lets_a_bound_token_in(site: Site, token: str, method: str) -> None:
    answer = send(site, PROVER.headers(site, token, method), method)
    assert answer.json() == {"data": {"viewer": {"subject": "r1a-client"}}}


@pytest.mark.parametrize("alg", ["ES256", "PS256", "Ed25519"])
def test_every_algorithm_that_is_offered_is_taken(site: Site, alg: str) -> None:
    prover = Prover(alg)
    token = site.runner.run(machine_token(site, jkt=prover.jkt))
    assert send(site, prover.headers(site, token)).status_code == 200


def test_a_bound_token_is_no_bearer_token(site: Site, token: str) -> None:
    refused(send(site, bearer(token)), "invalid_token")
    refused(send(site, bearer(token) | {"DPoP": PROVER.proof("POST", f"{URL}{API}", token)}), "invalid_token")


def test_an_unbound_token_is_no_dpop_token(site: Site) -> None:
    free = site.runner.run(machine_token(site))
    answer = send(site, PROVER.headers(site, free))
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith('Bearer realm="reinstate", error="invalid_token"')
    assert send(site, bearer(free)).status_code == 200


def test_whoever_sends_nothing_learns_both_ways(site: Site) -> None:
    challenge = send(site, {}).headers["www-authenticate"]
    assert challenge == 'Bearer realm="reinstate", DPoP realm="reinstate", algs="ES256 Ed25519 PS256"'


def test_another_key_proves_nothing(site: Site, token: str) -> None:
    refused(send(site, OTHER.headers(site, token)), "invalid_token")


def test_a_proof_is_good_once(site: Site, token: str) -> None:
    headers = PROVER.headers(site, token)
    assert send(site, headers).status_code == 200
    assert "used before" in refused(send(site, headers))


def test_of_twenty_at_once_one_is_let_in(site: Site, token: str) -> None:
    headers = PROVER.headers(site, token)

    async def storm() -> list[httpx.Response]:
        return await asyncio.gather(*(ask(site, VIEWER, headers) for _ in range(20)))

    answers = site.runner.run(storm())
    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 19


def test_a_proof_used_at_one_replica_is_used_at_all(site: Site, cluster: embedded.Server, token: str) -> None:
    proof = PROVER.proof("POST", f"{URL}{API}", token)
    assert send(site, {"Authorization": f"DPoP {token}", "DPoP": proof}).status_code == 200

    async def elsewhere() -> None:
        database = Database(str(site.database.reads._pools._url))
        try:
            with pytest.raises(Unauthenticated, match="used before"):
                await Verifier(site.issuer, database).verify(token, Shown(proof, "POST"))
        finally:
            await database.close()

    site.runner.run(elsewhere())


def test_two_keys_may_use_one_jti(site: Site, token: str) -> None:
    theirs = site.runner.run(machine_token(site, jkt=OTHER.jkt))
    assert send(site, PROVER.headers(site, token, jti="the same")).status_code == 200
    assert send(site, OTHER.headers(site, theirs, jti="the same")).status_code == 200


@pytest.mark.parametrize(
    "spelt",
    [
        "HTTPS://REINSTATE.example/graphql",
        "https://reinstate.example:443/graphql",
        "https://reinstate.example/graphql?query=x",
        "https://reinstate.example/graphql#top",
        "https://reinstate.example/%67raphql",
    ],
)
def test_an_address_may_be_spelt_otherwise(site: Site, token: str, spelt: str) -> None:
    assert send(site, PROVER.headers(site, token, htu=spelt)).status_code == 200


@pytest.mark.parametrize(
    "htu",
    [
        "https://reinstate.example/oauth2/token",
        "https://reinstate.example/graphql/",
        "https://reinstate.example:444/graphql",
        "http://reinstate.example/graphql",
        "https://evil.example/graphql",
        "https://u@reinstate.example/graphql",
        "https://reinstate.example\t/graphql",
        "https://reinstate.example/%2567raphql",
        "https://reinstate.example:99999/graphql",
        "https://[/graphql",
        "/graphql",
        "",
        ["https://reinstate.example/graphql"],
        ABSENT,
    ],
    ids=str,
)
def test_a_proof_for_another_address_is_refused(site: Site, token: str, htu: object) -> None:
    assert "htu" in refused(send(site, PROVER.headers(site, token, htu=htu)))


def test_the_host_header_is_not_believed(site: Site, token: str) -> None:
    evil = {"Host": "evil.example"}
    refused(send(site, PROVER.headers(site, token, htu="https://evil.example/graphql") | evil))
    assert send(site, PROVER.headers(site, token) | evil).status_code == 200


@pytest.mark.parametrize(
    ("claims", "word"),
    [
        ({"htm": "GET"}, "htm"),
        ({"htm": "post"}, "htm"),
        ({"htm": ABSENT}, "htm"),
        ({"ath": ABSENT}, "ath"),
        ({"ath": "x"}, "ath"),
        ({"iat": ABSENT}, "iat"),
        ({"iat": int(time.time()) - 3600}, "iat"),
        ({"iat": int(time.time()) + 3600}, "iat"),
        ({"iat": str(int(time.time()))}, "iat"),
        ({"iat": True}, "iat"),
        ({"iat": 10**30}, "iat"),
        ({"jti": ABSENT}, "jti"),
        ({"jti": ""}, "jti"),
        ({"jti": 7}, "jti"),
        ({"jti": "x" * 401}, "jti"),
    ],
    ids=str,
)
def test_a_proof_that_says_something_else_is_refused(site: Site, token: str, claims: Any, word: str) -> None:
    assert word in refused(send(site, PROVER.headers(site, token, **claims)))


def test_a_jti_may_be_any_text(site: Site, token: str) -> None:
    for jti in ("\x00", "\ud800", "x" * 400, "' or 1=1 --"):
        headers = PROVER.headers(site, token, jti=jti)
        assert send(site, headers).status_code == 200
        refused(send(site, headers))


@pytest.mark.parametrize(
    "header",
    [
        {"typ": "JWT"},
        {"typ": ABSENT},
        {"alg": "none"},
        {"jwk": ABSENT},
        {"jwk": "x"},
        {"jwk": {}},
        {"jwk": {"kty": "oct", "k": "eA"}},
        {"jwk": PROVER.key.as_dict(private=True)},
        {"jwk": OTHER.jwk},
        {"jwk": {**PROVER.jwk, "crv": "P-384"}},
        {"jwk": {**PROVER.jwk, "x": "AA"}},
        {"jwk": {**PROVER.jwk, "x": 1}},
        {"jwk": Prover("Ed25519").jwk},
        {"jwk": ABSENT, "jku": "https://evil.example/jwks"},
        {"jwk": ABSENT, "kid": "x", "x5u": "https://evil.example/x"},
        {"crit": ["exp"], "exp": 1},
        {"b64": False},
    ],
    ids=str,
)
def test_a_header_that_names_no_key_of_its_own_is_refused(site: Site, token: str, header: Any) -> None:
    proof = PROVER.proof("POST", f"{URL}{API}", token, header=header)
    refused(send(site, {"Authorization": f"DPoP {token}", "DPoP": proof}))


@pytest.mark.parametrize("alg", ["HS256", "RS256", "ES384", "ES256K"])
def test_an_algorithm_off_the_list_is_refused(site: Site, token: str, alg: str) -> None:
    proof = PROVER.proof("POST", f"{URL}{API}", token, header={"alg": alg})
    assert "must be signed by" in refused(send(site, {"Authorization": f"DPoP {token}", "DPoP": proof}))


def test_the_public_key_is_no_shared_secret(site: Site, token: str) -> None:
    forger = Prover()
    forger.alg, forger.key = "HS256", OctKey.import_key(json.dumps(PROVER.jwk).encode())
    header = {"jwk": PROVER.jwk}
    refused(send(site, {"Authorization": f"DPoP {token}", "DPoP": forger.proof("POST", f"{URL}{API}", token, header)}))


@pytest.mark.parametrize("proof", [None, "", "x", "a.b.c", "a.b", "\xe9", "x" * 9000], ids=lambda proof: str(proof)[:9])
def test_what_is_no_proof_is_refused(site: Site, token: str, proof: str | None) -> None:
    headers = {"Authorization": f"DPoP {token}"}
    if proof is not None:
        headers["DPoP"] = proof.encode("latin-1")
    refused(send(site, headers))


def test_two_proofs_are_none(site: Site, token: str) -> None:
    proofs = [PROVER.proof("POST", f"{URL}{API}", token) for _ in range(2)]
    refused(send(site, [("Authorization", f"DPoP {token}"), *(("DPoP", proof) for proof in proofs)]))


def test_a_huge_or_weak_rsa_key_is_refused(site: Site, token: str) -> None:
    for octets, exponent in ((64, "AQAB"), (128, "AQAB"), (600, "AQAB"), (256, "A" * 300), (256, "")):
        number = base64.urlsafe_b64encode(b"\xff" * octets).decode().rstrip("=")
        head = b64({"alg": "PS256", "typ": "dpop+jwt", "jwk": {"kty": "RSA", "e": exponent, "n": number}})
        proof = f"{head}.{b64({})}.{number}"
        assert "RSA" in refused(send(site, {"Authorization": f"DPoP {token}", "DPoP": proof}))
