"""Pushed requests: what a client asks for stays with us, is used once, and only by its own browser."""

import asyncio
import datetime as dt
import itertools
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import httpx
import pytest
from sqlmodel import col, select

from api.database import embedded
from auth.grants.pushed import URN
from auth.grants.tables import PushedRequest
from auth.tokens.secret import hashed
from tests.installed import URL, Site
from tests.people.applications import HOME, Client, application, changed, code_row, found
from tests.people.proving import Prover
from tests.people.signed_in import (
    BACK,
    CLI,
    Person,
    Pkce,
    Role,
    came_back,
    hidden_fields,
    sent_to,
    site_for_people,
    warm,
)
from tests.people.test_code import refused

PAR = "/oauth2/par"
_number = itertools.count(1)


@pytest.fixture(scope="module")
def site(cluster: embedded.Server) -> Iterator[Site]:
    with site_for_people(cluster) as made:
        yield made


@pytest.fixture(scope="module")
def web(site: Site) -> Client:
    return application(site, "r1a-web", HOME)


@pytest.fixture(scope="module")
def server(site: Site) -> Client:
    return application(site, "r1a-server", HOME, public=False)


@pytest.fixture
def person(site: Site) -> Person:
    made = Person(site, f"p{next(_number)}@R1A", "R1A", Role.TRUST_IT)
    made.sign_in()
    return made


def push(person: Person, client: Client, headers: dict[str, str] | None = None, **changes: Any) -> httpx.Response:
    """Push a good request, with what a test changes."""
    asked = person.request(Pkce(state="xyz"), client_id=None, redirect_uri=client.redirect_uri)
    form = {name: value for name, value in (asked | client.form() | changes).items() if value is not None}
    return person.site.runner.run(person.site.http.post(PAR, data=form, headers=headers))


def pushed(person: Person, client: Client, **changes: Any) -> str:
    """Push a good request, and return what names it."""
    answer = push(person, client, **changes)
    assert answer.status_code == 201, answer.text
    assert answer.json()["expires_in"] == 90
    assert answer.headers["cache-control"] == "no-store"
    return str(answer.json()["request_uri"])


def bring(person: Person, client_id: str, request_uri: str, **more: str) -> httpx.Response:
    """Open the address that a client sends its browser to."""
    return person.get(f"/oauth2/authorize?{urlencode({'client_id': client_id, 'request_uri': request_uri, **more})}")


@pytest.mark.parametrize("which", ["web", "server"])
def test_a_pushed_request_is_answered_as_any_other(
    site: Site, person: Person, web: Client, server: Client, which: str
) -> None:
    client = {"web": web, "server": server}[which]
    said = came_back(bring(person, client.client_id, pushed(person, client, scope="test:report")))
    assert (said["state"], said["iss"]) == ("xyz", URL)
    assert code_row(site, said["code"]).scopes == ["test:report"]


def test_it_is_used_once(person: Person, web: Client) -> None:
    request_uri = pushed(person, web)
    assert "code" in came_back(bring(person, web.client_id, request_uri))
    assert bring(person, web.client_id, request_uri).status_code == 400


def test_of_twenty_at_once_one_succeeds(person: Person, web: Client) -> None:
    path = f"/oauth2/authorize?{urlencode({'client_id': web.client_id, 'request_uri': pushed(person, web)})}"

    async def at_once() -> list[int]:
        await warm(person.site)
        answers = await asyncio.gather(*(person.aget(path) for _ in range(20)))
        return sorted(answer.status_code for answer in answers)

    assert person.site.runner.run(at_once()) == [303] + [400] * 19


def test_for_ninety_seconds(site: Site, person: Person, web: Client) -> None:
    request_uri = pushed(person, web)
    this = col(PushedRequest.uri_hash) == hashed(request_uri.removeprefix(URN))
    changed(site, PushedRequest, this, expires_at=dt.datetime.now(dt.UTC))
    assert bring(person, web.client_id, request_uri).status_code == 400


def test_by_its_own_client(person: Person, web: Client) -> None:
    request_uri = pushed(person, web)
    assert bring(person, CLI, request_uri).status_code == 400
    assert bring(person, "nobody", request_uri).status_code == 400
    assert "code" in came_back(bring(person, web.client_id, request_uri))


def test_what_the_address_says_besides_is_not_looked_at(site: Site, person: Person, web: Client) -> None:
    request_uri = pushed(person, web, scope="test:report")
    answer = bring(person, web.client_id, request_uri, scope="system:register", redirect_uri="https://evil.example")
    assert code_row(site, came_back(answer)["code"]).scopes == ["test:report"]


