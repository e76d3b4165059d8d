"""Acts that decide, and those that say who may, are people's: no machine comes by such a scope, in any way there is.

Made from the enum: a scope that is added as personal is held to all of it.
"""

import time
from collections.abc import Iterator
from typing import Any

import asyncpg
import httpx
import pytest
from joserfc import jwt
from sqlalchemy import insert

from api.database import embedded
from auth.caller import Operator, SignIn
from auth.clients import RegisterClient, Registered, register
from auth.grants.applications import DEVICE
from auth.grants.exchange import ACCESS_TOKEN
from auth.grants.tables import RefreshToken
from auth.scope import PERSONAL, Scope, scopes_for, scopes_of
from auth.server.asker import EXCHANGE
from auth.tokens import access_token
from auth.tokens.access_token import TYPE, AccessToken, Unauthenticated
from auth.tokens.secret import hashed, new_secret
from auth.tokens.verifier import Verifier
from schema.organisation import OrganisationKind
from schema.people.account import Role
from schema.people.api_client import ApiClient, AssertionProfile, ClientKind
from tests.installed import Site
from tests.people.proving import TOKEN, proven, registered, ring_of
from tests.people.signed_in import Person, site_for_people
from tests.stage import LISTED

EVERY = sorted(PERSONAL)
ACTS = {
    "assurance:decide",
    "decision:make",
    "gate:waive",
    "hold:release",
    "recovery:countersign",
    "safety:sign",
    "wave:approve",
}


@pytest.fixture(scope="module")
def site(cluster: embedded.Server) -> Iterator[Site]:
    with site_for_people(cluster) as made:
        yield made


def of(scope: Scope) -> str:
    """Give an organisation of a kind whose people may hold a scope."""
    return next(code for code, (_, kind, _) in LISTED.items() if kind in scope.kinds)


def reads(code: str) -> list[str]:
    return [scope.value for scope in scopes_of(LISTED[code][1]) if scope.value.endswith(":read")]


@pytest.fixture(scope="module")
def machines(site: Site) -> dict[str, Registered]:
    codes = {of(scope) for scope in EVERY}
    return {code: site.runner.run(registered(site, code, scopes=reads(code))) for code in codes}


def post(site: Site, form: dict[str, Any]) -> httpx.Response:
    return site.runner.run(site.http.post(TOKEN, data=form))


def held_by(site: Site, token: str) -> frozenset[Scope]:
    ring = site.runner.run(ring_of(site))
    return access_token.read(token, site.issuer, ring.verifying, time.time()).scopes


def test_the_acts_are_these() -> None:
    assert {scope.value for scope in PERSONAL} >= ACTS
    assert {scope.value for scope in PERSONAL} - ACTS == {
        "account:manage",
        "client:manage",
        "issuer:manage",
        "session:end",
    }
    assert all(scope.roles for scope in PERSONAL)


@pytest.mark.parametrize("kind", OrganisationKind)
def test_no_kind_of_machine_may_hold_one(kind: OrganisationKind) -> None:
    assert not PERSONAL & set(scopes_of(kind))


@pytest.mark.parametrize("scope", EVERY)
def test_the_database_lists_it(site: Site, scope: Scope) -> None:
    async def listed() -> list[str]:
        async with site.database.transaction(SignIn(), "test", read_only=True) as db:
            return list((await db.lane.rows("select app.personal_scopes()"))[0][0])

    assert set(site.runner.run(listed())) == set(PERSONAL)
    assert scope.value in site.runner.run(listed())


@pytest.mark.parametrize("wanted", ["itself", "its noun's verbs"])
@pytest.mark.parametrize("scope", EVERY)
def test_no_machine_is_registered_with_it(site: Site, scope: Scope, wanted: str) -> None:
    name = scope.value if wanted == "itself" else f"{scope.value.partition(':')[0]}:*"
    code = of(scope)

    async def attempt() -> object:
        async with site.database.change(Operator(code), "test client") as db:
            asked = RegisterClient(scopes=["progress:read", name], profile=AssertionProfile.RFC7523)
            return await register(db, site.issuer.token_url, asked)

    assert not isinstance(site.runner.run(attempt()), Registered)


@pytest.mark.parametrize("scope", EVERY)
def test_no_machine_is_written_with_it(site: Site, scope: Scope) -> None:
    async def attempt(kind: ClientKind) -> None:
        async with site.database.change(Operator(of(scope)), "test client") as db:
            said = {
                "client_id": f"written-{new_secret()[:8]}",
                "scopes": [scope.value],
                "kind": kind,
                "jwks": {"keys": []},
            }
            await db.keep(ApiClient(**db.made, **said))

    with pytest.raises(asyncpg.CheckViolationError, match="machines_do_not_decide"):
        site.runner.run(attempt(ClientKind.MACHINE))
    site.runner.run(attempt(ClientKind.APPLICATION))  # people sign in at it


@pytest.mark.parametrize("scope", EVERY)
def test_no_machine_asks_for_it(site: Site, machines: dict[str, Registered], scope: Scope) -> None:
    machine = machines[of(scope)]
    for wanted in (scope.value, f"progress:read {scope.value}", f"{scope.value.partition(':')[0]}:*"):
        answer = post(site, {"grant_type": "client_credentials", "scope": wanted} | proven(machine))
        if answer.status_code == 200:  # `noun:*` may name other verbs
            assert not held_by(site, answer.json()["access_token"]) & PERSONAL
        else:
            assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope")
    everything = post(site, {"grant_type": "client_credentials"} | proven(machine)).json()
    assert not held_by(site, everything["access_token"]) & PERSONAL


