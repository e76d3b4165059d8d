"""Step-up (RFC 9470): an act that decides is a person's who signed in with a second factor, at most 15 minutes ago."""

import json
import secrets
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from graphql import GraphQLNonNull, GraphQLObjectType

from api.database import embedded
from api.graphql.engine import schema
from api.graphql.register import OPERATIONS, Operation
from auth.caller import AAL1, AAL2, RECENT
from auth.scope import Scope
from schema.people.account import Role
from tests.installed import Site, code_of
from tests.people.proving import Prover, ask, bearer, machine_token, person_token
from tests.people.signed_in import site_for_people
from tests.stage import mutation_document

DECIDING = [each for each in OPERATIONS if each.needs and each.needs.personal]
UNSURE = {"aal1": {"acr": AAL1}, "old": {"acr": AAL2, "ago": RECENT + 5}, "unheard": {"acr": "aal3"}}
CHALLENGE = (
    'Bearer error="insufficient_user_authentication", '
    'error_description="Sign in again with a second factor: authorize with acr_values=aal2 and max_age=900", '
    'acr_values="aal2", max_age="900"'
)
INCIDENT = {"reference": "STEP-UP", "title": "A trust's own", "detectedAt": "2022-08-04T06:00:00Z"}
OPEN = mutation_document("openIncident", "id")


@pytest.fixture(scope="module")
def site(cluster: embedded.Server) -> Iterator[Site]:
    with site_for_people(cluster) as made:
        yield made


