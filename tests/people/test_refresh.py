"""Refresh: a session's next tokens, never more than it had, for as long as its person and its client stand."""

import asyncio
import datetime as dt
import itertools
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from sqlmodel import col, select

from api.database import embedded
from auth.caller import AAL1, Operator
from auth.grants.refresh import GRACE
from auth.grants.tables import RefreshToken
from auth.tokens.secret import hashed
from schema.people.account import Account, AccountStatus, Membership, MembershipStatus
from schema.people.api_client import ApiClient, ClientStatus
from schema.people.session import Session, SessionEnd
from tests.installed import Site
from tests.people.applications import HOME, Client, application, changed, found, refresh_row, session_of
from tests.people.proving import Prover
from tests.people.signed_in import Person, Pkce, Role, join, site_for_people, warm
from tests.people.test_code import alive, refused

_number = itertools.count(1)


@pytest.fixture(scope="module")
def site(cluster: embedded.Server) -> Iterator[Site]:
    with site_for_people(cluster) as made:
        yield made


@pytest.fixture
def person(site: Site) -> Person:
    return Person(site, f"p{next(_number)}@R1A", "R1A", Role.TRUST_IT)


def first(person: Person, scope: str | None = None, **asked: Any) -> str:
    """Sign in and return the refresh token."""
    return str(person.tokens(scope, **asked)["refresh_token"])


def of(token: str) -> Any:
    """Name a refresh token's row."""
    return col(RefreshToken.token_hash) == hashed(token)


def later(site: Site, token: str, **ago: float) -> None:
    """Let time pass since a token was rotated."""
    rotated = refresh_row(site, token).rotated_at
    assert rotated
    changed(site, RefreshToken, of(token), rotated_at=rotated - dt.timedelta(**ago))


def with_key(site: Site, person: Person, server: Client) -> str:
    """Sign in at an application that has a key, and return the refresh token."""
    person.sign_in()
    pkce = Pkce()
    code = person.code(pkce, client_id=server.client_id, redirect_uri=HOME)
    return str(person.redeem(code, pkce, **server.form(redirect_uri=HOME)).json()["refresh_token"])


def change(site: Site, noun: Any, subject: str, **values: Any) -> None:
    """Change what an administrator may change of a person."""

    async def work() -> None:
        async with site.database.change(Operator("R1A"), "test") as db:
            for row in await db.all(select(noun).where(col(noun.subject) == subject)):
                for name, value in values.items():
                    setattr(row, name, value)
                await db.keep(row)

    site.runner.run(work())


def test_a_public_clients_token_is_used_once(site: Site, person: Person) -> None:
    token = first(person)
    answer = person.refresh(token)
    assert answer.status_code == 200
    assert answer.json()["refresh_token"] != token
    assert answer.json()["scope"]
    assert person.refresh(answer.json()["refresh_token"]).status_code == 200


def test_an_answer_that_was_lost_is_given_again(site: Site, person: Person) -> None:
    token = first(person)
    given = [person.refresh(token).json()["refresh_token"] for _ in range(3)]
    assert given[0] == given[1] == given[2]
    assert person.refresh(given[0]).status_code == 200
    assert alive(site, token)


def test_after_the_grace_a_token_that_comes_again_ends_the_session(site: Site, person: Person) -> None:
    token = first(person)
    following = person.refresh(token).json()["refresh_token"]
    later(site, token, seconds=GRACE.total_seconds())
    refused(person.refresh(token))
    assert not alive(site, token)
    refused(person.refresh(following))


def test_so_it_does_within_it_once_the_successor_was_used(site: Site, person: Person) -> None:
    token = first(person)
    following = person.refresh(token).json()["refresh_token"]
    person.refresh(following)
    refused(person.refresh(token))
    assert not alive(site, token)


def test_and_however_old_it_is(site: Site, person: Person) -> None:
    token = first(person)
    following = person.refresh(person.refresh(token).json()["refresh_token"]).json()["refresh_token"]
    long_ago = dt.datetime.now(dt.UTC) - dt.timedelta(hours=9)
    changed(site, RefreshToken, of(token), rotated_at=long_ago, expires_at=long_ago)
    refused(person.refresh(token))
    refused(person.refresh(following))


