"""The code: once, soon, to the client it was given to, with the verifier it began with."""

import asyncio
import datetime as dt
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from sqlmodel import col, select

from api.database import embedded
from auth.caller import Operator
from auth.grants.tables import AuthorizationCode
from auth.tokens.secret import hashed
from schema.people.account import Account, AccountStatus, Membership, MembershipStatus
from schema.people.session import Session
from tests.installed import URL, Site
from tests.people.applications import HOME, Client, application, changed, code_row, session_of
from tests.people.proving import Prover
from tests.people.signed_in import BACK, CLI, Person, Pkce, Role, join, site_for_people, warm


@pytest.fixture(scope="module")
def site(cluster: embedded.Server) -> Iterator[Site]:
    with site_for_people(cluster) as made:
        yield made


@pytest.fixture(scope="module")
def person(site: Site) -> Person:
    made = Person(site, "it.lead@R1A", "R1A", Role.TRUST_IT)
    made.sign_in()
    return made


@pytest.fixture(scope="module")
def web(site: Site) -> Client:
    return application(site, "r1a-web", HOME)


@pytest.fixture(scope="module")
def server(site: Site) -> Client:
    return application(site, "r1a-server", HOME, public=False)


def refused(answer: httpx.Response, error: str = "invalid_grant", status: int = 400) -> str:
    """Tell that an answer refuses in RFC 6749's shape and gives nothing; return why."""
    body = answer.json()
    assert (answer.status_code, body.get("error")) == (status, error), answer.text
    assert not {"access_token", "refresh_token"} & body.keys()
    assert answer.headers["cache-control"] == "no-store"
    assert body["message_id"] == answer.headers.get("x-request-id", body["message_id"])
    return str(body["error_description"])


def alive(site: Site, refresh_token: str) -> bool:
    """Tell whether a session goes on."""
    return session_of(site, refresh_token).ended_at is None


def test_a_code_becomes_tokens_that_say_who_and_how(site: Site, person: Person) -> None:
    told = person.tokens("progress:read test:report")
    assert (told["token_type"], told["expires_in"], told["scope"]) == ("Bearer", 300, "progress:read test:report")
    answer = site.runner.run(
        site.post("{ viewer { subject scopes organisation { odsCode } } }", token=told["access_token"])
    )
    assert answer.json()["data"]["viewer"] == {
        "subject": "it.lead@R1A",
        "scopes": ["progress:read", "test:report"],
        "organisation": {"odsCode": "R1A"},
    }


def test_nothing_of_a_code_or_token_is_kept_but_its_hash(site: Site, person: Person) -> None:
    pkce = Pkce()
    code = person.code(pkce)
    told = person.redeem(code, pkce).json()
    assert code not in str(code_row(site, code).model_dump())
    assert session_of(site, told["refresh_token"]).client_id == CLI


def test_a_code_that_comes_again_ends_what_it_became(site: Site, person: Person) -> None:
    pkce = Pkce()
    code = person.code(pkce)
    told = person.redeem(code, pkce).json()
    assert alive(site, told["refresh_token"])
    refused(person.redeem(code, pkce))
    assert not alive(site, told["refresh_token"])
    refused(person.refresh(told["refresh_token"]))


def test_also_a_day_later(site: Site, person: Person) -> None:
    pkce = Pkce()
    code = person.code(pkce)
    told = person.redeem(code, pkce).json()
    before = dt.datetime.now(dt.UTC) - dt.timedelta(hours=2)
    changed(site, AuthorizationCode, col(AuthorizationCode.code_hash) == hashed(code), expires_at=before)
    refused(person.redeem(code, pkce))
    assert not alive(site, told["refresh_token"])


def test_another_client_with_a_used_code_ends_nothing(site: Site, person: Person, web: Client) -> None:
    pkce = Pkce()
    code = person.code(pkce)
    told = person.redeem(code, pkce).json()
    refused(person.redeem(code, pkce, client_id=web.client_id))
    assert alive(site, told["refresh_token"])


