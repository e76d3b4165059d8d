"""Issuers: registered for the own organisation alone, mapped by somebody else than whom they sign in, disabled at once."""

from collections.abc import Iterator
from typing import Any

import asyncpg
import pytest

from api.database import embedded
from auth.caller import Operator, Person
from auth.federation import issuers
from schema.people.account import Role
from schema.people.issuer import Issuer, IssuerMapping, MapIssuerRole, RegisterIssuer
from schema.problem import NotYourOwn, ValidationFailed
from tests.ledger import as_superuser
from tests.people.administering import Administrator, Ground, administered
from tests.stage import person

FIT: dict[str, Any] = {
    "iss": "https://idp.r1a.example",
    "name": "R1A staff",
    "modes": ["LOGIN", "ACCESS", "ACCESS"],
    "algorithms": ["RS256", "ES256"],
    "jwksUri": "https://idp.r1a.example/jwks",
    "tokenAudience": "https://reinstate.example/graphql",
    "clientId": "reinstate",
    "authorizationEndpoint": "https://idp.r1a.example/authorize",
    "tokenEndpoint": "https://idp.r1a.example/token",
}
CODES = {"orgCode": "R1A", "roleCode": "lead"}


@pytest.fixture(scope="module")
def ground(cluster: embedded.Server) -> Iterator[Ground]:
    """A site whose R1A has an administrator."""
    with administered(cluster) as made:
        yield made


@pytest.fixture(scope="module")
def admin(ground: Ground) -> Administrator:
    """That administrator."""
    return ground.admin()


@pytest.fixture(scope="module")
def issuer(admin: Administrator) -> str:
    """An issuer of R1A's own."""
    return str(admin.made("registerIssuer", **FIT)["id"])


def test_an_issuer_is_registered_mapped_disabled_and_enabled(admin: Administrator, issuer: str) -> None:
    (told,) = admin.ask(f'{{ nodes(ids: ["{issuer}"]) {{ ... on Issuer {{ iss shape modes tenants status }} }} }}')[
        "nodes"
    ]
    assert told == {
        "iss": FIT["iss"],
        "shape": "PLAIN",
        "modes": ["ACCESS", "LOGIN"],
        "tenants": ["R1A"],
        "status": "ACTIVE",
    }
    assert admin.refused("registerIssuer", **FIT) == "ALREADY_REGISTERED"
    mapped = admin.made("mapIssuerRole", "id organisationOds role active", issuer=issuer, **CODES, role="TRUST_IT")
    mapping = mapped.pop("id")
    assert mapped == {"__typename": "IssuerMapping", "organisationOds": "R1A", "role": "TRUST_IT", "active": True}
    assert admin.refused("mapIssuerRole", issuer=issuer, **CODES, role="TRUST_IT") == "ALREADY_REGISTERED"
    assert admin.made("mapIssuerRole", issuer=issuer, **CODES, role="TRUST_CSO")["id"] != mapping
    assert admin.refused("endIssuerMapping", mapping=mapping, expectedVersion=4) == "VERSION_CONFLICT"
    assert admin.made("endIssuerMapping", "active", mapping=mapping)["active"] is False
    assert admin.refused("endIssuerMapping", mapping=mapping) == "ALREADY_DECIDED"
    (told,) = admin.ask("{ issuers { nodes { mappings { nodes { roleCode role active } } } } }")["issuers"]["nodes"]
    codes = [(node["role"], node["active"]) for node in told["mappings"]["nodes"]]
    assert codes == [("TRUST_IT", False), ("TRUST_CSO", True)]
    assert admin.refused("enableIssuer", issuer=issuer) == "ALREADY_DECIDED"
    assert admin.refused("disableIssuer", issuer=issuer, expectedVersion=2) == "VERSION_CONFLICT"
    assert admin.made("disableIssuer", "status", issuer=issuer, expectedVersion=1)["status"] == "DISABLED"
    assert admin.refused("disableIssuer", issuer=issuer) == "ALREADY_DECIDED"
    assert admin.made("enableIssuer", "status", issuer=issuer)["status"] == "ACTIVE"


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"tenants": ["RNK"]}, "tenants"),
        ({"tenants": ["R1A", "RNK"]}, "tenants"),
        ({"tenants": ["x"]}, "tenants"),
        ({"algorithms": ["none"]}, "algorithms"),
        ({"algorithms": ["HS256"]}, "algorithms"),
        ({"algorithms": []}, "algorithms"),
        ({"modes": []}, "modes"),
        ({"iss": "http://idp.r1a.example"}, "iss"),
        ({"iss": "file:///etc/passwd"}, "iss"),
        ({"jwksUri": "http://169.254.169.254/"}, "jwksUri"),
        ({"tokenEndpoint": "http://localhost/token"}, "tokenEndpoint"),
        ({"clientId": None}, "clientId"),
        ({"authorizationEndpoint": None}, "authorizationEndpoint"),
        ({"shape": "CIS2"}, "userinfoEndpoint"),
        ({"orgClaim": "a b"}, "orgClaim"),
    ],
)
def test_what_is_not_fit_is_refused(admin: Administrator, given: dict[str, Any], field: str) -> None:
    told = admin.change("registerIssuer", **FIT | {"iss": "https://another.example"} | given)
    assert (told["code"], told["path"][:2]) == ("VALIDATION_FAILED", ["input", field])


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"role": "SUPPLIER_LEAD"}, "role"),
        ({"organisationOds": "RNK"}, "organisationOds"),
        ({"roleCode": ""}, "roleCode"),
    ],
)
def test_a_mapping_stays_within_its_issuer(
    admin: Administrator, issuer: str, given: dict[str, str], field: str
) -> None:
    told = admin.change("mapIssuerRole", **{"issuer": issuer, **CODES, "role": "TRUST_IT"} | given)
    assert (told["code"], told["path"][:2]) == ("VALIDATION_FAILED", ["input", field])


