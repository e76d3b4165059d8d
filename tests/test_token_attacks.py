"""Attacks on access tokens: each is refused with a code of RFC 6750, and never with anything else."""

import base64
import hashlib
import hmac
import json
import time

import pytest
from joserfc import jws
from joserfc.jwk import KeySet

from auth.scope import Scope
from auth.tokens.access_token import Unauthenticated
from tests.ageing import COLLECTED as NOW
from tests.ageing import as_of_now
from tests.sign_in_support import ABSENT, TOKEN_URL, URL, SignInUnderTest, key_for, merged, rsa_key


def b64(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def forged(sign_in: SignInUnderTest, header: dict | None = None, key: object = None, **claims: object) -> str:
    """Give a token that our own key signed, but for what the test changes."""
    ring = sign_in.ring()
    now = int(time.time())
    me = sign_in.modern.client_id
    ours = {"iss": URL, "sub": me, "aud": f"{URL}/graphql", "exp": now + 200, "iat": now, "jti": "forged"}
    ours |= {"client_id": me, "scope": "activity:read", "tenant": "R1A", "tenant_kind": "TRUST"}
    head = merged({"alg": "ES256", "typ": "at+jwt", "kid": next(iter(ring.current)).kid}, header or {})
    payload = json.dumps(merged(ours, claims))
    return jws.serialize_compact(head, payload, key or ring.current, [head["alg"]])


def refused(sign_in: SignInUnderTest, token: str, code: str = "invalid_token") -> None:
    with pytest.raises(Unauthenticated) as caught:
        sign_in.run(sign_in.verifier.verify(token))
    assert caught.value.code == code
    assert caught.value.description


def test_an_unchanged_forgery_would_pass(sign_in: SignInUnderTest) -> None:
    assert sign_in.verify(forged(sign_in))


@pytest.mark.parametrize(
    "alg",
    [
        "none",
        "None",
        "NONE",
        "nOnE",
        "",
        "HS256",
        "HS384",
        "HS512",
        "RS256",
        "RS512",
        "PS256",
        "EdDSA",
        None,
        0,
    ],
)
def test_an_algorithm_off_the_list_is_refused(sign_in: SignInUnderTest, alg: object) -> None:
    _, claims, signature = forged(sign_in).split(".")
    current = next(iter(sign_in.ring().current))
    header = b64({"alg": alg, "typ": "at+jwt", "kid": current.kid})
    secret = current.as_pem(private=False)
    for signed in (b64(hmac.digest(secret, f"{header}.{claims}".encode(), hashlib.sha256)), "", signature):
        refused(sign_in, f"{header}.{claims}.{signed}")


@pytest.mark.parametrize(
    "header",
    [
        *({"typ": typ} for typ in (ABSENT, "JWT", "jwt", "AT+JWT ", "id_token", "", "logout+jwt")),
        *({"kid": kid} for kid in (ABSENT, "", "../../dev/null", "' OR 1=1 --", "a\x00b", "x" * 300)),
    ],
)
def test_a_header_that_is_not_ours_is_refused(sign_in: SignInUnderTest, header: dict) -> None:
    key = next(iter(sign_in.ring().current))
    refused(sign_in, forged(sign_in, header, key))


@pytest.mark.parametrize("kid", [["a"], {"a": 1}, 7, True, None, "\ud800"])
def test_a_kid_that_is_no_text_is_refused(sign_in: SignInUnderTest, kid: object) -> None:
    _, claims, signature = forged(sign_in).split(".")
    refused(sign_in, f"{b64({'alg': 'ES256', 'typ': 'at+jwt', 'kid': kid})}.{claims}.{signature}")


@pytest.mark.parametrize("member", ["jwk", "jku", "x5u", "x5c"])
def test_a_key_in_the_header_is_never_used(sign_in: SignInUnderTest, member: str) -> None:
    mine = key_for("ES256")
    values = {"jwk": mine.as_dict(private=False), "x5c": [b64(mine.as_der(private=False))]}
    header = {member: values.get(member, "http://127.0.0.1:9/jwks.json")}
    refused(sign_in, forged(sign_in, header, mine))
    refused(sign_in, forged(sign_in, header | {"kid": mine.kid}, mine))


def test_a_key_of_a_client_signs_no_access_token(sign_in: SignInUnderTest) -> None:
    refused(sign_in, forged(sign_in, {"kid": sign_in.modern.key.kid}, sign_in.modern.key))
    refused(sign_in, forged(sign_in, {"kid": rsa_key().kid, "alg": "RS512"}, rsa_key()))


@pytest.mark.parametrize(
    "claims",
    [
        *({"iss": iss} for iss in (ABSENT, f"{URL}/", URL.upper(), "https://evil.example", [URL], None, 7)),
        *({"aud": aud} for aud in (ABSENT, URL, TOKEN_URL, f"{URL}/graphql/", f"{URL}/GRAPHQL", None, 7)),
        *({"aud": aud} for aud in ([f"{URL}/graphql"], [f"{URL}/graphql", "x"], [], {"a": 1})),
    ],
)
def test_a_token_for_or_of_somebody_else_is_refused(sign_in: SignInUnderTest, claims: dict) -> None:
    refused(sign_in, forged(sign_in, **claims))


@pytest.mark.parametrize(
    "claims",
    [
        *({"exp": exp} for exp in (ABSENT, None, NOW - 31, 0, -1, str(NOW + 200), True, NOW + 200.5, [])),
        *({"exp": exp} for exp in (10**30, -(10**30), NOW + 10 * 365 * 86400, NOW + 3600, 1e400)),
        *({"iat": iat} for iat in (ABSENT, None, NOW + 600, str(NOW), True, NOW + 0.5, 10**30, 0, [])),
        *({"nbf": nbf} for nbf in (None, NOW + 600, str(NOW), True, NOW + 0.5, 10**30)),
    ],
)
def test_a_time_that_is_wrong_is_refused(sign_in: SignInUnderTest, claims: dict) -> None:
    refused(sign_in, forged(sign_in, **as_of_now(claims)))


def test_thirty_seconds_of_grace(sign_in: SignInUnderTest) -> None:
    now = int(time.time())
    for claims in ({"exp": now - 20, "iat": now - 100}, {"iat": now + 20}, {"nbf": now + 20}):
        assert sign_in.verify(forged(sign_in, **claims))
    refused(sign_in, forged(sign_in, exp=now - 40, iat=now - 100))


@pytest.mark.parametrize(
    "claims",
    [
        *({"sub": sub} for sub in (ABSENT, None, "somebody", ["a"], 7)),
        *({"client_id": me, "sub": me} for me in ("a\x00b", "\ud800bc", "' OR 1=1", "ab", "x" * 81, "", ["a"])),
        *({"jti": jti} for jti in (ABSENT, None, "", 7, ["a"])),
        *({"scope": scope} for scope in (ABSENT, None, ["activity:read"], {"activity:read": True}, 7)),
        *({"tenant": tenant} for tenant in (ABSENT, None, "", "r1a", "R1A\n", "R1A' --", "R\x001A", ["R1A"], 7)),
        *({"tenant_kind": kind} for kind in (ABSENT, None, "", "trust", "OPERATOR", "app_national", ["TRUST"])),
    ],
)
def test_a_token_that_lacks_what_ours_have_is_refused(sign_in: SignInUnderTest, claims: dict) -> None:
    refused(sign_in, forged(sign_in, **claims))


def test_scopes_that_are_unknown_or_not_of_this_kind_grant_nothing(sign_in: SignInUnderTest) -> None:
    wide = "activity:read build:register milestone:publish no:such * TEST:REPORT activity:read"
    caller = sign_in.verify(forged(sign_in, scope=wide))
    assert caller
    assert caller.scopes == {Scope.ACTIVITY_READ}
    nothing = sign_in.verify(forged(sign_in, scope=""))
    assert nothing
    assert nothing.scopes == frozenset()


@pytest.mark.parametrize(
    "token",
    [
        *(
            ".",
            "..",
            "a.b.c",
            "é.é.é",
            "\ud800",
            "a\x00.b.c",
            "Bearer a.b.c",
            "a.b.c\n",
            "x" * 100_000,
            "a" * 4096,
        ),
        f"{b64(b'[' * 2000)}.{b64({})}.AA",
        f"{b64({'alg': 'ES256'})}.{b64([])}.AA",
        f"{b64([])}.{b64({})}.AA",
    ],
)
def test_what_is_no_token_is_refused(sign_in: SignInUnderTest, token: str) -> None:
    refused(sign_in, token)


def test_no_token_is_an_invalid_request(sign_in: SignInUnderTest) -> None:
    refused(sign_in, "", "invalid_request")


def test_an_assertion_is_no_access_token(sign_in: SignInUnderTest) -> None:
    for client in (sign_in.nhs, sign_in.modern):
        refused(sign_in, sign_in.assertion(client))
        refused(sign_in, sign_in.assertion(client, aud=f"{URL}/graphql", header={"typ": "at+jwt"}))


def test_a_changed_token_is_refused_though_the_first_is_remembered(sign_in: SignInUnderTest) -> None:
    token = sign_in.token()
    assert sign_in.verify(token)
    header, claims, signature = token.split(".")
    other = sign_in.token().split(".")
    refused(sign_in, f"{header}.{other[1]}.{signature}")
    refused(sign_in, f"{header}.{claims}.{other[2]}")
    assert sign_in.verify(token)


def test_a_remembered_token_ends_when_it_expires(sign_in: SignInUnderTest, monkeypatch) -> None:
    token = sign_in.token()
    assert sign_in.verify(token)
    real = time.time
    monkeypatch.setattr("auth.tokens.verifier.time.time", lambda: real() + 331)
    refused(sign_in, token)


def test_the_memory_is_bounded(sign_in: SignInUnderTest, monkeypatch) -> None:
    monkeypatch.setattr("auth.tokens.verifier.REMEMBERED", 3)
    tokens = [forged(sign_in, jti=f"forged-{number}") for number in range(5)]
    assert all(sign_in.verify(token) for token in tokens)
    assert len(sign_in.verifier._believed) == 3


def test_a_published_key_verifies_and_holds_no_secret(sign_in: SignInUnderTest) -> None:
    published = sign_in.run(sign_in.http.get("/oauth2/jwks")).json()
    assert all({"d", "k"}.isdisjoint(key) for key in published["keys"])
    jws.deserialize_compact(sign_in.token(), KeySet.import_key_set(published), algorithms=["ES256"])
