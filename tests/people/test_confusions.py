"""One thing in the place of another: tokens, codes, cookies where others belong; what is said in an address, or twice."""

import base64
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from api.database import embedded
from auth.ask import ASSERTION_TYPE
from auth.grants.applications import CODE, DEVICE
from auth.grants.exchange import ACCESS_TOKEN
from auth.grants.pushed import URN
from auth.server.asker import EXCHANGE
from schema.people.account import Role
from tests.installed import URL, Site
from tests.people.applications import Client
from tests.people.proving import API, TOKEN, Prover, bearer, machine_token
from tests.people.signed_in import BACK, CLI, COOKIE, Person, Pkce, site_for_people

VIEWER = "{ viewer { subject } }"
SECRETS = ["access token", "code", "cookie", "csrf", "device code", "proof", "refresh token", "request_uri"]


@pytest.fixture(scope="module")
def site(cluster: embedded.Server) -> Iterator[Site]:
    with site_for_people(cluster) as made:
        yield made


@pytest.fixture(scope="module")
def person(site: Site) -> Person:
    return Person(site, "it.lead@R1A", "R1A", Role.TRUST_IT)


def send(site: Site, method: str, path: str, **given: Any) -> httpx.Response:
    """Send a request as it is."""
    return site.runner.run(site.http.request(method, path, **given))


def all_of(site: Site, person: Person) -> dict[str, str]:
    """Give one of each thing that lets its holder do something."""
    tokens, pkce = person.tokens(), Pkce()
    begun = send(site, "POST", "/oauth2/device_authorization", data={"client_id": CLI}).json()
    pushed = send(site, "POST", "/oauth2/par", data=person.request(Pkce())).json()
    told = {"access token": tokens["access_token"], "refresh token": tokens["refresh_token"]}
    told |= {"code": person.code(pkce), "cookie": person.cookies[COOKIE], "csrf": person.csrf}
    proof = Prover().proof("POST", site.issuer.token_url)
    return told | {"device code": begun["device_code"], "request_uri": pushed["request_uri"], "proof": proof}


@pytest.mark.parametrize("secret", SECRETS)
def test_nothing_serves_at_the_token_endpoint_in_the_place_of_another(site: Site, person: Person, secret: str) -> None:
    given = all_of(site, person)[secret]
    asks = {
        "access token": {"grant_type": EXCHANGE, "subject_token": given, "subject_token_type": ACCESS_TOKEN},
        "code": {"grant_type": CODE, "code": given, "redirect_uri": BACK, "code_verifier": "v" * 43},
        "device code": {"grant_type": DEVICE, "device_code": given},
        "refresh token": {"grant_type": "refresh_token", "refresh_token": given},
    }
    for place, form in asks.items():
        answer = send(site, "POST", TOKEN, data={"client_id": CLI, **form})
        error = answer.json().get("error")
        assert place == secret or (answer.status_code, error) in {(400, "invalid_grant"), (400, "invalid_request")}
    proves = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": given}
    answer = send(site, "POST", TOKEN, data={"grant_type": "client_credentials", **proves})
    assert answer.json()["error"] in {"invalid_client", "invalid_request"}


@pytest.mark.parametrize("secret", SECRETS)
def test_nothing_serves_elsewhere_in_the_place_of_another(site: Site, person: Person, secret: str) -> None:
    given = all_of(site, person)[secret]
    uri = given if secret == "request_uri" else f"{URN}{given}"
    asked = f"/oauth2/authorize?{urlencode({'client_id': CLI, 'request_uri': uri})}"
    bare = given.removeprefix(URN)
    served = {
        "access token": send(site, "POST", API, json={"query": VIEWER}, headers=bearer(bare)).status_code == 200,
        "cookie": send(site, "GET", "/account", headers={"Cookie": f"{COOKIE}={bare}"}).status_code == 200,
        "request_uri": send(site, "GET", asked).status_code == 303,
    }
    assert served == {place: place == secret for place in served}


@pytest.mark.parametrize("where", ["query", "query of a question", "form", "json", "cookie", "twice", "two schemes"])
def test_a_token_is_taken_from_its_header_alone(site: Site, person: Person, where: str) -> None:
    token = person.token()
    asks: dict[str, Any] = {"json": {"query": VIEWER}}
    method, path = "POST", API
    if where == "query":
        path = f"{API}?access_token={token}"
    elif where == "query of a question":
        method, asks, path = "GET", {}, f"{API}?{urlencode({'query': VIEWER, 'access_token': token})}"
    elif where == "form":
        asks = {"data": {"query": VIEWER, "access_token": token}}
    elif where == "json":
        asks = {"json": {"query": VIEWER, "access_token": token, "variables": {"access_token": token}}}
    elif where == "cookie":
        asks |= {"headers": {"Cookie": f"access_token={token}; Authorization=Bearer {token}"}}
    else:
        other = bearer(token) if where == "twice" else {"Authorization": f"DPoP {token}"}
        asks |= {"headers": [*other.items(), *bearer(person.token()).items()]}
    answer = send(site, method, path, **asks)
    assert answer.status_code in {400, 401, 415}, answer.text
    assert "it.lead" not in answer.text


@pytest.mark.parametrize("path", ["token", "revoke", "introspect", "par", "device_authorization"])
def test_credentials_in_an_address_are_refused_though_the_form_is_good(site: Site, person: Person, path: str) -> None:
    client = Client(CLI, BACK)
    token = person.tokens()["refresh_token"]
    form = client.form(token=token, grant_type="refresh_token", refresh_token=token)
    for query in (form, {"client_id": CLI}, {"x": "1"}):
        for body in (form, {}):
            answer = send(site, "POST", f"/oauth2/{path}?{urlencode(query)}", data=body)
            assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert person.refresh(token).status_code == 200


@pytest.mark.parametrize(
    "name", ["client_id", "code", "code_verifier", "grant_type", "redirect_uri", "scope", "resource"]
)
def test_what_is_said_twice_at_the_token_endpoint_is_refused_and_uses_nothing_up(
    site: Site, person: Person, name: str
) -> None:
    pkce = Pkce()
    person.sign_in()
    form = {"grant_type": "authorization_code", "client_id": CLI, "redirect_uri": BACK, "scope": "progress:read"}
    form |= {"code": person.code(pkce), "code_verifier": pkce.verifier, "resource": URL}
    body = f"{urlencode(form)}&{urlencode({name: form[name]})}"
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = send(site, "POST", TOKEN, content=body, headers=kind)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert send(site, "POST", TOKEN, data=form).status_code == 200


@pytest.mark.parametrize("depth", [100, 1_000, 3_000])
def test_a_proof_that_is_deep_is_refused(site: Site, depth: int) -> None:
    prover = Prover()
    token = site.runner.run(machine_token(site, jkt=prover.jkt))
    good = prover.proof("POST", f"{URL}{API}", token).split(".")
    deep = base64.urlsafe_b64encode(b'{"a":' * depth + b"1" + b"}" * depth).decode().rstrip("=")
    for proof in (f"{deep}.{good[1]}.{good[2]}", f"{good[0]}.{deep}.{good[2]}"):
        headers = {"Authorization": f"DPoP {token}", "DPoP": proof}
        assert send(site, "POST", API, json={"query": VIEWER}, headers=headers).status_code == 401
