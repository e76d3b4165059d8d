"""The twelve defaults of Authlib that must not reach production, by number and meaning, as machines meet them.

As people meet them: tests/people/test_authorize.py (1 to 4), test_code.py (1 to 5), test_device.py (6 to 8).
"""

import asyncio
import time
from collections.abc import Sequence

import pytest
from joserfc.jwk import Key

from auth.tokens.access_token import Unauthenticated
from auth.tokens.compact import Compact
from schema.people.api_client import AssertionProfile
from tests.sign_in_support import ABSENT, TOKEN_URL, URL, SignInUnderTest, key_for
from tests.test_token_attacks import forged

DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
CODE = "authorization_code"
BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def no_machines(sign_in: SignInUnderTest, grant_type: str, error: str = "unauthorized_client", **fields: str) -> None:
    answer = sign_in.ask(sign_in.modern, grant_type=grant_type, **fields)
    assert (answer.status_code, answer.json()["error"]) == (400, error)


def test_1_to_3_pkce_a_code_is_for_people(sign_in: SignInUnderTest) -> None:
    no_machines(sign_in, CODE, code="c", code_verifier="v", code_challenge_method="plain")
    no_machines(sign_in, CODE, code="c", code_verifier="v")
    no_machines(sign_in, CODE, code="c")


def test_4_a_code_without_a_challenge_no_machine_has_an_authorization_endpoint(sign_in: SignInUnderTest) -> None:
    request = {"response_type": "code", "client_id": sign_in.modern.client_id, "redirect_uri": "https://a.example"}
    answer = sign_in.run(sign_in.http.get("/oauth2/authorize", params=request))
    assert answer.status_code == 400
    assert "location" not in answer.headers
    pushed = sign_in.ask(sign_in.modern, "/oauth2/par", **request)
    assert (pushed.status_code, pushed.json()["error"]) == (400, "unauthorized_client")


def test_5_one_of_eight_at_once_of_an_assertion_too(sign_in: SignInUnderTest) -> None:
    form = sign_in.form(sign_in.assertion(sign_in.modern))

    async def at_once() -> list[int]:
        posts = (sign_in.http.post("/oauth2/token", data=form) for _ in range(8))
        return [answer.status_code for answer in await asyncio.gather(*posts)]

    assert sorted(sign_in.run(at_once())) == [200] + [400] * 7


def test_6_the_device_endpoint_serves_no_client_without_the_grant(sign_in: SignInUnderTest) -> None:
    answer = sign_in.ask(sign_in.modern, "/oauth2/device_authorization")
    assert (answer.status_code, answer.json()["error"]) == (400, "unauthorized_client")


def test_7_and_8_a_device_code_is_for_people(sign_in: SignInUnderTest) -> None:
    no_machines(sign_in, DEVICE, device_code="d")


def test_a_machine_has_no_session_to_refresh(sign_in: SignInUnderTest) -> None:
    no_machines(sign_in, "refresh_token", refresh_token="r")


@pytest.mark.parametrize("grant", ["password", "implicit", BEARER])
def test_no_other_grant_is_offered(sign_in: SignInUnderTest, grant: str) -> None:
    no_machines(sign_in, grant, "unsupported_grant_type", username="u", password="p", assertion="a")


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


def test_11_nor_by_the_work_it_takes(sign_in: SignInUnderTest, monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = sign_in.nhs.model_copy(update={"client_id": "nobody"})
    other = sign_in.register(AssertionProfile.NHS, key=key_for("RS512"))
    tried: list[str] = []
    signed_by = Compact.signed_by

    def counting(self: Compact, key: Key, algorithms: Sequence[str]) -> bool:
        tried.append(key.key_type)
        return signed_by(self, key, algorithms)

    monkeypatch.setattr(Compact, "signed_by", counting)
    work = []
    for client in (other, nobody):
        tried.clear()
        form = sign_in.form(sign_in.assertion(client, header={"kid": "wrong"}))
        assert sign_in.post(form).status_code == 401
        work.append(list(tried))
    assert work[0] == work[1] == ["RSA"]


def test_12_a_token_without_typ_is_refused(sign_in: SignInUnderTest) -> None:
    with pytest.raises(Unauthenticated):
        sign_in.run(sign_in.verifier.verify(forged(sign_in, {"typ": ABSENT})))


def test_12_a_list_of_scopes_is_refused_and_there_is_leeway(sign_in: SignInUnderTest) -> None:
    assert not sign_in.verify(forged(sign_in, scope=["activity:read", "test:report"]))
    now = int(time.time())
    assert sign_in.verify(forged(sign_in, exp=now - 10, iat=now - 200, iss=URL))