def test_the_issuers_of_others_are_not_administered(ground: Ground, issuer: str) -> None:
    mapped = issuer, {**CODES, "role": "TRUST_IT"}
    for who in (ground.admin("admin@RNK"), ground.admin("admin@NATIONAL")):
        for verb in ("disableIssuer", "enableIssuer"):
            assert who.refused(verb, issuer=issuer) == "NOT_FOUND"
        assert who.refused("mapIssuerRole", issuer=mapped[0], **mapped[1]) == "NOT_FOUND"


def test_whom_an_issuer_signed_in_does_not_map_its_roles(ground: Ground, issuer: str) -> None:
    """They would say of their own codes what these make of them."""
    sessions = """
        insert into session (tenant_ods, id, subject, client_id, roles, scopes, acr, authenticated_at, issuer, started_at,
            last_used_at, expires_at)
        values ('R1A', gen_random_uuid(), 'federated@R1A', 'reinstate-cli', '{ADMINISTRATOR}', '{}', 'aal2', now(), $1, now(),
            now(), now() + interval '1 hour') returning id
    """.replace("$1", f"'{FIT['iss']}'")
    ((session,),) = as_superuser(ground.stage, sessions)
    signed_in = person("R1A", Role.ADMINISTRATOR, subject="federated@R1A")
    assert signed_in.person
    there = Person(signed_in.person.roles, str(session), "aal2", signed_in.person.authenticated_at)
    who = person("R1A", Role.ADMINISTRATOR, subject="federated@R1A", person=there)
    stated = MapIssuerRole(issuer=issuer, org_code="R1A", role_code="mine", role=Role.TRUST_SIRO)

    async def map_it() -> object:
        async with ground.site.database.change(who, "mapIssuerRole") as db:
            return await issuers.map_role(db, who, stated)

    assert isinstance(ground.site.runner.run(map_it()), NotYourOwn)


def test_the_operator_registers_one_for_several(ground: Ground) -> None:
    said = {"iss": "https://shared.example", "name": "Shared", "modes": ["ACCESS"], "algorithms": ["ES256"]}
    said |= {"jwks_uri": "http://127.0.0.1:9/jwks", "token_audience": "us"}

    async def work() -> tuple[object, ...]:
        operator = Operator("Y60")
        async with ground.site.database.change(operator, "issuer add") as db:
            nobody = await issuers.register(db, operator, RegisterIssuer(**said, tenants=["R1A", "ZZZ99"]))
            made = await issuers.register(db, operator, RegisterIssuer(**said, tenants=["RYG", "R1A"]))
            assert isinstance(made, Issuer)
            codes = {"org_code": "x", "role_code": "y", "role": Role.TRUST_IT}
            stated = [
                MapIssuerRole(issuer=made.global_id(), organisation_ods=to, **codes) for to in ("RYG", "RNK", None)
            ]
            return nobody, made, *[await issuers.map_role(db, operator, each) for each in stated]

    nobody, made, there, beyond, itself = ground.site.runner.run(work())
    assert isinstance(made, Issuer)
    assert made.tenants == ["R1A", "RYG"]
    assert isinstance(there, IssuerMapping)
    assert {type(each) for each in (nobody, beyond, itself)} == {ValidationFailed}


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        (
            'insert into issuer select (jsonb_populate_record(i, \'{"id": "01912345-6789-7abc-8def-0123456789ab", "iss": "https://x", "tenants": ["R1A", "RNK"]}\')).* from issuer i limit 1',
            "own_tenant",
        ),
        (
            "insert into issuer_mapping select 'R1A', gen_random_uuid(), 1, now(), 'x', id, 'a', 'b', 'RNK', 'TRUST_IT', true from issuer limit 1",
            "does not speak for RNK",
        ),
    ],
)
def test_the_database_holds_that_too(ground: Ground, issuer: str, statement: str, why: str) -> None:
    enter = "select set_config('app.tenant', 'R1A', false), set_config('app.subject', 'x', false)"
    with pytest.raises((asyncpg.InsufficientPrivilegeError, asyncpg.CheckViolationError), match=why):
        as_superuser(ground.stage, "set role app_trust", enter, statement)