def test_another_clients_token_is_unknown_and_ends_nothing(site: Site, person: Person) -> None:
    other = application(site, f"r1a-other{next(_number)}", HOME)
    token = first(person)
    following = person.refresh(token).json()["refresh_token"]
    later(site, token, seconds=60)
    assert refused(person.refresh(token, client_id=other.client_id)) == refused(person.refresh("A" * 43))
    assert person.refresh(following).status_code == 200


def test_twenty_at_once_neither_fork_nor_sign_out(site: Site, person: Person) -> None:
    token = first(person)
    session = refresh_row(site, token).session_id

    async def at_once() -> list[httpx.Response]:
        await warm(site)
        return await asyncio.gather(*(person.arefresh(token) for _ in range(20)))

    answers = site.runner.run(at_once())
    assert [answer.status_code for answer in answers] == [200] * 20
    assert len({answer.json()["refresh_token"] for answer in answers}) == 1
    ours = col(RefreshToken.session_id) == session
    living = found(site, select(RefreshToken).where(ours, col(RefreshToken.rotated_at).is_(None)))
    assert len(living) == 1
    later(site, token, seconds=60)
    assert person.refresh(answers[7].json()["refresh_token"]).status_code == 200


def test_a_thief_and_its_victim_at_once_are_found_out(site: Site, person: Person) -> None:
    token = first(person)
    shared = person.refresh(token).json()["refresh_token"]
    mine = person.refresh(shared).json()["refresh_token"]
    later(site, shared, seconds=11)
    refused(person.refresh(shared))
    refused(person.refresh(mine))


def test_a_client_with_a_key_keeps_its_token(site: Site, person: Person) -> None:
    server = application(site, f"r1a-server{next(_number)}", HOME, public=False)
    token = with_key(site, person, server)
    for _ in range(3):
        answer = person.refresh(token, **server.form())
        assert answer.status_code == 200
        assert "refresh_token" not in answer.json()
    refused(person.refresh(token, client_id=server.client_id), "invalid_client", 401)


def test_so_does_one_whose_session_is_bound_and_nobody_else_uses_it(site: Site, person: Person) -> None:
    prover, pkce = Prover(), Pkce()
    person.sign_in()
    token = person.redeem(person.code(pkce), pkce, prover.at_token(site)).json()["refresh_token"]
    for _ in range(2):
        answer = person.refresh(token, prover.at_token(site))
        assert (answer.status_code, answer.json()["token_type"]) == (200, "DPoP")
        assert "refresh_token" not in answer.json()
    refused(person.refresh(token))
    refused(person.refresh(token, Prover().at_token(site)))
    used = prover.at_token(site)
    assert person.refresh(token, used).status_code == 200
    refused(person.refresh(token, used), "invalid_dpop_proof")


def test_a_scope_is_narrowed_for_once_and_never_widened(site: Site, person: Person) -> None:
    token = first(person, "progress:read test:report")
    narrow = person.refresh(token, scope="progress:read").json()
    assert narrow["scope"] == "progress:read"
    whole = person.refresh(narrow["refresh_token"]).json()
    assert whole["scope"] == "progress:read test:report"
    for scope in ("system:register", "progress:read system:register", "nonsense", "system:*", "wave:approve"):
        refused(person.refresh(whole["refresh_token"], scope=scope), "invalid_scope")
    assert person.refresh(whole["refresh_token"], scope="test:*").json()["scope"] == "test:report"


def test_a_role_that_comes_brings_no_scope_and_one_that_goes_takes_its_own(site: Site, person: Person) -> None:
    token = first(person)
    site.runner.run(join(site, person.subject, "R1A", [Role.TRUST_CSO]))
    told = person.refresh(token).json()
    assert "safety:sign" not in told["scope"]
    ended = MembershipStatus.ENDED
    change(site, Membership, person.subject, status=ended)
    site.runner.run(join(site, person.subject, "R1A", [Role.TRUST_CSO]))
    told = person.refresh(told["refresh_token"]).json()
    assert "test:report" not in told["scope"]
    assert session_of(site, token).roles == ["TRUST_CSO"]


