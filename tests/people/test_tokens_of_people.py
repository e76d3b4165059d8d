"""A person's tokens at revocation and introspection, and what the server says of itself."""

from collections.abc import Iterator

import httpx
import pytest

from api.database import embedded
from auth.scope import Scope
from auth.tokens.verifier import Verifier
from tests.installed import URL, Site
from tests.people.applications import HOME, Client, application, session_of
from tests.people.signed_in import Person, Pkce, Role, site_for_people
from tests.people.test_code import alive, refused

VIEWER = "{ viewer { subject } }"


@pytest.fixture(scope="module")
def site(cluster: embedded.Server) -> Iterator[Site]:
    with site_for_people(cluster) as made:
        yield made


@pytest.fixture(scope="module")
def person(site: Site) -> Person:
    return Person(site, "it.lead@R1A", "R1A", Role.TRUST_IT)


@pytest.fixture(scope="module")
def server(site: Site) -> Client:
    return application(site, "r1a-server", HOME, public=False)


def at(site: Site, path: str, client: Client, **form: str) -> httpx.Response:
    """Post a form of a client's."""
    fields = {name: value for name, value in client.form(**form).items() if value is not None}
    return site.runner.run(site.http.post(path, data=fields))


def let_in(site: Site, token: str) -> bool:
    """Tell whether another replica lets a token in."""
    answer = site.runner.run(_viewer(site, token))
    assert answer in {200, 401}
    return answer == 200


async def _viewer(site: Site, token: str) -> int:
    try:
        await Verifier(site.issuer, site.database).verify(token)
    except Exception:  # noqa: BLE001 - whatever it says
        return 401
    return 200


CLI_CLIENT = Client("reinstate-cli", "")


def test_revoking_a_refresh_token_ends_its_session(site: Site, person: Person) -> None:
    told = person.tokens()
    assert let_in(site, told["access_token"])
    answer = at(site, "/oauth2/revoke", CLI_CLIENT, token=told["refresh_token"])
    assert (answer.status_code, answer.json()) == (200, {})
    assert not alive(site, told["refresh_token"])
    assert not let_in(site, told["access_token"])
    refused(person.refresh(told["refresh_token"]))
    assert at(site, "/oauth2/revoke", CLI_CLIENT, token=told["refresh_token"]).status_code == 200


def test_revoking_an_access_token_ends_that_one(site: Site, person: Person) -> None:
    told = person.tokens()
    assert at(site, "/oauth2/revoke", CLI_CLIENT, token=told["access_token"]).status_code == 200
    assert not let_in(site, told["access_token"])
    again = person.refresh(told["refresh_token"])
    assert let_in(site, again.json()["access_token"])


def test_nobody_revokes_what_another_client_was_given(site: Site, person: Person, server: Client) -> None:
    told = person.tokens()
    web = application(site, "r1a-web", HOME)
    for client in (web, server):
        for name in ("access_token", "refresh_token"):
            answer = at(site, "/oauth2/revoke", client, token=told[name])
            assert (answer.status_code, answer.json()) == (200, {})
    assert let_in(site, told["access_token"])
    assert alive(site, told["refresh_token"])


def test_who_proves_nothing_learns_nothing(site: Site, person: Person) -> None:
    token = person.token()
    refused(at(site, "/oauth2/introspect", CLI_CLIENT, token=token), "invalid_request")


def test_an_application_is_told_of_its_own_people(site: Site, person: Person, server: Client) -> None:
    pkce = Pkce()
    person.sign_in()
    code = person.code(pkce, client_id=server.client_id, redirect_uri=HOME, scope="test:report")
    told = person.redeem(code, pkce, **server.form(redirect_uri=HOME)).json()
    said = at(site, "/oauth2/introspect", server, token=told["access_token"]).json()
    session = session_of(site, told["refresh_token"])
    assert (said["active"], said["sub"], said["username"]) == (True, "it.lead@R1A", "it.lead@R1A")
    assert (said["acr"], said["auth_time"]) == ("aal2", int(session.authenticated_at.timestamp()))
    assert (said["scope"], said["tenant"], said["sid"]) == ("test:report", "R1A", str(session.id))
    said = at(site, "/oauth2/introspect", server, token=told["refresh_token"]).json()
    assert (said["active"], said["token_type"], said["username"]) == (True, "refresh_token", "it.lead@R1A")
    others = person.tokens()
    for name in ("access_token", "refresh_token"):
        assert at(site, "/oauth2/introspect", server, token=others[name]).json() == {"active": False}


def test_of_a_session_that_ended_nothing_is_said(site: Site, person: Person, server: Client) -> None:
    pkce = Pkce()
    person.sign_in()
    code = person.code(pkce, client_id=server.client_id, redirect_uri=HOME)
    told = person.redeem(code, pkce, **server.form(redirect_uri=HOME)).json()
    at(site, "/oauth2/revoke", server, token=told["refresh_token"])
    for name in ("access_token", "refresh_token"):
        assert at(site, "/oauth2/introspect", server, token=told[name]).json() == {"active": False}


def test_an_application_gets_no_token_of_its_own(site: Site, server: Client) -> None:
    refused(at(site, "/oauth2/token", server, grant_type="client_credentials"), "unauthorized_client")
    refused(at(site, "/oauth2/token", CLI_CLIENT, grant_type="client_credentials"), "invalid_request")


def test_the_server_says_what_it_does(site: Site) -> None:
    said = site.runner.run(site.http.get("/.well-known/oauth-authorization-server")).json()
    assert said["issuer"] == URL
    assert said["authorization_endpoint"] == f"{URL}/oauth2/authorize"
    assert said["pushed_authorization_request_endpoint"] == f"{URL}/oauth2/par"
    assert said["device_authorization_endpoint"] == f"{URL}/oauth2/device_authorization"
    assert said["response_types_supported"] == ["code"]
    assert said["code_challenge_methods_supported"] == ["S256"]
    assert said["authorization_response_iss_parameter_supported"] is True
    assert said["token_endpoint_auth_methods_supported"] == ["private_key_jwt", "none"]
    assert said["acr_values_supported"] == ["aal1", "aal2"]
    assert {"ES256", "PS256"} <= set(said["dpop_signing_alg_values_supported"])
    assert {"authorization_code", "client_credentials", "refresh_token"} <= set(said["grant_types_supported"])
    assert said["scopes_supported"] == [scope.value for scope in Scope]
    assert not {"none", "RS256", "HS256"} & set(said["token_endpoint_auth_signing_alg_values_supported"])