def test_of_twenty_at_once_one_succeeds(site: Site, person: Person) -> None:
    pkce = Pkce()
    code = person.code(pkce)

    async def at_once() -> list[httpx.Response]:
        await warm(site)
        return await asyncio.gather(*(person.aredeem(code, pkce) for _ in range(20)))

    answers = site.runner.run(at_once())
    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 19
    (session,) = {str(code_row(site, code).session_id)}
    rows = site.runner.run(_sessions_since(site, session))
    assert rows == 1


async def _sessions_since(site: Site, id_: str) -> int:
    """Count the sessions that began no earlier than this one: ids are in the order of time."""
    async with site.database.change(Operator("R1A"), "test") as db:
        return len(await db.all(select(Session.id).where(col(Session.id) >= id_)))


def test_a_code_lives_a_minute(site: Site, person: Person) -> None:
    pkce = Pkce()
    code = person.code(pkce)
    row = code_row(site, code)
    left = row.expires_at - dt.datetime.now(dt.UTC)
    assert dt.timedelta(seconds=50) < left <= dt.timedelta(seconds=60)
    changed(site, AuthorizationCode, col(AuthorizationCode.code_hash) == hashed(code), expires_at=row.authenticated_at)
    refused(person.redeem(code, pkce))


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "r1a-web"},
        {"redirect_uri": "http://127.0.0.1:8124/callback"},
        {"redirect_uri": BACK + "/"},
        {"redirect_uri": None},
        {"code_verifier": "A" * 43},
        {"code_verifier": Pkce().challenge},
        {"code": "unknown"},
        {"code": "A" * 43},
        {"code": "A" * 5000},
        {"code": "ä" * 43},
    ],
    ids=str,
)
def test_what_a_code_is_bound_to(person: Person, web: Client, changes: dict[str, Any]) -> None:
    pkce = Pkce()
    code = person.code(pkce)
    refused(person.redeem(code, pkce, **changes))


@pytest.mark.parametrize(
    "verifier", [None, "", "short", "A" * 42, "A" * 129, "A" * 42 + " ", "A" * 42 + "ä", "A" * 42 + "/"]
)
def test_a_verifier_has_43_to_128_characters(person: Person, verifier: str | None) -> None:
    pkce = Pkce()
    refused(person.redeem(person.code(pkce), pkce, code_verifier=verifier), "invalid_request")


@pytest.mark.parametrize("length", [43, 128])
def test_a_verifier_of_the_shortest_and_the_longest_is_taken(person: Person, length: int) -> None:
    pkce = Pkce(verifier="-._~Aa0" * 18 + "Zz")
    pkce.verifier = pkce.verifier[:length]
    assert person.redeem(person.code(pkce), pkce).status_code == 200


def test_a_code_that_was_brought_wrongly_is_used_up(person: Person) -> None:
    pkce = Pkce()
    code = person.code(pkce)
    refused(person.redeem(code, pkce, code_verifier="A" * 43))
    refused(person.redeem(code, pkce))


def test_the_verifier_is_not_the_challenge_however_the_method_is_named(person: Person) -> None:
    pkce = Pkce()
    code = person.code(pkce)
    refused(person.redeem(code, pkce, code_verifier=pkce.challenge, code_challenge_method="plain"))


def test_a_client_with_a_key_needs_key_and_verifier_both(site: Site, person: Person, server: Client) -> None:
    def bring(**form: Any) -> httpx.Response:
        pkce = Pkce()
        code = person.code(pkce, client_id=server.client_id, redirect_uri=HOME)
        return person.redeem(code, pkce, redirect_uri=HOME, **form)

    assert bring(**server.form()).status_code == 200
    refused(bring(client_id=server.client_id), "invalid_client", 401)
    refused(bring(**server.form(code_verifier=None)), "invalid_request")
    refused(bring(**server.form(client_secret="s")), "invalid_request")
    other = application(site, "r1a-other", HOME, public=False)
    refused(bring(**other.form()))


def test_a_public_client_that_shows_a_proof_is_judged_by_it(person: Person, server: Client) -> None:
    pkce = Pkce()
    wrong = {"client_assertion_type": server.form()["client_assertion_type"], "client_assertion": "a.b.c"}
    refused(person.redeem(person.code(pkce), pkce, **wrong), "invalid_request")


