"""Token exchange (RFC 8693): always for less, never for an act that decides by a machine, never past the session."""

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from sqlalchemy import update
from sqlmodel import col

from api.database import embedded
from auth.caller import SignIn
from auth.grants.exchange import ACCESS_TOKEN
from auth.scope import PERSONAL, Scope
from auth.server.asker import EXCHANGE
from auth.tokens import access_token
from auth.tokens.access_token import AccessToken
from auth.tokens.compact import read_compact
from schema.people.issuer import IssuerMode, IssuerStatus
from schema.people.session import Session
from tests.embedded import eventually
from tests.installed import URL, Site
from tests.people.answering import answering
from tests.people.provider import Provider, mapped, register, site_with_issuers, switched, unique
from tests.people.proving import (
    PUBLIC,
    TOKEN,
    Prover,
    ask,
    bearer,
    machine_token,
    person_token,
    proven,
    registered,
    ring_of,
)
from tests.people.signed_in import CLI, Person, Role

READS = ["activity:read", "progress:read"]
VIEWER = "{ viewer { subject scopes organisation { odsCode } } }"


@pytest.fixture(scope="module")
def site(cluster: embedded.Server) -> Iterator[Site]:
    with site_with_issuers(cluster) as made:
        yield made


@pytest.fixture(scope="module")
def machine(site: Site) -> Any:
    return site.runner.run(registered(site, scopes=[*READS, "test:report"]))


@pytest.fixture(scope="module")
def token(site: Site) -> str:
    return Person(site, "exec@R1A", "R1A", Role.TRUST_EXEC, Role.TRUST_IT).token()


def exchange(site: Site, who: Any, token: str, headers: dict[str, str] | None = None, **form: Any) -> httpx.Response:
    ours = {"grant_type": EXCHANGE, "subject_token": token, "subject_token_type": ACCESS_TOKEN}
    ours |= {"client_id": who} if isinstance(who, str) else proven(who)
    fields = {name: value for name, value in (ours | form).items() if value is not None}
    return site.runner.run(site.http.post(TOKEN, data=fields, headers=headers))


def refused(answer: httpx.Response, error: str = "invalid_request") -> str:
    assert (answer.status_code, answer.json()["error"]) == (400, error), answer.text
    assert "access_token" not in answer.json()
    return str(answer.json()["error_description"])


def says(site: Site, answer: httpx.Response) -> AccessToken:
    assert answer.status_code == 200, answer.text
    ring = site.runner.run(ring_of(site))
    return access_token.read(answer.json()["access_token"], site.issuer, ring.verifying, time.time())


def test_a_machine_acts_for_a_person_with_less(site: Site, machine: Any, token: str) -> None:
    answer = exchange(site, machine, token)
    told = answer.json()
    assert (told["issued_token_type"], told["token_type"]) == (ACCESS_TOKEN, "Bearer")
    assert told["scope"].split() == [*READS, "test:report"]
    assert "refresh_token" not in told
    assert answer.headers["cache-control"] == "no-store"
    now, before = says(site, answer), _read(site, token)
    assert (now.subject, now.client_id, now.actor) == ("exec@R1A", machine.client.client_id, machine.client.client_id)
    assert now.person == before.person  # the session, the roles, how and when the person signed in
    assert now.expires_at <= before.expires_at
    assert told["expires_in"] == now.expires_at - now.issued_at
    found = site.runner.run(ask(site, VIEWER, bearer(told["access_token"]))).json()["data"]["viewer"]
    assert (found["subject"], found["organisation"]["odsCode"]) == ("exec@R1A", "R1A")


def _read(site: Site, token: str) -> AccessToken:
    return access_token.read(token, site.issuer, site.runner.run(ring_of(site)).verifying, time.time())


def test_the_actor_is_named_as_the_rfc_has_it(site: Site, machine: Any, token: str) -> None:
    claims = read_compact(exchange(site, machine, token).json()["access_token"], 9999).claims
    assert claims["act"] == {"sub": machine.client.client_id}
    assert claims["client_id"] == machine.client.client_id


def test_the_scope_is_narrowed_and_never_widened(site: Site, machine: Any, token: str) -> None:
    assert exchange(site, machine, token, scope="progress:read").json()["scope"] == "progress:read"
    for beyond in ("system:register", "incident:open", "progress:read system:register", "made:up"):
        refused(exchange(site, machine, token, scope=beyond), "invalid_scope")
    narrow = Person(site, "narrow@R1A", "R1A", Role.TRUST_IT).token("progress:read")
    refused(exchange(site, machine, narrow, scope="activity:read"), "invalid_scope")
    assert exchange(site, machine, narrow).json()["scope"] == "progress:read"


