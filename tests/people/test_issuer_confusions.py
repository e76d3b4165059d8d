"""Issuers confused: id_tokens under other headers, keys that they bring, a stolen key, and what waits at a switch-off."""

from collections.abc import Iterator
from typing import Any

import pytest

from api.database import embedded
from auth.grants.applications import CODE, DEVICE
from auth.tokens.access_token import Unauthenticated
from schema.people.account import Role
from schema.people.issuer import IssuerStatus
from tests.ageing import COLLECTED as NOW
from tests.ageing import moved
from tests.installed import URL
from tests.people.answering import public
from tests.people.external import World as Trusts
from tests.people.external import two_trusts
from tests.people.provider import STRONG, ended, mapped, switched
from tests.people.proving import TOKEN, b64
from tests.people.signed_in import BACK, CLI, COOKIE, Person, Pkce
from tests.people.test_confusions import send
from tests.people.visitor import World, a_trust
from tests.sign_in_support import ABSENT, key_for


@pytest.fixture(scope="module")
def world(cluster: embedded.Server) -> Iterator[World]:
    with a_trust(cluster) as made:
        yield made


@pytest.fixture(scope="module")
def trusts(cluster: embedded.Server) -> Iterator[Trusts]:
    with two_trusts(cluster) as made:
        yield made


@pytest.mark.parametrize(
    "header",
    [
        *({"alg": alg} for alg in ("none", "None", "NONE", "nOnE", "", "HS256", "HS384", "HS512", "RS256", "ES384")),
        *({"alg": alg} for alg in ("EdDSA", "ES256K", "es256", None, 0, ["ES256"])),
        *({"kid": kid} for kid in (ABSENT, "", "../../dev/null", "' OR 1=1 --", "a\x00b", "https://evil.example/jwks")),
        *({"kid": kid} for kid in (["a"], {"a": 1}, 7, None)),
    ],
    ids=str,
)
def test_an_id_token_under_another_header_signs_nobody_in(world: World, header: dict[str, Any]) -> None:
    signed = world.provider.id_token

    def told(**_: Any) -> str:
        _, claims, signature = signed().split(".")
        spelt = {"alg": "ES256", "kid": world.provider.key.kid, "typ": "JWT"} | header
        return f"{b64({name: value for name, value in spelt.items() if value is not ABSENT})}.{claims}.{signature}"

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(world.provider, "id_token", told)
        world.visitor().refused(world.provider, world.issuer, "You could not be signed in by")


@pytest.mark.parametrize("member", ["jku", "x5u", "jwk", "x5c", "x5t#S256"])
def test_a_key_that_an_id_token_brings_is_neither_used_nor_fetched(world: World, member: str) -> None:
    mine = key_for("ES256")
    url = world.server.says("/evil", public(mine))
    value = {"jwk": mine.as_dict(private=False), "x5c": ["MIIB"], "x5t#S256": "abc"}.get(member, url)
    for header in ({member: value}, {member: value, "kid": mine.kid}):
        world.visitor().refused(world.provider, world.issuer, "no key", header=header, key=mine)
    assert "/evil" not in world.server.asked


@pytest.mark.parametrize(
    "exp", [ABSENT, None, NOW - 31, 0, -1, str(NOW + 60), True, NOW + 60.5, 10**30, -(10**30), [], {}]
)
def test_an_id_token_with_a_time_that_is_none_signs_nobody_in(world: World, exp: object) -> None:
    world.visitor().refused(world.provider, world.issuer, "exp, iat and nbf", exp=moved(exp))


@pytest.mark.parametrize(
    "claims",
    [
        *({"org_code": code} for code in ("T2", "RYG", "SUPPLIER", "NATIONAL", ["T1", "T2"])),
        *({"tenant": "RYG"}, {"tenant": "SUPPLIER", "tenant_kind": "SUPPLIER"}, {"roles": ["NATIONAL_IMT"]}),
        *({"iss": URL}, {"iss": "theirs"}, {"client_id": CLI}, {"sub": "it.lead@RYG"}, {"act": {"sub": CLI}}),
        *({"scope": "build:register wave:approve account:manage"}, {"role_code": "siro", "acr": STRONG}),
    ],
    ids=str,
)
def test_a_stolen_key_of_one_trusts_issuer_speaks_for_that_trust_at_most(
    trusts: Trusts, claims: dict[str, Any]
) -> None:
    said = claims | ({"iss": trusts.theirs.iss} if claims.get("iss") == "theirs" else {})
    try:
        caller = trusts.caller(trusts.ours.access_token(**said))
    except Unauthenticated:
        return
    assert caller.tenant_ods == "R1A"
    assert caller.subject.startswith("x")
    assert caller.subject.endswith("@R1A")
    assert not {"build:register", "wave:approve", "account:manage"} & caller.scopes
    assert caller.roles <= {Role.TRUST_IT, Role.TRUST_CSO, Role.TRUST_SIRO}


@pytest.mark.parametrize("ends", ["issuer", "mapping"])
@pytest.mark.parametrize("waits", ["code", "device code", "browser", "refresh token"])
def test_what_waits_when_an_issuer_is_switched_off_gives_nothing(world: World, waits: str, ends: str) -> None:
    provider, issuer = world.new("R1A", ("T9 x", Role.TRUST_IT))
    mapping = world.run(mapped(world.site, issuer, Role.TRUST_IT))
    visitor = world.visitor()
    visitor.sign_in(provider, issuer)
    who = visitor.who()
    assert who
    person = Person(world.site, who.subject, "R1A")
    person.cookies, person.csrf = {COOKIE: visitor.cookies[COOKIE]}, who.csrf
    form = come_with(world, person, waits)
    world.run(switched(world.site, issuer, IssuerStatus.DISABLED) if ends == "issuer" else ended(world.site, mapping))
    if waits == "browser":
        assert "code" not in str(person.authorize(**person.request(Pkce())).headers.get("location"))
    else:
        answer = send(world.site, "POST", TOKEN, data=form)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


def come_with(world: World, person: Person, what: str) -> dict[str, str]:
    """Come as far as the form that brings tokens; of what only a browser has there is none."""
    form = {"client_id": CLI}
    if what == "browser":
        return {}
    if what == "device code":
        begun = send(world.site, "POST", "/oauth2/device_authorization", data=form).json()
        decision = {"csrf": person.csrf, "user_code": begun["user_code"], "organisation": "R1A", "decision": "allow"}
        assert "is connected" in person.post("/device/decision", decision).text
        return form | {"grant_type": DEVICE, "device_code": begun["device_code"]}
    pkce = Pkce()
    code = {"grant_type": CODE, "code": person.code(pkce), "redirect_uri": BACK, "code_verifier": pkce.verifier}
    if what == "code":
        return form | code
    told = send(world.site, "POST", TOKEN, data=form | code).json()
    return form | {"grant_type": "refresh_token", "refresh_token": told["refresh_token"]}