@pytest.mark.parametrize("uri", ["", "x", f"{URN}", f"{URN}{'A' * 43}", "https://evil.example/request", "A" * 500, "é"])
def test_what_names_none_is_shown(person: Person, web: Client, uri: str) -> None:
    answer = bring(person, web.client_id, uri)
    assert answer.status_code == 400
    assert "location" not in answer.headers


def test_it_waits_for_the_person_to_sign_in_and_stays_with_us(person: Person, web: Client) -> None:
    request_uri = pushed(person, web, prompt="login", scope="test:report")
    path, given = sent_to(bring(person, web.client_id, request_uri))
    assert path == "/sign-in"
    again = parse_qs(urlsplit(given["return_to"]).query)
    assert again.keys() == {"client_id", "request_uri"}
    assert again["request_uri"] != [request_uri]
    person.sign_in()
    assert "code" in came_back(person.get(given["return_to"]))


def test_and_for_the_decision(site: Site, person: Person) -> None:
    cli = Client(CLI, BACK)
    page = bring(person, CLI, pushed(person, cli, scope="test:report"))
    fields = hidden_fields(page.text)
    assert dict(parse_qsl(fields["request"])).keys() == {"client_id", "request_uri"}
    decision = {**fields, "organisation": "R1A", "decision": "allow"}
    code = came_back(person.post("/oauth2/authorize/decision", decision))["code"]
    assert code_row(site, code).scopes == ["test:report"]
    assert person.post("/oauth2/authorize/decision", decision).status_code == 400


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"scope": "nonsense"}, "invalid_scope"),
        ({"resource": "https://other.example"}, "invalid_target"),
        ({"redirect_uri": "https://evil.example"}, "invalid_request"),
        ({"redirect_uri": None}, "invalid_request"),
        ({"request_uri": f"{URN}x"}, "invalid_request"),
        ({"request": "a.b.c"}, "request_not_supported"),
        ({"state": "a\nb"}, "invalid_request"),
        ({"acr_values": "gold"}, "unmet_authentication_requirements"),
    ],
    ids=str,
)
def test_what_is_wrong_is_told_at_once(person: Person, web: Client, changes: dict[str, Any], error: str) -> None:
    refused(push(person, web, **changes), error)


def test_a_client_with_a_key_must_prove_itself(person: Person, server: Client) -> None:
    bare = {"client_assertion": None, "client_assertion_type": None, "client_id": server.client_id}
    refused(push(person, server, **bare), "invalid_client", 401)
    refused(push(person, server, client_assertion=server.assertion(aud="https://other.example")), "invalid_client", 401)
    for audience in (URL, f"{URL}/oauth2/token", f"{URL}/oauth2/par"):
        assert push(person, server, client_assertion=server.assertion(aud=audience)).status_code == 201
    refused(push(person, server, client_id="r1a-web"), "invalid_request")


def test_its_assertion_is_used_once_and_not_kept(site: Site, person: Person, server: Client) -> None:
    assertion = server.assertion()
    assert push(person, server, client_assertion=assertion).status_code == 201
    refused(push(person, server, client_assertion=assertion), "invalid_request")
    assert not any(assertion in str(row.parameters) for row in found(site, select(PushedRequest)))


def test_a_proof_that_comes_with_it_binds_the_code(site: Site, person: Person, web: Client) -> None:
    prover = Prover()
    headers = {"DPoP": prover.proof("POST", f"{URL}{PAR}")}
    answer = push(person, web, headers)
    said = came_back(bring(person, web.client_id, answer.json()["request_uri"]))
    assert code_row(site, said["code"]).jkt == prover.jkt
    other = {"DPoP": prover.proof("POST", f"{URL}{PAR}")}
    refused(push(person, web, other, dpop_jkt=Prover().jkt), "invalid_request")
    refused(push(person, web, prover.at_token(site)), "invalid_dpop_proof")


def test_only_by_post_and_as_a_form(site: Site, person: Person, web: Client) -> None:
    assert person.get(PAR).status_code == 405
    form = person.request(Pkce(), client_id=web.client_id, redirect_uri=HOME)
    refused(site.runner.run(site.http.post(PAR, json=form)), "invalid_request")
    refused(site.runner.run(site.http.post(f"{PAR}?scope=x", data=form)), "invalid_request")
    twice = urlencode([*form.items(), ("scope", "a"), ("scope", "b")])
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    refused(site.runner.run(site.http.post(PAR, content=twice, headers=kind)), "invalid_request")
