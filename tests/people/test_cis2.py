"""People sign in at NHS CIS2: the one role that they selected counts, by our own table."""

from collections.abc import Iterator

import pytest

from auth.caller import AAL1, AAL2
from schema.people.account import Role
from schema.people.issuer import Issuer, IssuerShape
from tests.people.provider import (
    Provider,
    mapped,
)
from tests.people.visitor import World, a_trust
from tests.sign_in_support import ABSENT


@pytest.fixture(scope="module")
def world(cluster) -> Iterator[World]:
    """A trust's provider."""
    with a_trust(cluster) as found:
        yield found


ROLES = [
    {
        "person_orgid": "1",
        "person_roleid": "555",
        "org_code": "RNK",
        "role_code": "S8000:G8000:R8001",
        "role_name": "a",
    },
    {
        "person_orgid": "2",
        "person_roleid": "556",
        "org_code": "R1A",
        "role_code": "S8000:G8001:R8010",
        "role_name": "b",
    },
    {
        "person_orgid": "3",
        "person_roleid": "557",
        "org_code": "RYG",
        "role_code": "S8000:G8001:R8010",
        "role_name": "c",
    },
]


@pytest.fixture(scope="module")
def cis2(world: World) -> tuple[Provider, Issuer]:
    """A provider as NHS CIS2 is, which speaks for two trusts."""
    provider, issuer = world.new(
        "NATIONAL",
        ("none none", Role.NATIONAL_IMT),
        alg="RS256",
        shape=IssuerShape.CIS2,
        tenants=["NATIONAL", "R1A", "RYG"],
        accepted_acr=["AAL2_OR_AAL3_ANY"],
        step_up_acr=["AAL3_ANY"],
    )
    for ods_code in ("R1A", "RYG"):
        world.run(mapped(world.site, issuer, Role.TRUST_SIRO, f"{ods_code} S8000:G8001:R8010", ods_code))
    provider.userinfo = {"sub": "staff-1", "nhsid_useruid": "910000000001", "nhsid_nrbac_roles": ROLES}
    return provider, issuer


def test_at_nhs_cis2_the_one_selected_role_counts(world: World, cis2) -> None:
    provider, issuer = cis2
    visitor = world.visitor()
    request = visitor.sent(issuer)
    assert request["scope"] == "openid nationalrbacaccess selectedrole"
    assert request["acr_values"] == "AAL2_OR_AAL3_ANY"
    visitor.back(provider, request, selected_roleid="556", acr="AAL3_ANY", org_code="RYG", role_code="it")
    assert visitor.standing() == {"R1A": {Role.TRUST_SIRO}}
    assert (who := visitor.who())
    assert who.acr == AAL2
    other = world.visitor()
    other.sign_in(provider, issuer, selected_roleid="557", acr="AAL2_OR_AAL3_ANY")
    assert other.standing() == {"RYG": {Role.TRUST_SIRO}}
    assert (elsewhere := other.who())
    assert elsewhere.acr == AAL1
    assert elsewhere.subject[:17] == who.subject[:17]
    assert visitor.standing() == {"R1A": {Role.TRUST_SIRO}}


@pytest.mark.parametrize("selected", [ABSENT, None, "", "999", "555", 556, ["556"]])
def test_at_nhs_cis2_a_role_that_is_not_selected_or_mapped_signs_nobody_in(world: World, cis2, selected) -> None:
    provider, issuer = cis2
    world.visitor().refused(provider, issuer, "You could not", selected_roleid=selected, acr="AAL3_ANY")


def test_at_nhs_cis2_a_weak_sign_in_is_refused(world: World, cis2) -> None:
    provider, issuer = cis2
    for acr in ("AAL1_USERPASS", ABSENT, None, ["AAL3_ANY"]):
        world.visitor().refused(provider, issuer, "acr", selected_roleid="556", acr=acr)


@pytest.mark.parametrize(
    "userinfo",
    [
        {"sub": "staff-2", "nhsid_nrbac_roles": ROLES},
        {"nhsid_nrbac_roles": ROLES},
        *({"sub": "staff-1", "nhsid_nrbac_roles": roles} for roles in (None, {}, [], [7], ROLES + ROLES)),
        {"sub": "staff-1", "nhsid_nrbac_roles": [{"person_roleid": "556", "org_code": ["R1A"], "role_code": "x"}]},
        {"sub": "staff-1"},
        ["staff-1"],
    ],
)
def test_at_nhs_cis2_userinfo_must_be_of_the_same_person_and_name_one_role(world: World, cis2, userinfo) -> None:
    provider, issuer = cis2
    provider.userinfo, before = userinfo, provider.userinfo
    try:
        world.visitor().refused(provider, issuer, "You could not", selected_roleid="556", acr="AAL3_ANY")
    finally:
        provider.userinfo = before
