"""What a person grants: for one organisation, to an application that serves it, never more than the person may."""

import time
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlencode

import pytest

from api.database import embedded
from auth.scope import Scope, scopes_for
from tests.installed import Site
from tests.people.applications import HOME, Client, application, code_row
from tests.people.asking import asked, bring, denied, shown
from tests.people.signed_in import (
    BACK,
    CLI,
    COOKIE,
    Person,
    Role,
    came_back,
    hidden_fields,
    join,
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


def test_what_nothing_names_is_all_that_role_and_application_allow(site: Site, person: Person, web: Client) -> None:
    code = came_back(bring(person, asked(person, web)))["code"]
    assert set(code_row(site, code).scopes) == {scope.value for scope in scopes_for([Role.TRUST_IT])}
    narrow = application(site, f"r1a-{time.monotonic_ns()}", HOME, scopes=["test:report", "wave:approve"])
    code = came_back(bring(person, asked(person, narrow)))["code"]
    assert code_row(site, code).scopes == ["test:report"]
    denied(bring(person, asked(person, narrow, scope="wave:approve")), "invalid_scope")


def test_a_scope_of_the_role_is_given_one_of_another_is_left_out(site: Site, person: Person, web: Client) -> None:
    code = came_back(bring(person, asked(person, web, scope="test:* system:register wave:approve")))["code"]
    assert code_row(site, code).scopes == ["system:register", "test:report"]


@pytest.mark.parametrize("scope", [scope.value for scope in Scope])
def test_no_role_gives_more_than_its_scopes(site: Site, person: Person, web: Client, scope: str) -> None:
    said = came_back(bring(person, asked(person, web, scope=scope)))
    may = {each.value for each in scopes_for([Role.TRUST_IT])}
    assert ("code" in said) == (scope in may)


def test_an_application_of_one_organisation_serves_its_people_alone(site: Site, person: Person, web: Client) -> None:
    site.runner.run(join(site, person.subject, "RYG", [Role.TRUST_IT]))
    denied(bring(person, asked(person, web, organisation="RYG")), "access_denied")
    code = came_back(bring(person, asked(person, web, organisation=None)))["code"]
    assert code_row(site, code).tenant_ods == "R1A"
    stranger = Person(site, f"s{time.monotonic_ns()}@RNK", "RNK", Role.TRUST_IT)
    stranger.sign_in()
    denied(bring(stranger, asked(stranger, web, organisation=None)), "access_denied")


def test_one_of_everybodys_asks_before_it_is_given_anything(site: Site, person: Person) -> None:
    everyones = application(site, f"supplier-{time.monotonic_ns()}", HOME, organisation="SUPPLIER", everyone=True)
    page = bring(person, asked(person, everyones))
    assert page.status_code == 200
    assert everyones.client_id in page.text
    fields = {**hidden_fields(page.text), "organisation": "R1A", "decision": "allow"}
    assert "code" in came_back(person.post(DECISION, fields))


def test_a_person_of_two_organisations_chooses_one(site: Site, person: Person) -> None:
    site.runner.run(join(site, person.subject, "RYG", [Role.TRUST_CSO]))
    page = bring(person, asked(person, organisation=None))
    assert {"R1A", "RYG"} <= set(page.text.replace('"', " ").split())
    for chosen, roles in (("R1A", ["TRUST_IT"]), ("RYG", ["TRUST_CSO"])):
        fields = {**hidden_fields(page.text), "organisation": chosen, "decision": "allow"}
        row = code_row(site, came_back(person.post(DECISION, fields))["code"])
        assert (row.tenant_ods, row.roles) == (chosen, roles)


def test_who_chooses_none_is_asked_again_and_who_refuses_is_let_go(person: Person) -> None:
    page = bring(person, asked(person))
    again = person.post(DECISION, {**hidden_fields(page.text), "decision": "allow"})
    assert again.status_code == 200
    assert "Select an organisation" in again.text
    fields = {**hidden_fields(again.text), "decision": "deny", "organisation": "R1A"}
    denied(person.post(DECISION, fields), "access_denied", back=BACK)


def test_who_chooses_what_was_not_offered_gets_nothing(person: Person) -> None:
    fields = hidden_fields(bring(person, asked(person)).text)
    for chosen in ("RYG", "NONE", "R1A' or 1=1"):
        answer = person.post(DECISION, {**fields, "organisation": chosen, "decision": "allow"})
        denied(answer, "access_denied", back=BACK)


def test_a_decision_of_another_browsers_is_none(site: Site, person: Person) -> None:
    page = bring(person, asked(person))
    fields = {**hidden_fields(page.text), "organisation": "R1A", "decision": "allow"}
    other = Person(site, f"o{time.monotonic_ns()}@R1A", "R1A", Role.TRUST_IT)
    other.sign_in()
    for csrf in (fields["csrf"], "", other.csrf[:-1], "é"):
        answer = other.post(DECISION, {**fields, "csrf": csrf})
        assert answer.status_code == 403, answer.text[:200]
    person.cookies = {}
    assert person.post(DECISION, fields).status_code == 403


def test_a_decision_sent_by_another_site_is_none(site: Site, person: Person) -> None:
    page = bring(person, asked(person))
    fields = {**hidden_fields(page.text), "organisation": "R1A", "decision": "allow"}
    cookie = {"Cookie": f"{COOKIE}={person.cookies[COOKIE]}"}
    for foreign in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = site.runner.run(site.http.post(DECISION, data=fields, headers=cookie | foreign))
        assert answer.status_code == 403


def test_the_request_that_comes_back_with_a_decision_is_read_as_strictly(person: Person) -> None:
    fields = hidden_fields(bring(person, asked(person)).text)
    request = dict(parse_qsl(fields["request"]))
    decision = {"csrf": fields["csrf"], "organisation": "R1A", "decision": "allow"}
    evil = urlencode(request | {"redirect_uri": "https://evil.example"})
    shown(person.post(DECISION, {**decision, "request": evil}))
    plain = urlencode(request | {"code_challenge_method": "plain"})
    denied(person.post(DECISION, {**decision, "request": plain}), "invalid_request", back=BACK)
    shown(person.post(DECISION, decision))


def test_the_page_cannot_be_framed_kept_or_scripted(person: Person) -> None:
    page = bring(person, asked(person, scope="test:report"))
    policy = page.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert "default-src 'none'" in policy
    assert "script" not in policy
    assert (page.headers["cache-control"], page.headers["referrer-policy"]) == ("no-store", "no-referrer")
    assert CLI in page.text
    assert "127.0.0.1:8123" in page.text
