"""An issuer's own access tokens at the API: believed within its binding."""

import hashlib
import json
import time
from collections.abc import Iterator
from typing import Any

import asyncpg
import pytest
from sqlalchemy.engine import make_url

from auth.caller import AAL1, AAL2, Caller, Operator
from auth.scope import PERSONAL, Scope
from auth.tokens.verifier import Shown
from schema.organisation import OrganisationKind
from schema.people.account import Account, AccountStatus, Role
from schema.people.issuer import IssuerMode, IssuerShape
from tests.people.external import World, two_trusts
from tests.people.provider import AUDIENCE, STRONG, Provider, mapped, register, unique
from tests.people.proving import Prover
from tests.sign_in_support import ABSENT

ALL = " ".join(Scope)


@pytest.fixture(scope="module")
def world(cluster) -> Iterator[World]:
    """Two trusts, each with a provider of its own."""
    with two_trusts(cluster) as found:
        yield found


def test_a_token_speaks_for_whom_its_codes_are_mapped_to(world: World) -> None:
    now = int(time.time())
    caller = world.caller(world.ours.access_token(auth_time=now - 60))
    assert (caller.tenant_ods, caller.kind, caller.client_id) == ("R1A", OrganisationKind.TRUST, world.ours.iss)
    assert caller.scopes == {Scope.ACTIVITY_READ, Scope.TEST_REPORT}
    assert caller.subject == f"x{hashlib.sha256(json.dumps([world.ours.iss, 'staff-1']).encode()).hexdigest()[:16]}@R1A"
    assert caller.person
    assert (caller.person.roles, caller.person.acr) == ({Role.TRUST_IT}, AAL1)
    assert caller.person.authenticated_at == now - 60
    assert caller.person.session_id.startswith("x")
    other = world.caller(world.theirs.access_token())
    assert (other.tenant_ods, other.person and other.person.authenticated_at) == ("RYG", 0)


def test_the_api_answers_it(world: World) -> None:
    async def ask() -> Any:
        return await world.site.post("{ viewer { organisation { odsCode } scopes } }", token=world.ours.access_token())

    viewer = world.site.runner.run(ask()).json()["data"]["viewer"]
    assert viewer == {"organisation": {"odsCode": "R1A"}, "scopes": ["activity:read", "test:report"]}


def test_several_roles_are_several_mappings(world: World) -> None:
    caller = world.caller(world.ours.access_token(role_code=["it", "cso", "nobody"]))
    assert caller.roles == {Role.TRUST_IT, Role.TRUST_CSO}


@pytest.mark.parametrize("alg", ["RS256", "RS512", "PS256", "Ed25519"])
def test_the_algorithms_there_are(world: World, alg: str) -> None:
    provider = world.provider(alg=alg)
    assert world.caller(provider.access_token()).tenant_ods == "R1A"


@pytest.mark.parametrize("typ", ["at+jwt", "AT+JWT", "application/at+jwt"])
def test_the_type_may_be_spelt_as_media_types_are(world: World, typ: str) -> None:
    assert world.caller(world.ours.access_token({"typ": typ})).tenant_ods == "R1A"


def test_an_audience_in_a_list_of_its_own_is_ours(world: World) -> None:
    assert world.caller(world.ours.access_token(aud=[AUDIENCE])).tenant_ods == "R1A"


def test_an_hour_is_the_longest_life(world: World) -> None:
    now = int(time.time())
    assert world.caller(world.ours.access_token(iat=now, exp=now + 3600))
    world.refused(world.ours.access_token(iat=now - 10, exp=now + 3600), "3600 s apart")
    assert world.caller(world.ours.access_token(iat=now - 100, exp=now - 20))
    assert world.caller(world.ours.access_token(iat=now + 20, nbf=now + 20))


def test_codes_that_mean_two_organisations_mean_none(world: World) -> None:
    shared = world.provider("R1A", tenants=["R1A", "RYG"])
    issuer = shared.issuer
    world.run(mapped(world.site, issuer, Role.TRUST_IT, "T2 it", to="RYG"))
    world.run(mapped(world.site, issuer, Role.TRUST_CSO, "T1 both", to="RYG"))
    assert world.caller(shared.access_token(org_code="T2")).tenant_ods == "RYG"
    world.refused(shared.access_token(role_code=["it", "both"]), "stand for nobody")


def test_two_organisations_may_register_one_provider_each_for_itself(world: World) -> None:
    """The second one's keys are not the provider's: they speak for the second organisation, and for nobody else."""
    evil = Provider(world.server, unique("evil"))
    evil.iss = world.ours.iss
    issuer = world.run(register(world.site, evil, "RNK"))
    world.run(mapped(world.site, issuer, Role.TRUST_SIRO, "T1 it"))
    world.run(mapped(world.site, issuer, Role.TRUST_SIRO, "T9 it"))
    assert world.caller(world.ours.access_token()).tenant_ods == "R1A"
    assert world.caller(evil.access_token()).tenant_ods == "RNK"
    world.refused(world.ours.access_token(org_code="T9"))
    subjects = {world.caller(each.access_token()).subject for each in (evil, world.ours)}
    assert len(subjects) == 2


