"""A machine client signs in: the NHS way and the standard way, and uses what it gets."""

import time
import uuid

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from auth import clients
from auth.ask import TokenRefused, ask_token
from auth.caller import Operator
from auth.clients import RegisterClient
from auth.key_file import KeyFileError, read_key_file, write_key_file
from auth.public_keys import public_set, read_public_jwks
from auth.scope import Scope
from auth.tokens.issuer import Issuer
from schema.organisation import OrganisationKind
from schema.problem import AlreadyDecided, AlreadyRegistered, NotFound, ValidationFailed
from tests.sign_in_support import ABSENT, NHS, RFC7523, TOKEN_URL, URL, SignInUnderTest, key_for, rsa_key


def test_a_client_written_from_the_nhs_description_gets_a_token_and_uses_it(
    sign_in: SignInUnderTest,
) -> None:
    me = sign_in.nhs.client_id
    claims = {"sub": me, "iss": me, "jti": str(uuid.uuid4()), "aud": TOKEN_URL, "exp": int(time.time()) + 300}
    header = {"alg": "RS512", "typ": "JWT", "kid": str(rsa_key().kid)}
    assertion = jwt.encode(header, claims, rsa_key(), algorithms=["RS512"])
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": assertion,
    }
    answer = sign_in.run(sign_in.http.post("/oauth2/token", data=form))
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 599)
    caller = sign_in.verify(body["access_token"])
    assert caller
    assert (caller.tenant_ods, caller.kind, caller.subject) == ("R1A", OrganisationKind.TRUST, me)
    assert caller.scopes == {Scope.ACTIVITY_READ, Scope.TEST_REPORT}
    assert abs(caller.expires_at - time.time() - 599) < 5


def test_the_access_token_is_as_rfc_9068_says(sign_in: SignInUnderTest) -> None:
    published = sign_in.run(sign_in.http.get("/oauth2/jwks")).json()
    token = jwt.decode(sign_in.token(), KeySet.import_key_set(published), algorithms=["ES256"])
    assert (token.header["typ"], token.header["alg"]) == ("at+jwt", "ES256")
    assert token.header["kid"] in {key["kid"] for key in published["keys"]}
    assert sorted(token.claims) == [
        *("aud", "client_id", "exp", "iat", "iss", "jti", "scope", "sub", "tenant", "tenant_kind")
    ]
    assert token.claims["exp"] - token.claims["iat"] == 300
    assert (token.claims["iss"], token.claims["aud"]) == (URL, f"{URL}/graphql")
    assert (token.claims["tenant"], token.claims["tenant_kind"]) == ("R1A", "TRUST")


@pytest.mark.parametrize("alg", ["ES256", "PS256", "RS512", "Ed25519"])
@pytest.mark.parametrize("audience", [TOKEN_URL, URL])
def test_a_standard_client_may_use_four_algorithms_and_either_audience(
    sign_in: SignInUnderTest, alg: str, audience: str
) -> None:
    me = sign_in.register(RFC7523, key=key_for(alg))
    assertion = sign_in.assertion(me, header={"alg": alg, "typ": ABSENT}, aud=audience)
    assert sign_in.post(sign_in.form(assertion, client_id=me.client_id)).status_code == 200


def test_a_client_may_ask_for_less_and_not_for_more(sign_in: SignInUnderTest) -> None:
    narrowed = sign_in.ask(sign_in.modern, scope="test:report")
    assert narrowed.json()["scope"] == "test:report"
    assert sign_in.ask(sign_in.modern).json()["scope"] == "activity:read test:report"
    for wanted in ("build:register", "progress:read", "no:such", "test:report no:such", "*", "TEST:REPORT"):
        refused = sign_in.ask(sign_in.modern, scope=wanted)
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_scope")


def test_a_refused_scope_uses_the_assertion_up(sign_in: SignInUnderTest) -> None:
    assertion = sign_in.assertion(sign_in.modern)
    assert sign_in.post(sign_in.form(assertion, scope="no:such")).json()["error"] == "invalid_scope"
    again = sign_in.post(sign_in.form(assertion))
    assert again.json()["error_description"] == "Non-unique 'jti' claim in JWT"


def test_the_server_describes_itself(sign_in: SignInUnderTest) -> None:
    document = sign_in.run(sign_in.http.get("/.well-known/oauth-authorization-server")).json()
    assert (document["issuer"], document["token_endpoint"]) == (URL, TOKEN_URL)
    assert "client_credentials" in document["grant_types_supported"]
    assert "private_key_jwt" in document["token_endpoint_auth_methods_supported"]
    one, other = (sign_in.run(sign_in.http.get(path)) for path in ("/oauth2/jwks", "/.well-known/jwks.json"))
    assert one.json() == other.json()
    assert document["jwks_uri"] == f"{URL}/oauth2/jwks"
    assert len(one.json()["keys"]) == 2
    assert all("d" not in key and key["alg"] == "ES256" for key in one.json()["keys"])


def test_the_host_header_changes_nothing(sign_in: SignInUnderTest) -> None:
    evil = {"Host": "evil.example", "X-Forwarded-Host": "evil.example"}
    document = sign_in.run(sign_in.http.get("/.well-known/oauth-authorization-server", headers=evil)).json()
    assert "evil" not in str(document)


