"""Attacks with an issuer's access tokens: none reaches beyond its binding, and none makes us ask elsewhere."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any

import pytest

from auth.scope import PERSONAL, Scope
from schema.organisation import OrganisationKind
from schema.people.account import Role
from tests.ageing import COLLECTED as NOW
from tests.ageing import as_of_now, moved
from tests.installed import URL
from tests.people.answering import public
from tests.people.external import World, two_trusts
from tests.people.provider import AUDIENCE, Provider, unique
from tests.sign_in_support import ABSENT, key_for

ALL = " ".join(Scope)


@pytest.fixture(scope="module")
def world(cluster) -> Iterator[World]:
    """Two trusts, each with a provider of its own."""
    with two_trusts(cluster) as found:
        yield found


@pytest.mark.parametrize(
    "alg", ["none", "None", "NONE", "nOnE", "", "HS256", "HS384", "HS512", "RS256", "ES384", "EdDSA", "ES256K", None, 0]
)
def test_an_algorithm_off_the_list_is_refused(world: World, alg: object) -> None:
    _, claims, signature = world.ours.access_token().split(".")
    head = {"alg": alg, "typ": "at+jwt", "kid": world.ours.key.kid}
    header = base64.urlsafe_b64encode(json.dumps(head).encode()).decode().rstrip("=")
    digest = hmac.digest(world.ours.key.as_pem(private=False), f"{header}.{claims}".encode(), hashlib.sha256)
    for signed in (base64.urlsafe_b64encode(digest).decode().rstrip("="), "", signature):
        world.refused(f"{header}.{claims}.{signed}")


def test_an_algorithm_that_the_issuer_is_not_registered_with_is_refused(world: World) -> None:
    provider = world.provider(alg="PS256", algorithms=["RS256"])
    world.refused(provider.access_token(), "its alg")


@pytest.mark.parametrize("kid", [ABSENT, "", "../../dev/null", "' OR 1=1 --", "a\x00b", "x" * 300, ["a"], {}, 7, None])
def test_a_kid_that_is_not_the_issuers_is_refused(world: World, kid: object) -> None:
    world.refused(world.ours.access_token({"kid": kid}))


@pytest.mark.parametrize("member", ["jku", "x5u", "jwk", "x5c"])
def test_a_key_in_the_header_is_neither_used_nor_fetched(world: World, member: str) -> None:
    mine = key_for("ES256")
    url = world.server.says("/evil", public(mine))
    value = {"jku": url, "x5u": url, "jwk": mine.as_dict(private=False), "x5c": ["MIIB"]}[member]
    for header in ({member: value}, {member: value, "kid": mine.kid}):
        world.refused(world.ours.access_token(header, mine), "no key")
    assert "/evil" not in world.server.asked


@pytest.mark.parametrize("typ", [ABSENT, "JWT", "jwt", "id_token", "", "at+jwt ", "logout+jwt", None, ["at+jwt"], 7])
def test_what_is_no_access_token_is_refused(world: World, typ: object) -> None:
    world.refused(world.ours.access_token({"typ": typ}))


@pytest.mark.parametrize("change", ["slash", "capitals", "list", "path", "us", "absent", "number", "null", "stranger"])
def test_an_iss_is_compared_letter_by_letter(world: World, change: str) -> None:
    iss = world.ours.iss
    spelt = {"slash": f"{iss}/", "capitals": iss.upper(), "list": [iss], "path": f"{iss}/../x", "us": URL}
    spelt |= {"absent": ABSENT, "number": 7, "null": None, "stranger": "https://evil.example"}
    world.refused(world.ours.access_token(iss=spelt[change]))


def test_one_issuers_key_does_not_speak_for_another(world: World) -> None:
    stolen = world.ours.key
    world.refused(world.theirs.access_token({"kid": stolen.kid}, stolen), "no key")
    world.refused(world.theirs.access_token({}, stolen), "no key")
    world.refused(world.ours.access_token(iss=world.theirs.iss), "no key")


@pytest.mark.parametrize(
    "aud",
    [
        *(ABSENT, "reinstate", URL, f"{AUDIENCE}/", AUDIENCE.upper(), None, 7, [], {AUDIENCE: 1}),
        *(["reinstate"], [AUDIENCE, "reinstate"], [AUDIENCE, AUDIENCE], [[AUDIENCE]]),
    ],
)
def test_a_token_for_somebody_else_is_refused(world: World, aud: object) -> None:
    world.refused(world.ours.access_token(aud=aud), "its aud")


def test_an_id_token_is_no_access_token(world: World) -> None:
    confused = world.provider(token_audience="reinstate")  # its administrator took the client id for the audience
    claims = {"nonce": "n", "scope": "test:report"}
    world.refused(confused.id_token(**claims), "no access token")
    for member in ("nonce", "at_hash", "c_hash"):
        world.refused(confused.access_token(aud="reinstate", **{member: "n"}), "no access token")
    assert world.caller(confused.access_token(aud="reinstate")).tenant_ods == "R1A"


@pytest.mark.parametrize(
    "claims",
    [
        *({"exp": exp} for exp in (ABSENT, None, NOW - 31, 0, -1, str(NOW + 200), True, NOW + 200.5, [], {})),
        *({"exp": exp} for exp in (10**30, -(10**30), NOW + 10 * 365 * 86400, NOW + 3700, 1e400)),
        *({"iat": iat} for iat in (ABSENT, None, NOW + 600, str(NOW), True, NOW + 0.5, 10**30, 0, [])),
        *({"nbf": nbf} for nbf in (None, NOW + 600, str(NOW), True, NOW + 0.5, 10**30)),
    ],
)
def test_a_time_that_is_wrong_is_refused(world: World, claims: dict) -> None:
    world.refused(world.ours.access_token(**as_of_now(claims)))


@pytest.mark.parametrize("sub", [ABSENT, None, "", "a b", "a\x00b", "é", "\ud800", "x" * 256, ["a"], 7])
def test_a_sub_that_is_no_name_is_refused(world: World, sub: object) -> None:
    world.refused(world.ours.access_token(sub=sub), "its sub")


@pytest.mark.parametrize(
    "codes",
    [
        *({"org_code": code} for code in (ABSENT, None, "", "T2", "t1", "T1 ", "R1A", "a\x00", "\ud800", ["T1"], 7)),
        *({"role_code": code} for code in (ABSENT, None, "", "nobody", "IT", "TRUST_IT", [], [7], [["it"]], {}, 7)),
        {"role_code": ["it"] * 51},
    ],
)
def test_codes_that_we_do_not_map_stand_for_nobody(world: World, codes: dict) -> None:
    world.refused(world.ours.access_token(**codes), "stand for nobody")


def test_what_a_token_says_in_our_own_words_is_no_authority(world: World) -> None:
    claims = {"tenant": "SUPPLIER", "tenant_kind": "NATIONAL", "roles": [role.value for role in Role], "sid": "x"}
    caller = world.caller(world.ours.access_token(**claims, scope=ALL))
    assert (caller.tenant_ods, caller.kind, caller.roles) == ("R1A", OrganisationKind.TRUST, {Role.TRUST_IT})
    assert Scope.BUILD_REGISTER not in caller.scopes
    assert PERSONAL.isdisjoint(caller.scopes)


@pytest.mark.parametrize("auth_time", [None, 0, -1, str(NOW), True, NOW + 600, NOW + 0.5, 10**30])
def test_a_time_of_sign_in_that_is_none_is_refused(world: World, auth_time: object) -> None:
    world.refused(world.ours.access_token(auth_time=moved(auth_time)), "auth_time")


@pytest.mark.parametrize("scope", [None, ["test:report"], {"test:report": True}, 7])
def test_a_scope_that_is_no_text_is_refused(world: World, scope: object) -> None:
    world.refused(world.ours.access_token(scope=scope), "its scope")


def test_an_unknown_issuer_is_answered_like_a_forged_token_and_makes_us_ask_nobody(world: World) -> None:
    before = len(world.server.asked)
    stranger = Provider(world.server, unique())
    for number in range(20):
        world.refused(stranger.access_token({"kid": f"{number}"}), "not an access token of ours")
    assert len(world.server.asked) == before


def test_it_is_nothing_to_our_own_sign_in(world: World) -> None:
    token = world.ours.access_token()

    async def ask(path: str, form: dict[str, str]) -> Any:
        return await world.site.http.post(path, data=form)

    for path, form in (
        ("/oauth2/token", {"grant_type": "refresh_token", "refresh_token": token, "client_id": "reinstate-cli"}),
        ("/oauth2/token", {"grant_type": "authorization_code", "code": token, "client_id": "reinstate-cli"}),
        ("/oauth2/introspect", {"token": token, "client_assertion": token}),
    ):
        assert world.site.runner.run(ask(path, form)).status_code in {400, 401}