def test_a_machine_gets_no_act_that_decides(site: Site, machine: Any, token: str) -> None:
    assert Scope.DECISION_MAKE in _read(site, token).scopes
    for scope in sorted(PERSONAL):
        assert "for people" in refused(exchange(site, machine, token, scope=scope.value), "invalid_scope")
    assert not says(site, exchange(site, machine, token)).scopes & PERSONAL
    assert "decision:make" not in exchange(site, machine, token, scope="progress:* activity:read").json()["scope"]


def test_what_was_exchanged_is_not_exchanged_again(site: Site, machine: Any, token: str) -> None:
    once = exchange(site, machine, token).json()["access_token"]
    other = site.runner.run(registered(site))
    for who in (machine, other, CLI):
        assert "not exchanged again" in refused(exchange(site, who, once))


def test_a_stranger_s_token_is_like_none(site: Site, machine: Any, token: str) -> None:
    person = Person(site, "it@RYG", "RYG", Role.TRUST_IT)
    revoked = Person(site, "gone@R1A", "R1A", Role.TRUST_IT).token()
    form = {"token": revoked, "client_id": CLI}
    assert site.runner.run(site.http.post("/oauth2/revoke", data=form)).status_code == 200
    nobodys = site.runner.run(person_token(site, "R1A", Role.TRUST_IT))  # of a session that there is not
    a_machine_s = site.runner.run(machine_token(site, "R1A", client_id=machine.client.client_id))
    expired = site.runner.run(
        person_token(site, "R1A", Role.TRUST_IT, issued_at=int(time.time()) - 400, expires_at=int(time.time()) - 1)
    )
    spoilt = [person.token(), revoked, nobodys, a_machine_s, expired, f"{token}x", "x", "\x01", "é", "a.b.c"]
    told = {refused(exchange(site, machine, each)) for each in spoilt}
    assert told == {"The subject_token is no valid access token of a person of this client's organisation"}
    assert exchange(site, machine, token).status_code == 200


def test_a_refresh_token_or_an_id_token_is_no_subject(site: Site, machine: Any, token: str) -> None:
    tokens = Person(site, "more@R1A", "R1A", Role.TRUST_IT).tokens()
    refused(exchange(site, machine, tokens["refresh_token"]))
    for kind in ("refresh_token", "id_token", "saml2", "saml1"):
        spelt = f"urn:ietf:params:oauth:token-type:{kind}"
        assert "subject_token_type" in refused(exchange(site, machine, token, subject_token_type=spelt))
        assert "requested_token_type" in refused(exchange(site, machine, token, requested_token_type=spelt))
    assert "subject_token_type" in refused(exchange(site, machine, token, subject_token_type=None))
    assert "missing" in refused(exchange(site, machine, token, subject_token=None))
    assert "actor_token" in refused(exchange(site, machine, token, actor_token=token))
    assert exchange(site, machine, token, requested_token_type=ACCESS_TOKEN).status_code == 200


@pytest.mark.parametrize("name", ["resource", "audience"])
def test_the_token_is_for_us_alone(site: Site, machine: Any, token: str, name: str) -> None:
    for ours in (URL, f"{URL}/graphql"):
        assert exchange(site, machine, token, **{name: ours}).status_code == 200
    for theirs in ("https://evil.example", f"{URL}/", f"{URL}/graphql/", "x"):
        refused(exchange(site, machine, token, **{name: theirs}), "invalid_target")


def test_nothing_outlives_the_token_it_came_from(site: Site, machine: Any) -> None:
    person = Person(site, "brief@R1A", "R1A", Role.TRUST_IT)
    long = _read(site, person.token())
    soon = int(time.time()) + 60
    brief = AccessToken(**{**vars(long), "expires_at": soon}).write(site.issuer, site.runner.run(ring_of(site)))
    answer = exchange(site, machine, brief)
    assert says(site, answer).expires_at == soon
    assert answer.json()["expires_in"] <= 60


