"""People sign in at a provider of their own, and are their organisation's alone."""

import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from joserfc import jws
from joserfc.jwk import KeySet
from sqlmodel import col, select

from auth.caller import AAL1, AAL2, Operator, SignIn
from auth.federation.login import offered
from schema.people.account import Account, AccountStatus, Role
from schema.people.issuer import IssuerMode, IssuerStatus
from tests.installed import URL
from tests.people.provider import (
    STRONG,
    Provider,
    ended,
    mapped,
    register,
    switched,
    unique,
)
from tests.people.signed_in import COOKIE, Person, Pkce, join
from tests.people.visitor import BACK, WANTED, World, a_trust
from tests.sign_in_support import ABSENT


@pytest.fixture(scope="module")
def world(cluster) -> Iterator[World]:
    """A trust's provider."""
    with a_trust(cluster) as found:
        yield found


def test_a_person_signs_in_at_its_own_provider(world: World) -> None:
    now = int(time.time())
    visitor = world.visitor()
    assert visitor.sign_in(world.provider, world.issuer, auth_time=now - 60) == WANTED
    who = visitor.who()
    assert who
    assert (who.issuer, who.tenant_ods, who.roles, who.acr) == (world.issuer.iss, "R1A", ["TRUST_IT"], AAL1)
    assert (int(who.authenticated_at.timestamp()), who.subject[0], who.subject[-4:]) == (now - 60, "x", "@R1A")
    assert visitor.standing() == {"R1A": {Role.TRUST_IT}}
    again = world.visitor()
    again.sign_in(world.provider, world.issuer)
    assert (again.who() or who).subject == who.subject
    assert again.cookies[COOKIE] != visitor.cookies[COOKIE]
    other = world.visitor()
    other.sign_in(world.provider, world.issuer, sub="staff-2")
    assert (other.who() or who).subject != who.subject


def test_we_are_a_client_that_proves_itself_by_its_own_key(world: World) -> None:
    visitor = world.visitor()
    request = visitor.sent(world.issuer)
    assert request["response_type"] == "code"
    assert request["code_challenge_method"] == "S256"
    assert request["redirect_uri"] == f"{URL}{BACK}"
    assert request["scope"] == "openid"
    assert all(len(request[name]) == 43 for name in ("state", "nonce", "code_challenge"))
    visitor.back(world.provider, request)
    form = world.provider.redeemed[-1]
    assert {"client_secret", "state"}.isdisjoint(form)
    assert form["client_id"] == "reinstate"
    published = world.run(world.site.http.get("/oauth2/jwks")).json()
    proof = jws.deserialize_compact(form["client_assertion"], KeySet.import_key_set(published), algorithms=["ES256"])
    claims = json.loads(proof.payload)
    assert (claims["iss"], claims["sub"], claims["aud"]) == ("reinstate", "reinstate", world.issuer.token_endpoint)
    assert 0 < claims["exp"] - time.time() <= 60
    assert proof.headers()["typ"] == "JWT"
    assert len(claims["jti"]) > 20


def test_a_person_of_two_organisations_is_the_issuers_one_alone(world: World) -> None:
    visitor = world.visitor()
    visitor.sign_in(world.provider, world.issuer, sub="staff-of-two")
    who = visitor.who()
    assert who
    for organisation, role in (("SUPPLIER", Role.SUPPLIER_LEAD), ("NATIONAL", Role.NATIONAL_IMT)):
        world.run(join(world.site, who.subject, organisation, [role]))
    world.run(join(world.site, who.subject, "R1A", [Role.ADMINISTRATOR]))
    assert visitor.standing() == {"R1A": {Role.TRUST_IT}}


def test_its_access_token_says_its_organisation_and_no_other(world: World) -> None:
    person = Person(world.site, "both.ways@R1A", "SUPPLIER", Role.SUPPLIER_LEAD)
    visitor = world.visitor()
    visitor.sign_in(world.provider, world.issuer, sub="staff-3")
    person.cookies = {COOKIE: visitor.cookies[COOKIE]}
    pkce = Pkce()
    answer = person.authorize(**person.request(pkce, organisation="SUPPLIER"))
    assert "code=" not in answer.headers.get("location", "")
    person.organisation = "R1A"
    told = person.redeem(person.code(pkce, organisation="R1A"), pkce).json()
    caller = world.run(world.site.app.endpoint._verifier.verify(told["access_token"]))
    assert (caller.tenant_ods, caller.roles) == ("R1A", {Role.TRUST_IT})


def test_a_second_factor_there_is_one_here(world: World) -> None:
    now = int(time.time())
    visitor = world.visitor()
    request = visitor.sent(world.issuer, acr="aal2")
    assert (request["acr_values"], request["max_age"]) == (STRONG, "900")
    visitor.back(world.provider, request, acr=STRONG, auth_time=now)
    assert (who := visitor.who())
    assert who.acr == AAL2
    weak = world.visitor()
    weak.sign_in(world.provider, world.issuer, {"acr": "aal2"}, acr="password")
    assert (who := weak.who())
    assert who.acr == AAL1
    untimed = world.visitor()
    untimed.sign_in(world.provider, world.issuer, acr=STRONG, auth_time=ABSENT)
    assert (who := untimed.who())
    assert who.acr == AAL1


