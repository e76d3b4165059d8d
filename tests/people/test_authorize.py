"""The authorization endpoint: who asks and where the answer goes is settled before anybody signs in for it."""

import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from sqlmodel import col, select

from api.database import embedded
from auth.grants.tables import AuthorizationCode
from auth.people.tables import BrowserSession
from auth.tokens.secret import hashed
from tests.installed import URL, Site
from tests.people.applications import HOME, Client, application, changed, code_row, found
from tests.people.asking import asked, bring, denied, shown
from tests.people.signed_in import (
    AAL1,
    AAL2,
    BACK,
    COOKIE,
    Person,
    Role,
    came_back,
    sent_to,
    site_for_people,
)

DECISION = "/oauth2/authorize/decision"


@pytest.fixture(scope="module")
def site(cluster: embedded.Server) -> Iterator[Site]:
    with site_for_people(cluster) as made:
        yield made


@pytest.fixture(scope="module")
def web(site: Site) -> Client:
    return application(site, "r1a-web", HOME, f"{HOME}?x=1")


@pytest.fixture
def person(site: Site) -> Person:
    made = Person(site, f"p{time.monotonic_ns()}@R1A", "R1A", Role.TRUST_IT)
    made.sign_in()
    return made


def test_an_organisations_own_application_gets_a_code_without_a_question(person: Person, web: Client) -> None:
    answer = bring(person, asked(person, web))
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(f"{HOME}?code=")
    said = came_back(answer)
    assert (said.keys(), said["state"], said["iss"]) == ({"code", "state", "iss"}, "xyz", URL)
    assert answer.headers["referrer-policy"] == "no-referrer"


def test_a_query_of_the_redirect_uri_is_kept(person: Person, web: Client) -> None:
    answer = bring(person, asked(person, web, redirect_uri=f"{HOME}?x=1"))
    assert came_back(answer)["x"] == "1"
    assert answer.headers["location"].count("?") == 1


def test_without_state_there_is_none(person: Person, web: Client) -> None:
    assert came_back(bring(person, asked(person, web, state=None))).keys() == {"code", "iss"}


@pytest.mark.parametrize("state", ["a b&c=d?#%+/\\\"'<>", "s" * 1000, "~!"])
def test_the_state_comes_back_to_the_letter(person: Person, web: Client, state: str) -> None:
    assert came_back(bring(person, asked(person, web, state=state)))["state"] == state


@pytest.mark.parametrize("state", ["a\nb", "é", "a\tb", "s" * 1001])
def test_a_state_that_is_none_is_not_repeated(person: Person, web: Client, state: str) -> None:
    denied(bring(person, asked(person, web, state=state)), "invalid_request", state=None)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code token"}, "unsupported_response_type"),
        ({"response_type": "none"}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"response_mode": "form_post"}, "invalid_request"),
        ({"request": "a.b.c"}, "request_not_supported"),
        ({"resource": "https://other.example"}, "invalid_target"),
        ({"resource": f"{URL}/"}, "invalid_target"),
        ({"resource": f"{URL}/graphql/"}, "invalid_target"),
        ({"scope": "nonsense"}, "invalid_scope"),
        ({"scope": "test:report nonsense"}, "invalid_scope"),
        ({"scope": "build:register"}, "invalid_scope"),
        ({"scope": "wave:approve"}, "invalid_scope"),
        ({"scope": "*"}, "invalid_scope"),
        ({"scope": "test:\x00report"}, None),
        ({"organisation": "RYG"}, "access_denied"),
        ({"organisation": "NONE"}, "access_denied"),
        ({"organisation": "r1a' or 1=1"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"max_age": "1e3"}, "invalid_request"),
        ({"max_age": "1" * 16}, "invalid_request"),
        ({"signed_in_after": "x"}, "invalid_request"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"prompt": "create"}, "invalid_request"),
        ({"acr_values": "gold"}, "unmet_authentication_requirements"),
        ({"dpop_jkt": "short"}, "invalid_request"),
        ({"dpop_jkt": "=" * 43}, "invalid_request"),
    ],
    ids=str,
)
def test_what_is_wrong_is_told_to_the_application(
    person: Person, web: Client, changes: dict[str, Any], error: str | None
) -> None:
    answer = bring(person, asked(person, web, **changes))
    if error is None:
        shown(answer)
    else:
        why = denied(answer, error)
        assert why.isascii()
        assert not set('"\\') & set(why)


def test_1_pkce_plain_is_refused(person: Person, web: Client) -> None:
    denied(bring(person, asked(person, web, code_challenge_method="plain")), "invalid_request")


def test_2_so_is_a_client_with_a_key_without_pkce(site: Site, person: Person) -> None:
    server = application(site, f"r1a-{time.monotonic_ns()}", HOME, public=False)
    missing = {"code_challenge": None, "code_challenge_method": None}
    denied(bring(person, asked(person, server, **missing)), "invalid_request")
    assert "code" in came_back(bring(person, asked(person, server)))


def test_3_so_is_a_challenge_without_its_method(person: Person, web: Client) -> None:
    denied(bring(person, asked(person, web, code_challenge_method=None)), "invalid_request")


def test_4_so_is_a_public_client_without_a_challenge(person: Person, web: Client) -> None:
    denied(bring(person, asked(person, web, code_challenge=None)), "invalid_request")
    rows = found(person.site, select(AuthorizationCode).where(col(AuthorizationCode.subject) == person.subject))
    assert rows == []