@pytest.mark.parametrize("as_", [Operator("R1A"), Caller("R1A", OrganisationKind.TRUST, "an administrator", set())])
def test_the_database_refuses_a_mapping_beyond_the_binding(world: World, as_) -> None:
    issuer = world.ours.issuer
    values = "R1A", issuer.id, "T1", "x", "SUPPLIER", "SUPPLIER_LEAD"

    async def insert() -> None:
        async with world.site.database.change(as_, "test") as db:
            text = """insert into issuer_mapping (tenant_ods, id, version, created_at, created_by, issuer_id, org_code,
                role_code, organisation_ods, role, active)
                values ($1, gen_random_uuid(), 1, now(), 'x', $2, $3, $4, $5, $6::text::role, true)"""
            await db.lane.rows(text, values)

    with pytest.raises(asyncpg.CheckViolationError, match="does not speak for SUPPLIER"):
        world.run(insert())


def test_an_administrator_registers_no_issuer_for_others(world: World) -> None:
    administrator = Caller("R1A", OrganisationKind.TRUST, "an administrator", set())
    row = register(world.site, Provider(world.server, unique()), tenants=["R1A", "RYG"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.people.provider.Operator", lambda _: administrator)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            world.run(row)


def test_a_mapping_that_got_past_the_database_is_not_believed(world: World, cluster) -> None:
    issuer = world.ours.issuer

    async def insert() -> None:
        url = make_url(world.site.database._pools._url)
        superuser = await asyncpg.connect(cluster.admin_url, database=url.database)
        await superuser.execute("set session_replication_role = replica")  # no trigger, no foreign key
        text = """insert into issuer_mapping (tenant_ods, id, version, created_at, created_by, issuer_id, org_code,
            role_code, organisation_ods, role, active)
            values ('R1A', gen_random_uuid(), 1, now(), 'x', $1, 'T3', 'x', 'SUPPLIER', 'SUPPLIER_LEAD', true)"""
        await superuser.execute(text, issuer.id)
        await superuser.close()

    world.run(insert())
    world.refused(world.ours.access_token(org_code="T3", role_code="x"), "stand for nobody")


@pytest.mark.parametrize("mode", [IssuerMode.LOGIN, IssuerMode.EXCHANGE])
def test_an_issuer_for_something_else_is_not_believed_at_the_api(world: World, mode: IssuerMode) -> None:
    world.refused(world.provider(modes=[mode.value]).access_token())


def test_nhs_cis2_is_not_believed_at_the_api(world: World) -> None:
    world.refused(world.provider(shape=IssuerShape.CIS2).access_token())


def test_only_a_second_factor_and_its_time_let_a_person_decide(world: World) -> None:
    now = int(time.time())
    asked = {"role_code": "siro", "scope": ALL}
    weak = world.caller(world.ours.access_token(**asked, acr="urn:example:one", auth_time=now))
    untimed = world.caller(world.ours.access_token(**asked, acr=STRONG))
    strong = world.caller(world.ours.access_token(**asked, acr=STRONG, auth_time=now))
    old = world.caller(world.ours.access_token(**asked, acr=STRONG, auth_time=now - 2000))
    for caller in (weak, untimed):
        assert caller.person
        assert caller.person.acr == AAL1
        assert PERSONAL.isdisjoint(caller.scopes)
        assert not caller.may_decide
    assert Scope.DECISION_MAKE in strong.scopes
    assert strong.person
    assert strong.person.acr == AAL2
    assert strong.may_decide
    assert not old.may_decide


def test_a_sign_in_that_is_not_sure_enough_is_refused(world: World) -> None:
    now = int(time.time())
    provider = world.provider(accepted_acr=["good"])
    assert world.caller(provider.access_token(acr="good"))
    assert world.caller(provider.access_token(acr=STRONG, auth_time=now))
    for acr in (ABSENT, None, "bad", "GOOD", "", ["good"], 7):
        world.refused(provider.access_token(acr=acr), "acr")


def test_a_token_without_scope_may_do_nothing(world: World) -> None:
    assert world.caller(world.ours.access_token(scope=ABSENT)).scopes == frozenset()
    assert world.caller(world.ours.access_token(scope="openid BUILD:register *")).scopes == frozenset()


def test_a_token_that_is_bound_to_a_key_needs_its_proof(world: World) -> None:
    prover = Prover()
    token = world.ours.access_token(cnf={"jkt": prover.jkt})
    world.refused(token, "send it with a proof")
    proof = prover.proof("POST", world.site.issuer.audience, token)
    caller = world.site.runner.run(world.verifier.verify(token, Shown(proof, "POST")))
    assert caller.tenant_ods == "R1A"
    for cnf in ({"x5t#S256": "a" * 43}, {"jkt": "short"}, {"jkt": prover.jkt, "jwk": {}}, None, [], "x", {}):
        world.refused(world.ours.access_token(cnf=cnf), "bound to its sender")


def test_a_suspended_account_is_refused_whatever_its_issuer_says(world: World) -> None:
    token = world.ours.access_token(sub="suspended")
    subject = world.caller(token).subject

    async def suspend() -> None:
        async with world.site.database.change(Operator("R1A"), "test") as db:
            await db.keep(Account(**db.made, subject=subject, status=AccountStatus.SUSPENDED))

    world.run(suspend())
    world.refused(token)
    assert world.caller(world.ours.access_token())


def test_a_role_that_is_mapped_later_counts_though_the_token_is_remembered(world: World) -> None:
    provider = world.provider()
    issuer = provider.issuer
    token = provider.access_token()
    verifier = world.verifier
    assert world.caller(token).roles == {Role.TRUST_IT}
    world.run(mapped(world.site, issuer, Role.TRUST_EXEC, "T1 it"))
    world.site.runner.run(verifier._watch.look(within=0))
    assert world.site.runner.run(verifier.verify(token)).roles == {Role.TRUST_IT, Role.TRUST_EXEC}