def test_the_end_of_the_session_ends_what_was_exchanged(site: Site, machine: Any) -> None:
    person = Person(site, "ends@R1A", "R1A", Role.TRUST_IT)
    tokens = person.tokens()
    told = exchange(site, machine, tokens["access_token"]).json()["access_token"]
    assert site.runner.run(ask(site, VIEWER, bearer(told))).status_code == 200
    form = {"token": tokens["refresh_token"], "client_id": CLI}
    assert site.runner.run(site.http.post("/oauth2/revoke", data=form)).status_code == 200
    assert eventually(lambda: site.runner.run(ask(site, VIEWER, bearer(told))).status_code == 401, 5)
    refused(exchange(site, machine, tokens["access_token"]))


def test_an_application_narrows_for_its_own_people(site: Site, token: str) -> None:
    own = site.runner.run(registered(site, **PUBLIC, scopes=["progress:read", "decision:make"])).client.client_id
    answer = exchange(site, own, token)
    now = says(site, answer)
    assert (now.client_id, now.actor) == (own, None)
    assert answer.json()["scope"] == "decision:make progress:read"  # people decide, at an application that may
    theirs = site.runner.run(registered(site, "RYG", **PUBLIC)).client.client_id
    refused(exchange(site, theirs, token))
    assert exchange(site, CLI, token, scope="activity:read").json()["scope"] == "activity:read"


def test_a_bound_token_is_exchanged_by_its_holder_alone(site: Site, machine: Any) -> None:
    person, prover = Person(site, "bound@R1A", "R1A", Role.TRUST_IT), Prover()
    tokens = person.tokens()
    bound = _bound(site, tokens["access_token"], prover.jkt)
    for headers in (None, Prover().at_token(site)):
        assert "bound" in refused(exchange(site, machine, bound, headers))
    answer = exchange(site, machine, bound, prover.at_token(site))
    assert (answer.json()["token_type"], says(site, answer).jkt) == ("DPoP", prover.jkt)
    own = Prover()
    bound_now = exchange(site, machine, tokens["access_token"], own.at_token(site))
    assert says(site, bound_now).jkt == own.jkt
    found = ask(site, VIEWER, own.headers(site, bound_now.json()["access_token"]))
    assert site.runner.run(found).status_code == 200


def _bound(site: Site, token: str, jkt: str) -> str:
    read = _read(site, token)
    return AccessToken(**{**vars(read), "jkt": jkt}).write(site.issuer, site.runner.run(ring_of(site)))


def test_an_issuer_s_token_is_exchanged_where_it_may_be(site: Site, machine: Any) -> None:
    with answering() as server:
        provider, silent = Provider(server, unique()), Provider(server, unique())
        issuer = site.runner.run(register(site, provider, modes=[IssuerMode.EXCHANGE.value]))
        mute = site.runner.run(register(site, silent))  # believed at the API, and for no exchange
        for each in (issuer, mute):
            site.runner.run(mapped(site, each, Role.TRUST_IT))
        theirs = provider.access_token()
        answer = exchange(site, machine, theirs)
        now = says(site, answer)
        assert (answer.json()["scope"], now.actor) == ("activity:read test:report", machine.client.client_id)
        assert now.subject.endswith("@R1A")
        assert now.person
        again = says(site, exchange(site, machine, provider.access_token()))
        assert again.person
        assert again.person.session_id == now.person.session_id  # one session, however often it is asked for
        refused(exchange(site, machine, silent.access_token()))
        refused(exchange(site, machine, f"{theirs[:-4]}AAAA"))
        refused(exchange(site, machine, provider.access_token(exp=int(time.time()) - 60)))
        refused(exchange(site, site.runner.run(registered(site, "RYG")), theirs))
        told = answer.json()["access_token"]
        assert site.runner.run(ask(site, VIEWER, bearer(told))).status_code == 200
        site.runner.run(switched(site, issuer, IssuerStatus.DISABLED))
        assert eventually(lambda: site.runner.run(ask(site, VIEWER, bearer(told))).status_code == 401, 5)
        refused(exchange(site, machine, theirs))


def test_a_session_that_is_over_gives_nothing(site: Site, machine: Any) -> None:
    token = Person(site, "over@R1A", "R1A", Role.TRUST_IT).token()
    person = _read(site, token).person
    assert person

    async def end() -> None:
        async with site.database.change(SignIn(), "test") as db:
            this = update(Session).where(col(Session.id) == person.session_id)
            await db.write(this.values(ended_at=col(Session.started_at)))

    site.runner.run(end())
    refused(exchange(site, machine, token))