@pytest.mark.parametrize("scope", EVERY)
def test_no_machine_s_token_carries_it_whoever_wrote_it(
    site: Site, machines: dict[str, Registered], scope: Scope
) -> None:
    """A token of before, or of a replica that is behind: what it says beyond is not read."""
    code = of(scope)
    now, client = int(time.time()), machines[code].client.client_id
    says = AccessToken(client, code, LISTED[code][1], frozenset({scope, Scope.PROGRESS_READ}), "x", now, now + 300)
    ring = site.runner.run(ring_of(site))
    caller = site.runner.run(Verifier(site.issuer, site.database).verify(says.write(site.issuer, ring)))
    assert caller.scopes == {Scope.PROGRESS_READ}
    assert not caller.may_decide


@pytest.mark.parametrize("scope", EVERY)
def test_a_machine_does_not_pose_as_a_person(site: Site, machines: dict[str, Registered], scope: Scope) -> None:
    code, ring = of(scope), site.runner.run(ring_of(site))
    now, client = int(time.time()), machines[code].client.client_id
    claims = {"iss": site.issuer.base_url, "sub": client, "aud": site.issuer.audience, "exp": now + 300, "iat": now}
    claims |= {"jti": "x", "client_id": client, "tenant": code, "tenant_kind": LISTED[code][1].value}
    claims |= {"scope": f"progress:read {scope.value}", "acr": "aal2", "auth_time": now}
    claims |= {"roles": sorted(role.value for role in scope.roles)}
    for person in ({}, {"sid": "x"}, {"sid": None}, {"sid": "x", "act": {"sub": client}}):
        header = {"alg": "ES256", "typ": TYPE}
        token = jwt.encode(header, claims | person, ring.current, algorithms=["ES256"])
        try:
            caller = site.runner.run(Verifier(site.issuer, site.database).verify(token))
        except Unauthenticated:
            continue
        assert scope not in caller.scopes
        assert not caller.may_decide


@pytest.mark.parametrize("scope", EVERY)
def test_no_machine_has_it_exchanged(site: Site, machines: dict[str, Registered], scope: Scope) -> None:
    code, role = of(scope), _role(scope)
    token = Person(site, f"{scope.value.replace(':', '.')}@{code}", code, role).token()
    assert scope in held_by(site, token)
    form = {"grant_type": EXCHANGE, "subject_token": token, "subject_token_type": ACCESS_TOKEN}
    for wanted in (scope.value, f"progress:read {scope.value}"):
        answer = post(site, form | {"scope": wanted} | proven(machines[code]))
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope")
    answer = post(site, form | proven(machines[code])).json()
    assert not held_by(site, answer["access_token"]) & PERSONAL


def _role(scope: Scope) -> Role:
    kind = LISTED[of(scope)][1]
    return next(role for role in sorted(scope.roles) if kind in role.kinds)


@pytest.mark.parametrize("scope", EVERY)
def test_what_says_that_a_machine_acts_carries_none(site: Site, scope: Scope) -> None:
    """Not even when our own key signed it: it is left out where it is read."""
    code, ring = of(scope), site.runner.run(ring_of(site))
    token = Person(site, f"actor.{scope.value.replace(':', '.')}@{code}", code, _role(scope)).token()
    read = access_token.read(token, site.issuer, ring.verifying, time.time())
    acting = AccessToken(**{**vars(read), "actor": "some-machine"}).write(site.issuer, ring)
    assert scope in read.scopes
    assert not held_by(site, acting) & PERSONAL


@pytest.mark.parametrize("scope", EVERY)
def test_no_machine_is_a_device(site: Site, machines: dict[str, Registered], scope: Scope) -> None:
    machine = machines[of(scope)]
    form = {"scope": scope.value} | proven(machine)
    answer = site.runner.run(site.http.post("/oauth2/device_authorization", data=form))
    assert (answer.status_code, answer.json()["error"]) == (400, "unauthorized_client")
    answer = post(site, {"grant_type": DEVICE, "device_code": new_secret()} | proven(machine))
    assert (answer.status_code, answer.json()["error"]) == (400, "unauthorized_client")


@pytest.mark.parametrize("scope", EVERY)
def test_no_machine_refreshes_into_it(site: Site, machines: dict[str, Registered], scope: Scope) -> None:
    """Even when a person's refresh token comes into its hands, under its own name."""
    code, machine = of(scope), machines[of(scope)]
    tokens = Person(site, f"refresh.{scope.value.replace(':', '.')}@{code}", code, _role(scope)).tokens()
    planted = new_secret()

    async def plant() -> None:
        read = access_token.read(tokens["access_token"], site.issuer, (await ring_of(site)).verifying, time.time())
        assert read.person
        async with site.database.change(SignIn(), "test") as db:
            row = {"token_hash": hashed(planted), "tenant_ods": code, "session_id": read.person.session_id}
            row |= {"client_id": machine.client.client_id, "issued_at": db.now, "expires_at": db.now.replace(year=2100)}
            await db.write(insert(RefreshToken).values(**row))

    site.runner.run(plant())
    for token in (tokens["refresh_token"], planted):
        form = {"grant_type": "refresh_token", "refresh_token": token, "scope": scope.value} | proven(machine)
        answer = post(site, form)
        assert answer.status_code == 400, answer.text
        assert answer.json()["error"] in {"invalid_grant", "unauthorized_client"}


@pytest.mark.parametrize("scope", EVERY)
def test_a_person_holds_it_by_a_role_alone(scope: Scope) -> None:
    assert all((scope in scopes_for([role])) == (role in scope.roles) for role in Role)