@pytest.mark.parametrize(
    ("noun", "values"),
    [(Account, {"status": AccountStatus.SUSPENDED}), (Membership, {"status": MembershipStatus.ENDED})],
    ids=["suspended", "left"],
)
def test_who_stands_no_longer_is_signed_out(site: Site, person: Person, noun: Any, values: dict[str, Any]) -> None:
    token = first(person)
    change(site, noun, person.subject, **values)
    refused(person.refresh(token))
    assert not alive(site, token)


def test_so_is_who_was_reset_since(site: Site, person: Person) -> None:
    token = first(person)
    change(site, Account, person.subject, signed_out_at=dt.datetime.now(dt.UTC) + dt.timedelta(seconds=1))
    refused(person.refresh(token))


def test_a_session_that_its_administrator_ended_is_over(site: Site, person: Person) -> None:
    token = first(person)

    async def end() -> None:
        async with site.database.change(Operator("R1A"), "test") as db:
            said = {"session_id": refresh_row_id, "subject": person.subject, "reason": "It was left open."}
            await db.keep(SessionEnd(**db.made, **said))

    refresh_row_id = refresh_row(site, token).session_id
    site.runner.run(end())
    refused(person.refresh(token))


@pytest.mark.parametrize(
    "passed",
    [
        {"expires_at": dt.timedelta(hours=-1)},
        {"last_used_at": dt.timedelta(hours=-1)},
        {"ended_at": dt.timedelta(0)},
    ],
    ids=str,
)
def test_a_session_that_is_over_gives_nothing(site: Site, person: Person, passed: dict[str, dt.timedelta]) -> None:
    token = first(person)
    values = {name: dt.datetime.now(dt.UTC) + delta for name, delta in passed.items()}
    changed(site, Session, col(Session.id) == refresh_row(site, token).session_id, **values)
    refused(person.refresh(token))


def test_a_token_lives_eight_hours_and_never_beyond_its_session(site: Site, person: Person) -> None:
    token = first(person)
    row, session = refresh_row(site, token), session_of(site, token)
    assert dt.timedelta(hours=7.9) < row.expires_at - row.issued_at <= dt.timedelta(hours=8)
    assert session.expires_at - session.started_at == dt.timedelta(hours=12)
    soon = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=100)
    changed(site, Session, col(Session.id) == session.id, expires_at=soon)
    told = person.refresh(token).json()
    assert told["expires_in"] <= 100
    assert refresh_row(site, told["refresh_token"]).expires_at == soon
    changed(site, RefreshToken, of(told["refresh_token"]), expires_at=row.issued_at)
    refused(person.refresh(told["refresh_token"]))


def test_a_client_that_was_revoked_gets_no_more(site: Site, person: Person) -> None:
    client_id = f"r1a-web{next(_number)}"
    web = application(site, client_id, HOME)
    token = first(person, client_id=web.client_id, redirect_uri=HOME)

    async def revoke() -> None:
        async with site.database.change(Operator("R1A"), "test") as db:
            row = await db.one(select(ApiClient).where(col(ApiClient.client_id) == client_id))
            assert row
            row.status = ClientStatus.REVOKED
            await db.keep(row)

    site.runner.run(revoke())
    refused(person.refresh(token, client_id=client_id), "invalid_client", 401)


def test_what_was_known_of_the_sign_in_is_not_renewed(site: Site, person: Person) -> None:
    token = str(person.tokens(acr=AAL1)["refresh_token"])
    before = session_of(site, token)
    person.refresh(token)
    after = session_of(site, token)
    assert (after.acr, after.authenticated_at) == (AAL1, before.authenticated_at)
    assert after.last_used_at > before.last_used_at


@pytest.mark.parametrize("token", ["", "A", "A" * 42, "A" * 44, "A" * 43 + "=", "A" * 4000, "\x00" * 43, "é" * 43])
def test_what_is_no_token_is_refused(person: Person, token: str) -> None:
    refused(person.refresh(token), "invalid_request" if not token or "\x00" in token else "invalid_grant")
