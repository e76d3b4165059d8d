"""Attacks on the client's assertion: each is refused in JSON, never with a 500, and never with a token."""

import asyncio
import base64
import hashlib
import hmac
import json
import time

import pytest

from auth.ask import ASSERTION_TYPE
from tests.ageing import COLLECTED as NOW
from tests.ageing import as_of_now
from tests.sign_in_support import ABSENT, RFC7523, TOKEN_URL, URL, SignInUnderTest, key_for, rsa_key


def b64(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def claims_of(sign_in: SignInUnderTest, client_id: str) -> dict:
    now = int(time.time())
    return {"iss": client_id, "sub": client_id, "aud": TOKEN_URL, "exp": now + 200, "jti": b64(str(now))}


def refused(sign_in: SignInUnderTest, assertion: str) -> dict:
    answer = sign_in.post(sign_in.form(assertion))
    assert answer.status_code in {400, 401}, answer.text
    assert answer.json()["error"] in {"invalid_request", "invalid_client"}
    assert "access_token" not in answer.text
    return answer.json()


@pytest.mark.parametrize(
    "alg",
    [
        *("none", "None", "NONE", "nOnE", "", "HS256", "HS384", "HS512", "hs256"),
        *("RS256", "ES384", "EdDSA", "ES256K", "rs512", "RS512 ", None, 0, ["RS512"], {"RS512": 1}),
    ],
)
def test_an_algorithm_off_the_list_is_refused(sign_in: SignInUnderTest, alg: object) -> None:
    public = rsa_key().as_pem(private=False)
    header = b64({"alg": alg, "typ": "JWT", "kid": rsa_key().kid})
    signed = f"{header}.{b64(claims_of(sign_in, sign_in.nhs.client_id))}"
    for signature in (b64(hmac.digest(public, signed.encode(), hashlib.sha256)), ""):
        refused(sign_in, f"{signed}.{signature}")


@pytest.mark.parametrize(
    "kid",
    [
        *("../../../../dev/null", "/etc/passwd", "' OR 1=1 --", "x' UNION SELECT 1--", "a\x00b"),
        *("https://evil.example/jwks", ["RS512"], {"kid": 1}, 7, True, "\ud800", "x" * 4000, ""),
    ],
)
def test_a_kid_is_only_ever_compared(sign_in: SignInUnderTest, kid: object) -> None:
    header = b64({"alg": "RS512", "typ": "JWT", "kid": kid})
    signed = f"{header}.{b64(claims_of(sign_in, sign_in.nhs.client_id))}"
    refused(sign_in, f"{signed}.{b64(b'x' * 256)}")


@pytest.mark.parametrize("member", ["jwk", "jku", "x5u", "x5c", "x5t#S256"])
def test_a_key_in_the_header_is_never_used(sign_in: SignInUnderTest, member: str) -> None:
    mine = key_for("ES256")
    value = {
        "jwk": mine.as_dict(private=False),
        "x5c": [b64(mine.as_der(private=False))],
        "x5t#S256": "abc",
    }.get(member, "http://127.0.0.1:9/jwks.json")
    forged = sign_in.assertion(sign_in.modern, key=mine, header={member: value})
    assert "no matching public key" in refused(sign_in, forged)["error_description"]
    with_his_own = sign_in.assertion(sign_in.modern, header={member: value})
    assert sign_in.post(sign_in.form(with_his_own)).status_code == 200


@pytest.mark.parametrize(
    "audience",
    [
        *(
            f"{TOKEN_URL}/",
            f"{URL}/",
            f"{URL}/graphql",
            TOKEN_URL.upper(),
            TOKEN_URL.replace("https", "http"),
        ),
        *("https://evil.example/oauth2/token", [TOKEN_URL, "https://evil.example"], [TOKEN_URL, URL]),
        *([], [[TOKEN_URL]], {"aud": TOKEN_URL}, 7, True, None, f"{TOKEN_URL}\x00", f"{TOKEN_URL}?a=b"),
    ],
)
def test_an_assertion_for_somebody_else_is_refused(sign_in: SignInUnderTest, audience: object) -> None:
    for client in (sign_in.nhs, sign_in.modern):
        said = refused(sign_in, sign_in.assertion(client, aud=audience))
        assert said["error_description"] == "Missing or invalid 'aud' claim in JWT"


@pytest.mark.parametrize(
    "claims",
    [
        *({"exp": value} for value in (ABSENT, None, True, 0, -1, "300", NOW + 240.5, 10**30, -(10**30), [])),
        *({"exp": value} for value in (NOW - 31, NOW + 3600, NOW + 10 * 365 * 86400, {"exp": 1}, 1e400)),
        *({"nbf": value} for value in (NOW + 600, "now", True, 1.5, 10**30, None)),
        *({"iat": value} for value in (NOW + 600, "now", True, 1.5, 10**30, None)),
    ],
)
def test_a_time_that_is_wrong_is_refused(sign_in: SignInUnderTest, claims: dict) -> None:
    for client in (sign_in.nhs, sign_in.modern):
        refused(sign_in, sign_in.assertion(client, **as_of_now(claims)))


def test_thirty_seconds_of_grace(sign_in: SignInUnderTest) -> None:
    now = int(time.time())
    for claims in ({"exp": now - 20}, {"exp": now + 320}, {"nbf": now + 20}, {"iat": now + 20}):
        assert sign_in.post(sign_in.form(sign_in.assertion(sign_in.modern, **claims))).status_code == 200


@pytest.mark.parametrize(
    "subject",
    [
        *(
            "' OR 1=1 --",
            "a\x00b",
            "\ud800abc",
            "x" * 81,
            "ab",
            "",
            "nhs\n",
            "%",
            "../x",
            ["a"],
            {"a": 1},
            None,
        ),
        *(True, 7, "cli\u00e9nt", "client id"),
    ],
)
def test_a_client_id_that_cannot_be_one_is_refused_before_any_query(sign_in: SignInUnderTest, subject: object) -> None:
    refused(sign_in, sign_in.assertion(sign_in.nhs, iss=subject, sub=subject))


HEAD = {"alg": "RS512"}


def compact(header: object, claims: object, signature: str = "AA") -> str:
    return f"{b64(header)}.{b64(claims)}.{signature}"


@pytest.mark.parametrize(
    "text",
    [
        *("", ".", "..", "a.b", "a.b.c", "a.b.c.d", "a.b.c.d.e", "é.é.é", "=.=.=", " a.b.c", "a.b.c\n"),
        compact([], {}),
        compact("alg", {}),
        compact(HEAD, [1]),
        compact(HEAD, b"[" * 7000),
        compact(HEAD, b'{"a":' * 1500),
        compact(b'{"a":' * 1500, {}),
        compact(HEAD, b'{"iss":NaN}'),
        compact(HEAD, b'{"exp":' + b"9" * 6000 + b"}"),
        compact(HEAD, b'{"iss":"a","iss":"b"}'),
        compact(b'{"alg":"none","alg":"RS512"}', {}),
        compact(HEAD | {"crit": ["exp"], "exp": 1}, {}),
        compact(HEAD | {"b64": False, "crit": ["b64"]}, {}),
        compact(HEAD | {"b64": True}, {}),
        compact(b"\xff\xfe", {}),
        compact(HEAD, {}, "A" * 15_000),
    ],
)
def test_what_is_no_jwt_is_refused(sign_in: SignInUnderTest, text: str) -> None:
    answer = sign_in.post(sign_in.form(text))
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_a_signature_is_refused_when_anything_changed(sign_in: SignInUnderTest) -> None:
    header, claims, signature = sign_in.assertion(sign_in.modern).split(".")
    _, others, _ = sign_in.assertion(sign_in.modern).split(".")
    for altered in (
        f"{header}.{others}.{signature}",
        f"{header}.{claims}.{signature[:-8]}",
        f"{header}.{claims}.AA",
    ):
        assert "no matching public key" in refused(sign_in, altered)["error_description"]


@pytest.mark.parametrize("jti", ["\x00", "\ud800", "x" * 5000, "' OR 1=1 --", "é"])
def test_any_string_is_a_jti_and_is_used_once(sign_in: SignInUnderTest, jti: str) -> None:
    answers = [sign_in.post(sign_in.form(sign_in.assertion(sign_in.modern, jti=jti))).status_code for _ in range(2)]
    assert answers == [200, 400]


def test_of_twenty_replays_at_once_one_gets_a_token(sign_in: SignInUnderTest) -> None:
    form = sign_in.form(sign_in.assertion(sign_in.modern))

    async def at_once() -> list:
        return await asyncio.gather(*(sign_in.http.post("/oauth2/token", data=form) for _ in range(20)))

    answers = sign_in.run(at_once())
    said = sorted((a.status_code, a.json().get("error_description", "")) for a in answers)
    assert said == [(200, ""), *[(400, "Non-unique 'jti' claim in JWT")] * 19]


def test_an_access_token_is_no_assertion(sign_in: SignInUnderTest) -> None:
    token = sign_in.token()
    said = refused(sign_in, token)
    assert said["error_description"] == "Missing or non-matching 'iss'/'sub' claims in JWT"


def test_a_key_of_one_client_is_no_key_of_another(sign_in: SignInUnderTest) -> None:
    other = sign_in.register(RFC7523, "RYG")
    forged = sign_in.assertion(sign_in.modern, key=other.key, header={"kid": other.key.kid})
    assert "no matching public key" in refused(sign_in, forged)["error_description"]


def test_two_ways_to_prove_oneself_are_refused(sign_in: SignInUnderTest) -> None:
    fields = sign_in.form(sign_in.assertion(sign_in.modern), client_secret="s")
    assert sign_in.post(fields).status_code == 400
    basic = {"Authorization": "Basic " + b64(b"client:secret")}
    form = {"grant_type": "client_credentials", "client_assertion_type": ASSERTION_TYPE}
    answer = sign_in.run(sign_in.http.post("/oauth2/token", data=form, headers=basic))
    assert answer.status_code == 400