def test_a_client_that_is_unknown_and_one_with_a_key_are_answered_alike(person: Person, server: Client) -> None:
    pkce = Pkce()
    code = person.code(pkce)
    said = [
        {**person.redeem(code, pkce, client_id=client_id).json(), "message_id": "-"}
        for client_id in (server.client_id, "nobody", "x" * 80, "r1a;drop", "../etc")
    ]
    assert all(each == said[0] for each in said)
    assert person.redeem(code, pkce).status_code == 200


@pytest.mark.parametrize("resource", [f"{URL}/graphql", URL])
def test_the_resource_may_be_named(person: Person, resource: str) -> None:
    pkce = Pkce()
    assert person.redeem(person.code(pkce), pkce, resource=resource).status_code == 200


def test_a_token_for_somebody_else_is_refused(person: Person) -> None:
    pkce = Pkce()
    refused(person.redeem(person.code(pkce), pkce, resource="https://other.example"), "invalid_target")


def test_a_code_bound_to_a_key_needs_its_proof(site: Site, person: Person) -> None:
    def bring(headers: dict[str, str] | None) -> httpx.Response:
        pkce = Pkce()
        return person.redeem(person.code(pkce, dpop_jkt=prover.jkt), pkce, headers)

    prover, other = Prover(), Prover()
    refused(bring(None))
    refused(bring(other.at_token(site)))
    told = bring(prover.at_token(site)).json()
    assert told["token_type"] == "DPoP"
    assert session_of(site, told["refresh_token"]).jkt == prover.jkt


def test_a_client_whose_tokens_must_be_bound_needs_a_proof(site: Site, person: Person) -> None:
    bound = application(site, "r1a-bound", HOME, dpop_bound=True)
    pkce = Pkce()
    code = person.code(pkce, client_id=bound.client_id, redirect_uri=HOME)
    brought = bound.form(redirect_uri=HOME)
    refused(person.redeem(code, pkce, **brought), "invalid_dpop_proof")
    told = person.redeem(code, pkce, Prover().at_token(site), **brought).json()
    assert told["token_type"] == "DPoP"


def test_who_was_suspended_since_gets_nothing(site: Site) -> None:
    person = Person(site, "gone@R1A", "R1A", Role.TRUST_IT)
    person.sign_in()
    pkce = Pkce()
    code = person.code(pkce)
    site.runner.run(_change(site, Account, "gone@R1A", status=AccountStatus.SUSPENDED))
    assert "no longer" in refused(person.redeem(code, pkce))


def test_whose_membership_ended_since_gets_nothing(site: Site) -> None:
    person = Person(site, "left@R1A", "R1A", Role.TRUST_IT)
    person.sign_in()
    pkce = Pkce()
    code = person.code(pkce)
    site.runner.run(_change(site, Membership, "left@R1A", status=MembershipStatus.ENDED))
    refused(person.redeem(code, pkce))


def test_who_lost_a_role_since_gets_what_is_left(site: Site) -> None:
    person = Person(site, "less@R1A", "R1A", Role.TRUST_IT)
    person.sign_in()
    pkce = Pkce()
    code = person.code(pkce)
    site.runner.run(_change(site, Membership, "less@R1A", status=MembershipStatus.ENDED))
    site.runner.run(join(site, "less@R1A", "R1A", [Role.TRUST_CSO]))
    told = person.redeem(code, pkce)
    assert told.status_code == 400, "none of its roles is left, and the new one was not granted"
    code = person.code(pkce := Pkce())
    site.runner.run(join(site, "less@R1A", "R1A", [Role.TRUST_EXEC]))
    answer = person.redeem(code, pkce).json()
    assert session_of(site, answer["refresh_token"]).roles == ["TRUST_CSO"]
    assert "decision:make" not in answer["scope"]


async def _change(site: Site, noun: Any, subject: str, **values: Any) -> None:
    async with site.database.change(Operator("R1A"), "test") as db:
        row = await db.one(select(noun).where(col(noun.subject) == subject))
        assert row is not None
        for name, value in values.items():
            setattr(row, name, value)
        await db.keep(row)