def test_a_sign_in_that_had_to_be_recent_is(world: World) -> None:
    now = int(time.time())
    for asked, at, why in (
        ({"max_age": "60"}, now - 600, "too long ago"),
        ({"acr": "aal2"}, now - 2000, "too long ago"),
        ({}, now - 50_000, "too long ago"),
        ({"max_age": "60"}, ABSENT, "does not say when"),
    ):
        visitor = world.visitor()
        request = visitor.sent(world.issuer, **asked)
        answer = visitor.back(world.provider, request, auth_time=at)
        assert (answer.status_code, why in answer.text) == (403, True), answer.text


def test_somebody_who_signed_in_before_is_signed_out(world: World) -> None:
    visitor = world.visitor()
    visitor.sign_in(world.provider, world.issuer)
    before = dict(visitor.cookies)
    visitor.sign_in(world.provider, world.issuer, sub="staff-2")
    visitor.cookies, after = before, visitor.cookies
    assert visitor.who() is None
    visitor.cookies = after
    assert visitor.who()


def test_a_person_who_declines_is_told(world: World) -> None:
    visitor = world.visitor()
    request = visitor.sent(world.issuer)
    query = {"error": "access_denied", "error_description": "<script>", "state": request["state"]}
    answer = visitor.get(f"{BACK}?{urlencode(query)}")
    assert answer.status_code == 403
    assert "ended without a sign-in" in answer.text
    assert "script" not in answer.text
    assert answer.headers["cache-control"] == "no-store"


def test_an_id_token_for_us_alone_in_a_list_is_for_us(world: World) -> None:
    assert world.visitor().sign_in(world.provider, world.issuer, aud=["reinstate"], azp="reinstate") == WANTED


@pytest.mark.parametrize("changed", ["disabled", "for the API", "no client"])
def test_an_issuer_that_does_not_sign_people_in_is_not_offered(world: World, changed: str) -> None:
    stated = {"for the API": {"modes": [IssuerMode.ACCESS.value]}, "no client": {"client_id": None}}
    _, issuer = world.new(**stated.get(changed, {}))
    if changed == "disabled":
        world.run(switched(world.site, issuer, IssuerStatus.DISABLED))

    async def ask() -> list[Any]:
        async with world.site.database.change(SignIn(), "test") as db:
            return [each.id for each in await offered(db)]

    assert issuer.id not in world.run(ask())
    assert world.issuer.id in world.run(ask())
    assert world.visitor().get(f"/sign-in/with/{issuer.id}").status_code == 404
    assert str(world.issuer.id) in world.visitor().get("/sign-in").text


def test_an_issuer_that_is_disabled_meanwhile_signs_nobody_in(world: World) -> None:
    provider, issuer = world.new()
    visitor = world.visitor()
    request = visitor.sent(issuer)
    world.run(switched(world.site, issuer, IssuerStatus.DISABLED))
    assert visitor.back(provider, request).status_code == 403


def test_a_mapping_that_is_ended_meanwhile_counts_no_more(world: World) -> None:
    provider = Provider(world.server, unique())
    issuer = world.run(register(world.site, provider))
    mapping = world.run(mapped(world.site, issuer, Role.TRUST_IT))
    visitor = world.visitor()
    request = visitor.sent(issuer)
    world.run(ended(world.site, mapping))
    assert visitor.back(provider, request).status_code == 403


def test_a_suspended_account_is_not_signed_in_by_its_issuer(world: World) -> None:
    visitor = world.visitor()
    visitor.sign_in(world.provider, world.issuer, sub="suspended")
    who = visitor.who()
    assert who

    async def suspend() -> None:
        async with world.site.database.change(Operator("R1A"), "test") as db:
            account = await db.one(select(Account).where(col(Account.subject) == who.subject))
            assert account
            account.status = AccountStatus.SUSPENDED
            await db.keep(account)

    world.run(suspend())
    assert visitor.standing() == {}
    world.visitor().refused(world.provider, world.issuer, "suspended here", sub="suspended")


def test_the_account_is_made_once_and_in_the_ledger(world: World) -> None:
    visitor = world.visitor()
    for _ in range(2):
        visitor.sign_in(world.provider, world.issuer, sub="staff-9")
    who = visitor.who()
    assert who

    async def read() -> tuple[int, list[Any]]:
        async with world.site.database.change(Operator("R1A"), "test") as db:
            accounts = await db.all(select(Account).where(col(Account.subject) == who.subject))
            text = "select verb, actor from event where object_type = 'Account' and row ->> 'subject' = $1"
            return len(accounts), [tuple(row) for row in await db.lane.rows(text, [who.subject])]

    assert world.run(read()) == (1, [("issuer sign-in", "sign-in")])
