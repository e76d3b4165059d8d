"""Attacks on a sign-in at a provider: nobody is signed in who should not be, or as anybody else."""

import asyncio
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest

from auth.caller import SignIn
from schema.people.account import Role
from tests.ageing import COLLECTED as NOW
from tests.ageing import as_of_now
from tests.installed import URL
from tests.people.signed_in import COOKIE
from tests.people.visitor import BACK, WANTED, World, a_trust
from tests.sign_in_support import ABSENT, key_for


@pytest.fixture(scope="module")
def world(cluster) -> Iterator[World]:
    """A trust's provider."""
    with a_trust(cluster) as found:
        yield found


def test_what_our_client_proves_itself_by_is_no_token_of_ours(world: World) -> None:
    visitor = world.visitor()
    visitor.sign_in(world.provider, world.issuer)
    token = world.provider.redeemed[-1]["client_assertion"]
    answer = world.run(world.site.post("{ viewer { scopes } }", token=token))
    assert answer.status_code == 401


def test_another_browser_cannot_finish_it(world: World) -> None:
    """Login CSRF: an attacker's code and state, brought to somebody else's browser, sign nobody in."""
    attacker, victim = world.visitor(), world.visitor()
    request = attacker.sent(world.issuer)
    victim.sent(world.issuer)
    for browser_ in (victim, world.visitor()):
        answer = browser_.back(world.provider, request)
        assert (answer.status_code, COOKIE in browser_.cookies) == (403, False)
        assert "not begun in this browser" in answer.text
    assert attacker.back(world.provider, request).status_code == 303


def test_a_browser_may_begin_twice_and_finish_both(world: World) -> None:
    visitor = world.visitor()
    first, second = visitor.sent(world.issuer), visitor.sent(world.issuer)
    assert len({first["state"], second["state"], first["nonce"], second["nonce"]}) == 4
    assert visitor.back(world.provider, first).status_code == 303
    assert visitor.back(world.provider, second).status_code == 303


def test_a_state_is_used_once_even_twenty_at_a_time(world: World) -> None:
    visitor = world.visitor()
    request = visitor.sent(world.issuer)
    path = f"{BACK}?{urlencode({'code': world.provider.code_for(request), 'state': request['state']})}"

    async def at_once() -> list[int]:
        return [each.status_code for each in await asyncio.gather(*(visitor.aget(path) for _ in range(20)))]

    assert sorted(world.run(at_once())) == [303] + [403] * 19


def test_a_state_that_is_refused_is_used_up(world: World) -> None:
    visitor = world.visitor()
    request = visitor.sent(world.issuer)
    assert visitor.back(world.provider, request, org_code="T9").status_code == 403
    assert visitor.back(world.provider, request).status_code == 403


def test_a_state_expires(world: World) -> None:
    visitor = world.visitor()
    request = visitor.sent(world.issuer)

    async def age() -> None:
        async with world.site.database.change(SignIn(), "test") as db:
            await db.lane.rows("update login_at_issuer set expires_at = clock_timestamp()")

    world.run(age())
    assert visitor.back(world.provider, request).status_code == 403


@pytest.mark.parametrize("iss", ["slash", "other", "capitals"])
def test_an_answer_of_another_issuer_is_refused(world: World, iss: str) -> None:
    """Mix-up (RFC 9207): the code is not brought to an issuer that did not give it."""
    visitor = world.visitor()
    request = visitor.sent(world.issuer)
    told = {"slash": f"{world.provider.iss}/", "other": "https://evil.example"}
    redeemed = len(world.provider.redeemed)
    answered = {"code": "a", "state": request["state"], "iss": told.get(iss, world.provider.iss.upper())}
    assert visitor.get(f"{BACK}?{urlencode(answered)}").status_code == 403
    assert len(world.provider.redeemed) == redeemed


@pytest.mark.parametrize(
    "query",
    [
        *("", "code=a", "state=a", "code=a&state=a", "error=access_denied", "code=%00&state=%00"),
        *("code=a&state=a&state=a", "state=" + "a" * 43, "code=a&state=" + "a" * 43, "x=" + "a" * 20_000),
        *("code=a&state=%ED%A0%80", "code[]=a&state[]=b", "&".join(f"p{n}=1" for n in range(50))),
    ],
)
def test_an_answer_to_nothing_is_refused(world: World, query: str) -> None:
    visitor = world.visitor()
    visitor.sent(world.issuer)
    answer = visitor.get(f"{BACK}?{query}")
    assert answer.status_code == 403
    assert COOKIE not in visitor.cookies


