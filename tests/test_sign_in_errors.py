"""What the token endpoints say when they refuse: the NHS platform's words, and the form's rules."""

import time
import urllib.parse

import httpx
import pytest

from api.app import create_app
from auth.ask import ASSERTION_TYPE
from auth.caller import Operator
from auth.tenancy import Database
from schema.people.api_client import ApiClient
from tests.sign_in_support import ABSENT, NHS, RFC7523, URL, SignInUnderTest, key_for

ALG = "Invalid 'alg' header in JWT - unsupported JWT algorithm - must be 'RS512'"
KID = "Invalid 'kid' header in JWT - no matching public key"
SUBJECT = "Missing or non-matching 'iss'/'sub' claims in JWT"
EXP = "Invalid 'exp' claim in JWT - "
AUD = "Missing or invalid 'aud' claim in JWT"
JTI = "Invalid 'jti' claim in JWT - must be a unique string value such as a GUID"

HEADERS = [
    (400, ALG, {"alg": "RS256"}),
    (400, ALG, {"alg": "PS256"}),
    (400, ALG, {"alg": "RS384"}),
    (400, "Missing 'kid' header in JWT", {"kid": ABSENT}),
    (400, "Invalid 'typ' header in JWT - must be 'JWT'", {"typ": ABSENT}),
    (400, "Invalid 'typ' header in JWT - must be 'JWT'", {"typ": "at+jwt"}),
    (401, KID, {"kid": "invalid"}),
]
CLAIMS = [
    (400, SUBJECT, {"iss": ABSENT}),
    (400, SUBJECT, {"sub": ABSENT}),
    (400, SUBJECT, {"iss": "somebody"}),
    (400, SUBJECT, {"sub": 7, "iss": 7}),
    (401, "Invalid 'iss'/'sub' claims in JWT", {"sub": "no client!", "iss": "no client!"}),
    (401, KID, {"sub": "nobody", "iss": "nobody"}),
    (400, "Missing 'jti' claim in JWT", {"jti": ABSENT}),
    (400, JTI, {"jti": 1234567890}),
    (400, JTI, {"jti": ""}),
    (401, AUD, {"aud": ABSENT}),
    (401, AUD, {"aud": "invalid"}),
    (401, AUD, {"aud": URL}),
    (400, "Missing 'exp' claim in JWT", {"exp": ABSENT}),
    (400, EXP + "must be an integer", {"exp": str(int(time.time()) + 200)}),
    (400, EXP + "JWT has expired", {"exp": int(time.time()) - 60}),
    (400, EXP + "more than 5 minutes in future", {"exp": int(time.time()) + 3600}),
]
FORMS = [
    ("invalid_request", "grant_type is missing", {"grant_type": ABSENT}),
    ("invalid_request", "grant_type is missing", {"grant_type": ""}),
    ("unsupported_grant_type", "grant_type is invalid", {"grant_type": "invalid"}),
    (
        "invalid_request",
        f"Missing or invalid client_assertion_type - must be '{ASSERTION_TYPE}'",
        {"client_assertion_type": ABSENT},
    ),
    ("invalid_request", "Missing client_assertion", {"client_assertion": ABSENT}),
    ("invalid_request", "Malformed JWT in client_assertion", {"client_assertion": "invalid"}),
    ("invalid_request", SUBJECT, {"client_id": "somebody-else"}),
]


def refused(answer, status: int, description: str) -> None:
    body = answer.json()
    assert (answer.status_code, body["error_description"]) == (status, description)
    assert sorted(body) == ["error", "error_description", "message_id"]
    assert body["message_id"]
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize(("status", "description", "header"), HEADERS)
def test_a_wrong_header_is_refused_in_the_platforms_words(
    sign_in: SignInUnderTest, status: int, description: str, header: dict
) -> None:
    assertion = sign_in.assertion(sign_in.nhs, header=header)
    refused(sign_in.post(sign_in.form(assertion)), status, description)


@pytest.mark.parametrize(("status", "description", "claims"), CLAIMS)
def test_a_wrong_claim_is_refused_in_the_platforms_words(
    sign_in: SignInUnderTest, status: int, description: str, claims: dict
) -> None:
    assertion = sign_in.assertion(sign_in.nhs, **claims)
    refused(sign_in.post(sign_in.form(assertion)), status, description)


@pytest.mark.parametrize(("error", "description", "fields"), FORMS)
def test_a_wrong_form_is_refused_in_the_platforms_words(
    sign_in: SignInUnderTest, error: str, description: str, fields: dict
) -> None:
    answer = sign_in.ask(sign_in.nhs, **fields)
    refused(answer, 400, description)
    assert answer.json()["error"] == error


def test_a_jti_that_was_used_is_refused(sign_in: SignInUnderTest) -> None:
    form = sign_in.form(sign_in.assertion(sign_in.nhs))
    assert sign_in.post(form).status_code == 200
    refused(sign_in.post(form), 400, "Non-unique 'jti' claim in JWT")


