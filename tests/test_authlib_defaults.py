"""The twelve defaults of Authlib that must not reach production, by number and meaning."""

import asyncio
import time

import pytest

from auth.tokens.access_token import Unauthenticated
from schema.api_client import AssertionProfile
from tests.sign_in_support import ABSENT, TOKEN_URL, URL, SignInUnderTest, key_for
from tests.test_token_attacks import forged

DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def not_offered(sign_in: SignInUnderTest, grant_type: str, **fields: str) -> None:
    answer = sign_in.ask(sign_in.modern, grant_type=grant_type, **fields)
    assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_grant_type")


def missing(sign_in: SignInUnderTest, *paths: str) -> None:
    for path in paths:
        for method in ("GET", "POST"):
            assert sign_in.run(sign_in.http.request(method, path)).status_code == 404


def test_1_pkce_plain_the_code_grant_is_not_offered(sign_in: SignInUnderTest) -> None:
    not_offered(sign_in, "authorization_code", code="c", code_verifier="v", code_challenge_method="plain")


def test_2_no_pkce_the_code_grant_is_not_offered(sign_in: SignInUnderTest) -> None:
    not_offered(sign_in, "authorization_code", code="c")


def test_3_the_challenge_method_omitted_the_code_grant_is_not_offered(sign_in: SignInUnderTest) -> None:
    not_offered(sign_in, "authorization_code", code="c", code_verifier="v")


def test_4_a_code_for_a_public_client_there_is_no_authorization_endpoint(sign_in: SignInUnderTest) -> None:
    missing(sign_in, "/oauth2/authorize", "/authorize", "/oauth2/authorization")


def test_5_one_of_eight_at_once_the_only_thing_used_once_here_is_the_assertion(
    sign_in: SignInUnderTest,
) -> None:
    form = sign_in.form(sign_in.assertion(sign_in.modern))

    async def at_once() -> list[int]:
        posts = (sign_in.http.post("/oauth2/token", data=form) for _ in range(8))
        return [answer.status_code for answer in await asyncio.gather(*posts)]

    assert sorted(sign_in.run(at_once())) == [200] + [400] * 7


def test_6_the_device_endpoint_is_not_offered(sign_in: SignInUnderTest) -> None:
    missing(sign_in, "/oauth2/device_authorization", "/oauth2/device", "/device_authorization")


def test_7_a_device_code_is_not_offered(sign_in: SignInUnderTest) -> None:
    not_offered(sign_in, DEVICE, device_code="d")


def test_8_an_unknown_device_code_is_not_offered(sign_in: SignInUnderTest) -> None:
    not_offered(sign_in, DEVICE, device_code="unknown")


@pytest.mark.parametrize("grant", ["password", "refresh_token", "implicit", BEARER, EXCHANGE])
def test_no_other_grant_is_offered(sign_in: SignInUnderTest, grant: str) -> None:
    not_offered(sign_in, grant, username="u", password="p", refresh_token="r", assertion="a")


def test_9_rs512_assertions_are_taken(sign_in: SignInUnderTest) -> None:
    assert sign_in.ask(sign_in.nhs).status_code == 200
    rs512 = sign_in.register(AssertionProfile.RFC7523, key=key_for("RS512"))
    assertion = sign_in.assertion(rs512, header={"alg": "RS512"})
    assert sign_in.post(sign_in.form(assertion)).status_code == 200


def test_10_a_ten_year_exp_several_audiences_and_another_client_id_are_refused(
    sign_in: SignInUnderTest,
) -> None:
    decade = sign_in.assertion(sign_in.modern, exp=int(time.time()) + 10 * 365 * 86400)
    several = sign_in.assertion(sign_in.modern, aud=[TOKEN_URL, "https://other.example"])
    for assertion in (decade, several):
        assert sign_in.post(sign_in.form(assertion)).status_code in {400, 401}
    assert sign_in.ask(sign_in.modern, client_id=sign_in.nhs.client_id).status_code == 400


def test_11_a_client_that_does_not_exist_is_not_told_apart(sign_in: SignInUnderTest) -> None:
    nobody = sign_in.modern.model_copy(update={"client_id": "nobody"})
    wrong = sign_in.assertion(sign_in.modern, key=key_for("ES256"))
    said = [
        {**sign_in.post(sign_in.form(assertion)).json(), "message_id": "-"}
        for assertion in (sign_in.assertion(nobody), wrong)
    ]
    assert said[0] == said[1]


def test_11_nor_by_the_time_it_takes(sign_in: SignInUnderTest) -> None:
    nobody = sign_in.nhs.model_copy(update={"client_id": "nobody"})
    other = sign_in.register(AssertionProfile.NHS, key=key_for("RS512"))

    def slowest_of_the_quick(client) -> float:
        times = []
        for _ in range(15):
            form = sign_in.form(sign_in.assertion(client, header={"kid": "wrong"}))
            began = time.perf_counter()
            assert sign_in.post(form).status_code == 401
            times.append(time.perf_counter() - began)
        return sorted(times)[5]

    known, unknown = slowest_of_the_quick(other), slowest_of_the_quick(nobody)
    assert abs(known - unknown) < max(known, unknown) / 2


def test_12_a_token_without_typ_is_refused(sign_in: SignInUnderTest) -> None:
    with pytest.raises(Unauthenticated):
        sign_in.run(sign_in.verifier.verify(forged(sign_in, {"typ": ABSENT})))


def test_12_a_list_of_scopes_is_refused_and_there_is_leeway(sign_in: SignInUnderTest) -> None:
    assert not sign_in.verify(forged(sign_in, scope=["activity:read", "test:report"]))
    now = int(time.time())
    assert sign_in.verify(forged(sign_in, exp=now - 10, iat=now - 200, iss=URL))
