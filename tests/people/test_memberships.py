"""Memberships: roles granted and ended, never one's own, never the last administrator's; other organisations' by the operator."""

import asyncio
from collections.abc import Iterator

import pytest

from api.database import embedded
from schema.people.account import Role
from tests.ledger import as_superuser
from tests.people.administering import Administrator, Ground, administered
from tests.people.signed_in import Person

LEAD, CSO = Role.TRUST_IT, Role.TRUST_CSO


@pytest.fixture(scope="module")
def ground(cluster: embedded.Server) -> Iterator[Ground]:
    """A site whose R1A has an administrator."""
    with administered(cluster) as made:
        yield made


@pytest.fixture(scope="module")
def admin(ground: Ground) -> Administrator:
    """That administrator."""
    return ground.admin()


def scopes(token: dict[str, str]) -> set[str]:
    """Give the scopes of a token's answer."""
    return set(token["scope"].split())


def test_a_granted_role_shows_in_the_next_token_and_ends_with_its_sessions(
    ground: Ground, admin: Administrator
) -> None:
    person = Person(ground.site, "grows@R1A", None, LEAD)
    small = person.tokens()
    assert "safety:sign" not in scopes(small)
    told = admin.made(
        "grantRole", "subject role status organisation { odsCode }", account=admin.account("grows@R1A"), role=CSO
    )
    about = {"subject": "grows@R1A", "role": "TRUST_CSO", "status": "ACTIVE", "organisation": {"odsCode": "R1A"}}
    assert told == {"__typename": "Membership", **about}
    large = person.tokens()
    assert "safety:sign" in scopes(large)
    membership = admin.membership("grows@R1A", CSO)
    assert admin.refused("endRole", membership=membership, expectedVersion=3) == "VERSION_CONFLICT"
    assert admin.made("endRole", "status version", membership=membership, expectedVersion=1)["version"] == 2
    assert ground.stops(large["access_token"])
    assert person.refresh(large["refresh_token"]).json()["error"] == "invalid_grant"
    assert ground.lets_in(small["access_token"])  # it never held the role
    assert admin.refused("endRole", membership=membership) == "ALREADY_DECIDED"
    assert "safety:sign" not in scopes(person.tokens())
    assert admin.made("grantRole", account=admin.account("grows@R1A"), role=CSO)["id"] != membership


def test_a_role_is_granted_once_however_often_it_is_asked_for(ground: Ground, admin: Administrator) -> None:
    account = admin.open("once", LEAD)

    async def at_once() -> list[dict[str, object]]:
        return list(await asyncio.gather(*(admin.achange("grantRole", account=account, role=CSO) for _ in range(8))))

    told = ground.site.runner.run(at_once())
    made = [each["id"] for each in told if each["__typename"] == "Membership"]
    assert len(made) == 1
    assert [each["existing"] for each in told if each["__typename"] == "AlreadyRegistered"] == made * 7


def test_nobody_grants_to_themselves_nor_ends_their_own_administration(ground: Ground, admin: Administrator) -> None:
    mine = admin.account("admin@R1A")
    for role in Role:
        if role in {Role.ADMINISTRATOR, LEAD, CSO, Role.TRUST_SIRO}:
            assert admin.refused("grantRole", account=mine, role=role) == "NOT_YOUR_OWN"
    assert admin.refused("endRole", membership=admin.membership("admin@R1A", Role.ADMINISTRATOR)) == "NOT_YOUR_OWN"


def test_a_role_of_another_kind_of_organisation_is_none(ground: Ground, admin: Administrator) -> None:
    account = admin.open("another", LEAD)
    beyond = [role for role in Role if role is not Role.ADMINISTRATOR and not role.startswith("TRUST")]
    assert len(beyond) == 7
    for role in beyond:
        assert admin.change("grantRole", account=account, role=role)["path"] == ["input", "role"]


def test_the_last_administrator_is_not_ended(cluster: embedded.Server) -> None:
    with administered(cluster) as ground:
        first, second = ground.admin("first@RNK"), ground.admin("second@RNK")
        theirs = [first.membership(subject, Role.ADMINISTRATOR) for subject in ("first@RNK", "second@RNK")]

        async def at_once() -> list[dict[str, object]]:
            changes = (first.achange("endRole", membership=theirs[1]), second.achange("endRole", membership=theirs[0]))
            return list(await asyncio.gather(*changes))

        told = ground.site.runner.run(at_once())
        assert sorted(str(each["__typename"]) for each in told) == ["LastAdministrator", "Membership"]


def test_an_administrator_who_may_not_sign_in_does_not_count(cluster: embedded.Server) -> None:
    with administered(cluster) as ground:
        first, second = ground.admin("first@RNK"), ground.admin("second@RNK")
        first.made("suspendAccount", account=first.account("second@RNK"))
        mine = first.membership("first@RNK", Role.ADMINISTRATOR)
        assert second.site.runner.run(second.achange("endRole", membership=mine))["code"] == "LAST_ADMINISTRATOR"


def test_accounts_of_others_join_by_the_operator_alone(ground: Ground, admin: Administrator) -> None:
    supplier, national = ground.admin("admin@SUPPLIER"), ground.admin("admin@NATIONAL")
    account = admin.open("joins", LEAD)
    for who, role in ((supplier, Role.SUPPLIER_CSO), (national, Role.NATIONAL_IMT)):
        assert who.refused("grantRole", account=account, role=role) == "NOT_FOUND"
    joined = Person(ground.site, "joins@R1A", "SUPPLIER", Role.SUPPLIER_CSO)  # as the operator has it
    token = joined.token()
    membership = supplier.membership("joins@R1A", Role.SUPPLIER_CSO)
    for who in (admin, national):  # neither its home nor oversight ends what it is there
        assert who.refused("endRole", membership=membership) == "NOT_FOUND"
    at_home = Person(ground.site, "joins@R1A").token()
    supplier.made("endRole", membership=membership)
    assert ground.stops(token)
    assert ground.lets_in(at_home)


@pytest.mark.parametrize("role", ["app_trust", "app_national"])
def test_the_database_holds_that_too(ground: Ground, admin: Administrator, role: str) -> None:
    code = "R1A" if role == "app_trust" else "NATIONAL"
    stranger = "insert into membership select '{0}', gen_random_uuid(), 1, now(), 'x', 'somebody@RYG', 'ADMINISTRATOR', 'ACTIVE'"
    enter = f"select set_config('app.tenant', '{code}', false), set_config('app.subject', 'x', false)"
    with pytest.raises(Exception, match="own_accounts"):
        as_superuser(ground.stage, f"set role {role}", enter, stranger.format(code))