@pytest.fixture
def decides(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let opening an incident, and reading what happened, be for people who are sure."""
    for scope in (Scope.INCIDENT_OPEN, Scope.ACTIVITY_READ):
        monkeypatch.setattr(scope, "personal", True)


def sent(
    site: Site, document: str, token: str, headers: dict[str, str] | None = None, **variables: Any
) -> httpx.Response:
    return site.runner.run(ask(site, document, bearer(token) | (headers or {}), **variables))


def held(site: Site, needs: Scope, **sign_in: Any) -> str:
    """Give a token of a person who holds a scope, by the first role that may."""
    role = min(needs.roles - {Role.ADMINISTRATOR} or needs.roles)
    kind = min(role.kinds)
    code = {"TRUST": "R1A", "REGION": "Y60"}.get(kind.value, kind.value)
    return site.runner.run(person_token(site, {"ICB": "QGH"}.get(code, code), role, **sign_in))


def document_of(operation: Operation) -> str | None:
    """Give a document that asks for an operation; None: a question that needs arguments."""
    types = schema._schema
    if operation.is_change:
        name = operation.name[0].upper() + operation.name[1:]
        return f"mutation($input: {name}!) {{ {operation.name}(input: $input) {{ __typename }} }}"
    root = types.query_type
    assert isinstance(root, GraphQLObjectType)
    needed = [each for each in root.fields[operation.name].args.values() if isinstance(each.type, GraphQLNonNull)]
    required = [each for each in needed if each.default_value is None]
    return None if required else f"{{ {operation.name} {{ __typename }} }}"


def refused(answer: httpx.Response) -> None:
    assert answer.status_code == 401, answer.text
    (error,) = answer.json()["errors"]
    assert error["extensions"]["code"] == "INSUFFICIENT_USER_AUTHENTICATION"
    assert error["extensions"]["retryable"] is False
    assert error["extensions"]["requestId"]
    assert "acr_values=aal2 and max_age=900" in error["message"]
    assert "data" not in answer.json()
    assert answer.headers["www-authenticate"] == CHALLENGE
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("operation", DECIDING, ids=lambda each: each.name)
def test_no_act_that_decides_takes_somebody_unsure(site: Site, operation: Operation) -> None:
    assert operation.needs
    document = document_of(operation)
    assert document, "write its arguments here"
    for sign_in in UNSURE.values():
        refused(sent(site, document, held(site, operation.needs, **sign_in), input={}))
    sure = sent(site, document, held(site, operation.needs, acr=AAL2, ago=RECENT - 30), input={})
    assert sure.status_code != 401, sure.text


@pytest.mark.parametrize("sign_in", UNSURE.values(), ids=UNSURE)
def test_nothing_is_written_and_no_key_is_used_up(site: Site, decides: None, sign_in: dict[str, Any]) -> None:
    reference = f"NEVER-{secrets.token_hex(4).upper()}"
    key, stated = {"Idempotency-Key": reference}, INCIDENT | {"reference": reference}
    unsure = site.runner.run(person_token(site, "R1A", Role.TRUST_IT, **sign_in))
    refused(sent(site, OPEN, unsure, input=stated))
    refused(sent(site, OPEN, unsure, key, input=stated))
    reading = site.runner.run(machine_token(site, "R1A"))
    found = sent(site, "query($r: String!) { incident(reference: $r) { id } }", reading, r=reference)
    assert found.json() == {"data": {"incident": None}}
    sure = site.runner.run(person_token(site, "R1A", Role.TRUST_IT))
    assert sent(site, OPEN, sure, key, input=stated).json()["data"]["openIncident"]["__typename"] == "Incident"


def test_a_person_who_is_sure_decides_once_and_is_asked_again_later(site: Site, decides: None) -> None:
    key = {"Idempotency-Key": "decided-at-once"}
    sure = site.runner.run(person_token(site, "R1A", Role.TRUST_IT))
    done = sent(site, OPEN, sure, key, input=INCIDENT).json()
    assert done["data"]["openIncident"]["__typename"] == "Incident"
    assert sent(site, OPEN, sure, key, input=INCIDENT).json() == done
    later = site.runner.run(person_token(site, "R1A", Role.TRUST_IT, ago=RECENT + 5))
    refused(sent(site, OPEN, later, key, input=INCIDENT))


def test_a_question_that_is_personal_is_asked_again_each_time(site: Site, decides: None) -> None:
    compiled = "{ asked: activity(first: 1) { totalCount } }"  # a text of its own: its plan is kept
    executed = (
        '{ activity(first: 1) { totalCount } incident(reference: "none") { id } __schema { queryType { name } } }'
    )
    for document in (compiled, executed):
        sure = site.runner.run(person_token(site, "R1A", Role.TRUST_IT))
        assert sent(site, document, sure).status_code == 200
        for sign_in in UNSURE.values():
            refused(sent(site, document, site.runner.run(person_token(site, "R1A", Role.TRUST_IT, **sign_in))))


def test_what_a_sure_person_was_told_is_not_kept_for_others(site: Site) -> None:
    """The answers kept are looked for before anybody asks how sure the caller is."""
    document = "{ accounts { totalCount } }"
    sure = site.runner.run(person_token(site, "R1A", Role.ADMINISTRATOR))
    for _ in range(2):
        told = sent(site, document, sure)
        assert (told.status_code, told.headers["cache-control"]) == (200, "no-store")
        assert "etag" not in told.headers
    refused(sent(site, document, site.runner.run(person_token(site, "R1A", Role.ADMINISTRATOR, ago=RECENT + 5))))


def test_a_machine_is_told_that_people_decide(site: Site) -> None:
    token = site.runner.run(machine_token(site, "R1A", scopes=frozenset(Scope)))
    document = mutation_document("suspendAccount", "id")
    made = {"account": "QWNjb3VudDp4", "expectedVersion": 1}
    answer = sent(site, document, token, input=made)
    problem = answer.json()["data"]["suspendAccount"]
    assert (answer.status_code, problem["__typename"]) == (200, "NotPermitted")
    assert "People decide" in problem["nextStep"]
    assert "ADMINISTRATOR" in problem["nextStep"]
    assert code_of(sent(site, "{ accounts { totalCount } }", token)) == "NOT_PERMITTED"


def test_a_person_without_the_scope_is_told_to_ask_for_it(site: Site) -> None:
    token = site.runner.run(person_token(site, "R1A", Role.TRUST_IT, acr=AAL1, scopes=frozenset({Scope.PROGRESS_READ})))
    problem = sent(site, OPEN, token, input=INCIDENT).json()["data"]["openIncident"]
    assert problem["__typename"] == "NotPermitted"
    assert "Sign in again and ask for the scope incident:open" in problem["nextStep"]


def test_the_challenge_names_the_scheme_that_was_used(site: Site) -> None:
    prover = Prover()
    token = site.runner.run(person_token(site, "R1A", Role.ADMINISTRATOR, acr=AAL1, jkt=prover.jkt))
    answer = site.runner.run(ask(site, "{ accounts { totalCount } }", prover.headers(site, token)))
    assert (answer.status_code, code_of(answer)) == (401, "INSUFFICIENT_USER_AUTHENTICATION")
    challenge = answer.headers["www-authenticate"]
    assert challenge.startswith('DPoP error="insufficient_user_authentication"')
    assert 'acr_values="aal2", max_age="900", algs="ES256 Ed25519 PS256"' in challenge


def test_by_get_it_is_the_same(site: Site) -> None:
    token = site.runner.run(person_token(site, "R1A", Role.ADMINISTRATOR, acr=AAL1))
    parameters = {"query": "{ accounts { totalCount } }", "variables": json.dumps({})}
    refused(site.runner.run(site.http.get("/graphql", params=parameters, headers=bearer(token))))