def test_the_same_jti_of_another_client_is_not_the_same(sign_in: SignInUnderTest) -> None:
    for client in (sign_in.nhs, sign_in.modern):
        assert sign_in.post(sign_in.form(sign_in.assertion(client, jti="shared"))).status_code == 200


def test_a_client_without_a_key_is_told_to_register_one(sign_in: SignInUnderTest) -> None:
    me = sign_in.nhs.model_copy(update={"client_id": "keyless"})

    async def by_hand() -> None:
        async with sign_in.database.change(Operator("R1A"), "client.register") as db:
            said = {"client_id": "keyless", "scopes": me.scopes, "jwks": {"keys": []}}
            await db.keep(ApiClient(**db.made, **said, assertion_profile=NHS))

    sign_in.run(by_hand())
    refused(
        sign_in.ask(me),
        403,
        "You need to register a public key to use this authentication method - please contact support to configure",
    )


def test_unknown_revoked_and_wrong_key_answer_identically(sign_in: SignInUnderTest) -> None:
    gone = sign_in.register(RFC7523)
    sign_in.revoke_client(gone.client_id)
    stranger = sign_in.modern.model_copy(update={"client_id": "nobody"})
    forged = sign_in.assertion(sign_in.modern, key=key_for("ES256"))
    forms = [
        sign_in.form(sign_in.assertion(gone)),
        sign_in.form(sign_in.assertion(stranger)),
        sign_in.form(forged),
        sign_in.form(sign_in.assertion(sign_in.modern, header={"kid": "other"})),
        sign_in.form(sign_in.assertion(sign_in.nhs, key=key_for("ES256"), header={"alg": "ES256"})),
    ]
    answers = []
    for form in forms:
        answer = sign_in.post(form)
        body = answer.json() | {"message_id": "-"}
        answers.append((answer.status_code, body, sorted(set(answer.headers) - {"content-length"})))
    assert answers == [answers[0]] * len(answers)
    assert answers[0][:2] == (
        401,
        {"error": "invalid_client", "error_description": KID, "message_id": "-"},
    )


def raw(sign_in: SignInUnderTest, body: bytes, kind="application/x-www-form-urlencoded", query="") -> tuple:
    answer = sign_in.run(sign_in.http.post(f"/oauth2/token{query}", content=body, headers={"content-type": kind}))
    return answer.status_code, answer.json()["error"]


BAD = (400, "invalid_request")


@pytest.mark.parametrize(
    "body",
    [
        b"grant_type=client_credentials&grant_type=client_credentials",
        b"grant_type=client_credentials&scope=a&scope=b",
        b"grant_type",
        b"&&",
        b"a=%00",
        b"a%00=b",
        b"a=\x00",
        b"a=%ff",
        b"a=%ED%A0%80",
        b"a=\xff",
        b"",
        b"&".join(b"f%d=1" % number for number in range(50)),
    ],
)
def test_a_body_that_is_no_plain_form_is_refused(sign_in: SignInUnderTest, body: bytes) -> None:
    assert raw(sign_in, body) == BAD


def test_only_a_form_in_the_body_is_read(sign_in: SignInUnderTest) -> None:
    fields = sign_in.form(sign_in.assertion(sign_in.modern))
    body = urllib.parse.urlencode(fields)
    for kind in ("application/json", "multipart/form-data", "text/plain", "", f"{'a' * 10}; charset=utf-8"):
        assert raw(sign_in, body.encode(), kind) == BAD
    assert raw(sign_in, body.encode(), "application/x-www-form-urlencoded; charset=iso-8859-1") == BAD
    assert raw(sign_in, b"", query=f"?{body}") == BAD
    assert raw(sign_in, body.encode(), query="?scope=test:report") == BAD
    assert raw(sign_in, b"a=" + b"x" * 30_000) == (413, "invalid_request")
    form = sign_in.run(sign_in.http.post("/oauth2/token", data=fields))
    assert form.status_code == 200


def test_a_database_that_is_away_is_said_as_oauth_says_it(sign_in: SignInUnderTest) -> None:
    away = create_app(Database("postgresql://reinstate_app@127.0.0.1:9/none"), sign_in.issuer)
    form = sign_in.form(sign_in.assertion(sign_in.modern))

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(away), base_url=URL) as http:
            return await http.post("/oauth2/token", data=form)

    answer = sign_in.run(ask())
    assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
    assert answer.headers["retry-after"] == "1"


@pytest.mark.parametrize("path", ["/oauth2/token", "/oauth2/revoke", "/oauth2/introspect"])
def test_a_get_is_refused(sign_in: SignInUnderTest, path: str) -> None:
    assert sign_in.run(sign_in.http.get(path)).status_code == 405