@pytest.mark.parametrize(
    "claims",
    [
        *({"aud": aud} for aud in (ABSENT, "other", ["reinstate", "other"], [], None, f"{URL}/graphql")),
        *({"iss": iss} for iss in (ABSENT, "https://evil.example", ["x"], None)),
        *({"nonce": nonce} for nonce in (ABSENT, None, "", "other", ["a"], 7, "\ud800")),
        *({"exp": exp} for exp in (ABSENT, NOW - 60, str(NOW + 60), True, 10**30, NOW + 200_000, None)),
        *({"iat": iat} for iat in (ABSENT, NOW + 600, "1", True, 10**30)),
        *({"azp": azp} for azp in ("other", None, ["reinstate"])),
        *({"sub": sub} for sub in (ABSENT, "", None, 7, "a b", "\x00", "x" * 256)),
        *({"auth_time": at} for at in (None, "1", True, NOW + 600, -1)),
        *({"org_code": code} for code in (ABSENT, "T9", "R1A", ["T1"], None)),
        *({"role_code": code} for code in (ABSENT, "lead", "TRUST_IT", [], {}, None)),
        *({"header": header} for header in ({"alg": "none"}, {"alg": "HS256"}, {"kid": "x"}, {"kid": ABSENT})),
        *({"header": header} for header in ({"typ": "at+jwt"}, {"typ": "application/AT+JWT"})),
    ],
)
def test_an_id_token_that_is_wrong_signs_nobody_in(world: World, claims: dict) -> None:
    world.visitor().refused(
        world.provider, world.issuer, "You could not be signed in by Provider of R1A", **as_of_now(claims)
    )


def test_an_id_token_by_another_key_signs_nobody_in(world: World) -> None:
    world.visitor().refused(world.provider, world.issuer, "no key", key=key_for("ES256"))


def test_a_provider_that_is_away_signs_nobody_in(world: World) -> None:
    provider, issuer = world.new()
    told = world.server.answers.pop(f"{provider.path}/token")
    world.server.says(f"{provider.path}/token", b"<html>")
    world.visitor().refused(provider, issuer, "no JSON")
    world.server.says(f"{provider.path}/token", [1])
    world.visitor().refused(provider, issuer, "no object")
    world.server.says(f"{provider.path}/token", {"id_token": 7})
    world.visitor().refused(provider, issuer, "no id_token")
    world.server.says(f"{provider.path}/token", b"", 302, location=f"{world.server.url}/elsewhere")
    world.visitor().refused(provider, issuer, "answers 302")
    world.server.answers[f"{provider.path}/token"] = told
    assert world.visitor().sign_in(provider, issuer) == WANTED


def test_two_trusts_with_the_same_codes_stay_apart(world: World) -> None:
    theirs, issuer = world.new("RYG")
    visitor = world.visitor()
    visitor.sign_in(theirs, issuer)
    assert visitor.standing() == {"RYG": {Role.TRUST_IT}}
    request = visitor.sent(issuer)
    world.provider.code_for(request)
    theirs.code_for(request, iss=world.provider.iss)
    assert visitor.get(f"{BACK}?{urlencode({'code': theirs.code, 'state': request['state']})}").status_code == 403


@pytest.mark.parametrize(
    "id_", ["", "1", "%00", "..%2F..", "00000000-0000-0000-0000-000000000000", "' or 1=1", "x" * 300]
)
def test_nobody_signs_in_at_an_issuer_that_is_none(world: World, id_: str) -> None:
    assert world.visitor().get(f"/sign-in/with/{id_}").status_code == 404


@pytest.mark.parametrize(
    "place",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "/account/../..//evil",
        "javascript:alert(1)",
        "/graphql",
    ],
)
def test_nobody_is_led_elsewhere_afterwards(world: World, place: str) -> None:
    assert world.visitor().sign_in(world.provider, world.issuer, {"return_to": place}) == "/account"