def test_a_key_file_signs_in(sign_in: SignInUnderTest, tmp_path) -> None:
    path = tmp_path / "trust.json"
    write_key_file(path, sign_in.modern)
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(KeyFileError, match="already"):
        write_key_file(path, sign_in.modern)
    answer = sign_in.run(ask_token(read_key_file(path), sign_in.http, "activity:read"))
    assert (answer.token_type, answer.expires_in, answer.scope) == ("Bearer", 300, "activity:read")
    assert sign_in.verify(answer.access_token)
    assert "private_key" not in repr(sign_in.modern)
    with pytest.raises(TokenRefused, match="not this client's"):
        sign_in.run(ask_token(sign_in.modern, sign_in.http, "build:register"))


@pytest.mark.parametrize(
    ("text", "why"),
    [("", "not JSON"), ("[]", "not a key file"), ("{}", "lacks client_id"), ('{"client_id": "x"}', "lacks")],
)
def test_what_is_no_key_file_is_said_plainly(tmp_path, text: str, why: str) -> None:
    path = tmp_path / "file.json"
    path.write_text(text)
    with pytest.raises(KeyFileError, match=why):
        read_key_file(path)


def test_a_key_file_that_is_not_there_or_holds_no_private_key(sign_in: SignInUnderTest, tmp_path) -> None:
    with pytest.raises(KeyFileError, match="cannot be read"):
        read_key_file(tmp_path / "none.json")
    public = sign_in.modern.model_copy(update={"private_key": {"kty": "EC"}})
    (tmp_path / "bad.json").write_text(public.model_dump_json())
    with pytest.raises(KeyFileError, match="not a JWK"):
        read_key_file(tmp_path / "bad.json")


@pytest.mark.parametrize("url", ["http://reinstate.example", "ftp://localhost", "https://a/", "https://a?b=c"])
def test_a_public_address_that_would_leak_tokens_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="public address"):
        Issuer(url, b"k" * 32)


def test_public_keys_are_read_from_a_file_or_refused_plainly(tmp_path) -> None:
    path = tmp_path / "keys.json"
    for text, why in (("", "not JSON"), ("[]", "not a JWK set"), ('{"keys": 1}', "not a JWK set")):
        path.write_text(text)
        with pytest.raises(KeyFileError, match=why):
            read_public_jwks(path)
    with pytest.raises(KeyFileError, match="cannot be read"):
        read_public_jwks(tmp_path / "none.json")
    path.write_text('{"keys": []}')
    assert read_public_jwks(path) == {"keys": []}


def registering(sign_in: SignInUnderTest, ods_code: str, **stated) -> object:
    async def work() -> object:
        async with sign_in.database.transaction(Operator(ods_code), "client.register") as db:
            return await clients.register(db, TOKEN_URL, RegisterClient(**stated))

    return sign_in.run(work())


@pytest.mark.parametrize(
    "stated",
    [
        {"scopes": ["build:register"]},
        {"scopes": ["no:such"]},
        {"scopes": []},
        {"scopes": ["test:report"], "client_id": "a b"},
        {"scopes": ["test:report"], "client_id": "abc\n"},
        {"scopes": ["test:report"], "public_jwks": {"keys": []}},
        {"scopes": ["test:report"], "public_jwks": {"keys": [rsa_key().as_dict(private=True)]}},
        {"scopes": ["test:report"], "public_jwks": public_set(key_for("ES256")), "profile": NHS},
        {"scopes": ["test:report"], "public_jwks": {"keys": [{"kty": "oct", "k": "AA", "kid": "k"}]}},
        {
            "scopes": ["test:report"],
            "public_jwks": {"keys": [{"kty": "RSA", "n": "AQ", "e": "AQAB", "kid": "k"}]},
        },
        {"scopes": ["test:report"], "public_jwks": {"keys": 2 * public_set(rsa_key())["keys"]}},
    ],
)
def test_a_registration_that_is_wrong_is_refused(sign_in: SignInUnderTest, stated) -> None:
    assert isinstance(registering(sign_in, "R1A", **stated), ValidationFailed)


def test_registering_twice_or_for_nobody_or_revoking_nothing(sign_in: SignInUnderTest) -> None:
    again = {"scopes": ["test:report"], "client_id": sign_in.nhs.client_id, "key": rsa_key()}
    assert isinstance(registering(sign_in, "R1A", **again), AlreadyRegistered)
    assert isinstance(registering(sign_in, "ZZZ", scopes=["test:report"]), NotFound)
    gone = sign_in.register()
    sign_in.revoke_client(gone.client_id)

    async def revoke(client_id: str) -> object:
        async with sign_in.database.transaction(Operator("Y60"), "client.revoke") as db:
            return await clients.revoke(db, client_id)

    assert isinstance(sign_in.run(revoke(gone.client_id)), AlreadyDecided)
    assert isinstance(sign_in.run(revoke("nobody")), NotFound)
    assert isinstance(sign_in.run(revoke("a\x00b")), NotFound)


def test_a_client_may_bring_its_own_public_keys(sign_in: SignInUnderTest) -> None:
    key = key_for("ES256")
    own = public_set(key)["keys"][0] | {"x5u": "https://evil.example", "use": "sig"}

    async def work() -> list[dict]:
        async with sign_in.database.change(Operator("R1A"), "client.register") as db:
            stated = RegisterClient(["test:report"], RFC7523, "own-keys", {"keys": [own]})
            found = await clients.register(db, TOKEN_URL, stated)
            assert found.key_file is None
            return [client.jwks for client in await clients.listed(db, "R1A") if client.client_id == "own-keys"]

    assert sign_in.run(work()) == [public_set(key)]
    me = sign_in.modern.model_copy(
        update={"client_id": "own-keys", "private_key": key.as_dict(private=True) | {"kid": key.kid}}
    )
    assert sign_in.token(me)