@pytest.mark.parametrize(
    "challenge",
    ["A" * 42, "A" * 44, "A" * 128, "A" * 129, "A" * 42 + "=", "A" * 42 + "~", "A" * 42 + "é", "A" * 43 + "\n"],
)
def test_a_challenge_is_what_a_sha_256_can_be(person: Person, web: Client, challenge: str) -> None:
    denied(bring(person, asked(person, web, code_challenge=challenge)), "invalid_request")


@pytest.mark.parametrize(
    "twice", ["state=2", "scope=test:report", "code_challenge=x", "resource=a", "prompt=login", "foo=1&foo=2"]
)
def test_what_is_said_twice_is_refused(person: Person, web: Client, twice: str) -> None:
    request = asked(person, web, scope="test:report", resource=URL, prompt="consent")
    state = None if twice.startswith("state") else "xyz"
    denied(bring(person, request, f"&{twice}"), "invalid_request", state)


@pytest.mark.parametrize("twice", ["client_id=r1a-web", f"redirect_uri={quote('https://evil.example')}"])
def test_who_asks_said_twice_is_shown(person: Person, web: Client, twice: str) -> None:
    shown(bring(person, asked(person, web), f"&{twice}"))


@pytest.mark.parametrize(
    "more", ["&%ff=%ff", "&x=%00", "&" + "&".join(f"p{n}=1" for n in range(30)), "&x=" + "y" * 2000]
)
def test_what_cannot_be_read_is_shown(person: Person, web: Client, more: str) -> None:
    shown(bring(person, asked(person, web), more))


def test_the_request_may_be_posted(person: Person, web: Client) -> None:
    assert "code" in came_back(person.post("/oauth2/authorize", asked(person, web)))
    shown(person.post("/oauth2/authorize?x=1", asked(person, web)))
    answer = person.site.runner.run(person.site.http.post("/oauth2/authorize", json=asked(person, web)))
    shown(answer)


def test_nobody_signed_in_is_sent_to_sign_in_and_comes_back(person: Person, web: Client) -> None:
    request = asked(person, web)
    person.cookies = {}
    path, given = sent_to(bring(person, request))
    assert (path, given.keys()) == ("/sign-in", {"return_to"})
    person.sign_in()
    assert given["return_to"].startswith("/oauth2/authorize?")
    assert "code" in came_back(person.get(given["return_to"]))


@pytest.mark.parametrize("cookie", ["", "A" * 43, "é", "x" * 5000])
def test_a_cookie_of_nobodys_signs_nobody_in(person: Person, web: Client, cookie: str) -> None:
    person.cookies = {COOKIE: quote(cookie)}
    assert sent_to(bring(person, asked(person, web)))[0] == "/sign-in"


def test_an_ended_browser_is_signed_out(site: Site, person: Person, web: Client) -> None:
    row = col(BrowserSession.id_hash) == hashed(person.cookies[COOKIE])
    changed(site, BrowserSession, row, ended_at=found(site, select(BrowserSession.started_at).where(row))[0])
    assert sent_to(bring(person, asked(person, web)))[0] == "/sign-in"


def test_a_sign_in_that_is_too_old_is_asked_for_again_and_once(person: Person, web: Client) -> None:
    request = asked(person, web, max_age="900")
    person.sign_in(ago=901)
    path, given = sent_to(bring(person, request))
    assert (path, given["max_age"]) == ("/sign-in", "900")
    assert sent_to(person.get(given["return_to"]))[0] == "/sign-in"
    person.sign_in()
    assert "code" in came_back(person.get(given["return_to"]))


@pytest.mark.parametrize("changes", [{"prompt": "login"}, {"max_age": "0"}], ids=str)
def test_one_that_is_wanted_now_is_asked_for_whoever_is_signed_in(
    person: Person, web: Client, changes: dict[str, str]
) -> None:
    path, given = sent_to(bring(person, asked(person, web, **changes)))
    assert (path, given["max_age"]) == ("/sign-in", "0")
    assert sent_to(person.get(given["return_to"]))[0] == "/sign-in"
    person.sign_in()
    assert "code" in came_back(person.get(given["return_to"]))


def test_a_second_factor_is_asked_for_where_it_is_wanted(site: Site, person: Person, web: Client) -> None:
    person.sign_in(AAL1)
    path, given = sent_to(bring(person, asked(person, web, acr_values="aal2", max_age="900")))
    assert (path, given["acr"], given["max_age"]) == ("/sign-in", "aal2", "900")
    person.sign_in(AAL2)
    code = came_back(person.get(given["return_to"]))["code"]
    assert code_row(site, code).acr == AAL2


@pytest.mark.parametrize("values", ["aal1", "aal1 aal2", "gold aal1"])
def test_whoever_is_content_with_less_gets_what_there_is(person: Person, web: Client, values: str) -> None:
    person.sign_in(AAL1)
    assert "code" in came_back(bring(person, asked(person, web, acr_values=values)))


def test_prompt_none_asks_nobody(person: Person, web: Client) -> None:
    assert "code" in came_back(bring(person, asked(person, web, prompt="none")))
    denied(bring(person, asked(person, prompt="none")), "interaction_required", back=BACK)
    person.cookies = {}
    denied(bring(person, asked(person, web, prompt="none")), "login_required")
