"""The keys of an issuer are fetched from the address we were told, and nobody can make more of that."""

import asyncio
import gzip
import threading
from collections.abc import Iterator

import pytest
from joserfc.jwk import ECKey, OctKey, OKPKey

from auth.federation import outside
from auth.federation.keys import COOL_DOWN, FRESH, MOST_KEYS, STALE, IssuerKeys, read_keys
from auth.federation.outside import Outside, Reach, UnreachableError
from tests.people.answering import Answering, answering, public
from tests.sign_in_support import rsa_key

HERE = Outside(Reach(here=True))


@pytest.fixture
def server() -> Iterator[Answering]:
    """A server that does what a test tells it to."""
    with answering() as found:
        yield found


class Clock:
    """A clock that stands until it is moved."""

    now = 1_000_000.0

    def __call__(self) -> float:
        """Tell the time."""
        return self.now


def ec_key() -> ECKey:
    return ECKey.generate_key("P-256", auto_kid=True)


def refused(url: str, why: str) -> None:
    with pytest.raises(UnreachableError, match=why):
        asyncio.run(HERE.get(url))


def test_keys_are_fetched_once_and_uncompressed(server: Answering, monkeypatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    key, rsa, ed = ec_key(), rsa_key(), OKPKey.generate_key("Ed25519", auto_kid=True)
    url = server.says("/jwks", public(key, rsa, ed))
    keys = IssuerKeys(HERE)

    async def work() -> None:
        for each, alg in ((key, "ES256"), (rsa, "RS256"), (rsa, "PS256"), (rsa, "RS512"), (ed, "Ed25519")):
            (found,) = await keys.find(url, each.kid, alg)
            assert found.thumbprint() == each.thumbprint()
        assert await keys.find(url, key.kid, "RS256") == []
        assert await keys.find(url, key.kid, "HS256") == []

    asyncio.run(work())
    assert server.asked == ["/jwks"]
    assert server.headers["accept-encoding"] == "identity"
    assert {"cookie", "authorization"}.isdisjoint(server.headers)


def test_a_huge_answer_is_read_no_further_than_its_bound(server: Answering) -> None:
    sent, stopped = 0, threading.Event()

    def pour(handler, _: bytes) -> None:
        nonlocal sent
        handler.send_response(200)
        handler.end_headers()
        try:
            while sent < 500_000_000:
                handler.wfile.write(b" " * 65_536)
                sent += 65_536
        finally:
            stopped.set()

    refused(server.does("/jwks", pour), "larger than 262144")
    assert stopped.wait(10)
    assert sent < 100_000_000


def test_an_answer_that_drips_is_not_waited_for(server: Answering, monkeypatch) -> None:
    monkeypatch.setattr(outside, "SECONDS", 0.3)
    over = threading.Event()

    def drip(handler, _: bytes) -> None:
        handler.send_response(200)
        handler.end_headers()
        while not over.wait(0.05):  # each drop comes well within any wait for the next
            handler.wfile.write(b" ")

    refused(server.does("/jwks", drip), "longer than")
    refused(server.does("/silent", lambda *_: over.wait(20) and None), "longer than")
    over.set()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(server: Answering, status: int) -> None:
    elsewhere = server.says("/elsewhere", public(ec_key()))
    refused(server.says("/jwks", b"", status, location=elsewhere), f"answers {status}")
    assert server.asked == ["/jwks"]


def test_what_is_compressed_is_not_unpacked(server: Answering) -> None:
    bomb = gzip.compress(b" " * 50_000_000)
    for encoding in ("gzip", "deflate", "br", "gzip, gzip"):
        refused(server.says("/jwks", bomb, content_encoding=encoding), "compressed")


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"\xff\xfe{", b'{"keys":', b"[" * 200_000, b"9" * 10_000],
)
def test_what_is_no_json_is_refused(server: Answering, body: bytes) -> None:
    refused(server.says("/jwks", body), "no JSON")


@pytest.mark.parametrize("status", [201, 204, 400, 404, 500])
def test_another_status_is_refused(server: Answering, status: int) -> None:
    refused(server.says("/jwks", b"" if status == 204 else b"{}", status), f"answers {status}")


@pytest.mark.parametrize("jwks", [None, 7, [], {}, {"keys": None}, {"keys": {}}, {"keys": [7]}, {"keys": ["a"]}])
def test_what_is_no_key_set_is_refused(jwks: object) -> None:
    with pytest.raises(UnreachableError, match="no JWK set"):
        read_keys(jwks)


def test_more_keys_than_anybody_needs_are_refused() -> None:
    key = public(ec_key())["keys"][0]
    assert len(read_keys({"keys": [{**key, "kid": str(number)} for number in range(MOST_KEYS)]})) == MOST_KEYS
    with pytest.raises(UnreachableError, match="at most 50"):
        read_keys({"keys": [{**key, "kid": str(number)} for number in range(MOST_KEYS + 1)]})


@pytest.mark.parametrize(
    "secret",
    [
        ec_key(),
        OKPKey.generate_key("Ed25519", auto_kid=True),
        rsa_key(),
        OctKey.import_key(b"shared" * 10, {"kid": "shared"}),
    ],
)
def test_a_secret_among_the_keys_spoils_them_all(secret) -> None:
    told = {**secret.as_dict(private=True), "kid": secret.kid}
    with pytest.raises(UnreachableError, match="private or a shared"):
        read_keys({"keys": [*public(ec_key())["keys"], told]})


def test_keys_we_do_not_verify_by_are_left_out() -> None:
    good = ec_key()
    (plain,) = public(good)["keys"]
    (rsa,) = public(rsa_key())["keys"]
    others = [
        *({**rsa, "n": n} for n in ("AQAB", rsa["n"][:172], rsa["n"] * 5, "", None, 7, "!")),
        *public(ECKey.generate_key("P-384"), ECKey.generate_key("secp256k1"), kid="curve")["keys"],
        *public(OKPKey.generate_key("X25519"), OKPKey.generate_key("Ed448"), kid="okp")["keys"],
        *({**plain, "kid": kid} for kid in ("", None, 7, ["a"], "x" * 301)),
        *({**plain, "kid": "other", **changed} for changed in ({"use": "enc"}, {"key_ops": ["sign"]}, {"key_ops": 7})),
        *({**plain, "kid": "kind", "kty": kind} for kind in ("RSA", "oct", "EVIL", None, ["EC"])),
        {**plain, "kid": "point", "x": "AAAA"},
        {**plain, "kid": "text", "y": 7},
    ]
    found = read_keys({"keys": [*others, {**plain, "alg": "ES256", "use": "sig"}]})
    assert list(found) == [good.kid]
    assert found[good.kid][0].fits("ES256")
    assert not read_keys(public(good, alg="ES512"))[good.kid][0].fits("ES256")


def test_made_up_keys_do_not_make_us_ask_again_and_again(server: Answering) -> None:
    key, clock = ec_key(), Clock()
    url = server.says("/jwks", public(key))
    keys = IssuerKeys(HERE, clock)

    async def flood() -> None:
        found = await asyncio.gather(*(keys.find(url, f"made-up-{number}", "ES256") for number in range(500)))
        assert not any(found)
        assert await keys.find(url, key.kid, "ES256")

    async def work() -> None:
        await flood()
        assert len(server.asked) == 1
        clock.now += COOL_DOWN - 1
        await flood()
        assert len(server.asked) == 1
        clock.now += 1
        await flood()
        assert len(server.asked) == 2

    asyncio.run(work())


def test_a_new_key_is_found_and_an_old_one_is_forgotten(server: Answering) -> None:
    old, new, clock = ec_key(), ec_key(), Clock()
    url = server.says("/jwks", public(old))
    keys = IssuerKeys(HERE, clock)

    async def work() -> None:
        assert await keys.find(url, old.kid, "ES256")
        server.says("/jwks", public(new))
        assert await keys.find(url, new.kid, "ES256") == []
        clock.now += COOL_DOWN
        assert await keys.find(url, new.kid, "ES256")
        assert await keys.find(url, old.kid, "ES256") == []

    asyncio.run(work())


def test_a_dropped_key_verifies_for_ten_minutes_at_most(server: Answering) -> None:
    old, clock = ec_key(), Clock()
    url = server.says("/jwks", public(old))
    keys = IssuerKeys(HERE, clock)

    async def work() -> None:
        assert await keys.find(url, old.kid, "ES256")
        server.says("/jwks", public(ec_key()))
        clock.now += FRESH - 1
        assert await keys.find(url, old.kid, "ES256")
        clock.now += 1
        assert await keys.find(url, old.kid, "ES256") == []

    asyncio.run(work())


def test_an_issuer_that_is_down_is_believed_by_its_old_keys_for_a_day(server: Answering) -> None:
    key, clock = ec_key(), Clock()
    url = server.says("/jwks", public(key))
    keys = IssuerKeys(HERE, clock)

    async def work() -> None:
        assert await keys.find(url, key.kid, "ES256")
        server.says("/jwks", b"", 503)
        clock.now += STALE
        assert all(await asyncio.gather(*(keys.find(url, key.kid, "ES256") for _ in range(100))))
        assert len(server.asked) == 2
        clock.now += 1
        assert await keys.find(url, key.kid, "ES256") == []
        clock.now += COOL_DOWN
        server.says("/jwks", public(key))
        assert await keys.find(url, key.kid, "ES256")

    asyncio.run(work())


def test_an_issuer_that_never_answered_is_asked_once_in_a_cool_down(server: Answering) -> None:
    clock = Clock()
    keys = IssuerKeys(HERE, clock)
    url = server.says("/jwks", b"", 500)

    async def work() -> None:
        for _ in range(3):
            assert await asyncio.gather(*(keys.find(url, "a", "ES256") for _ in range(20))) == [[]] * 20
        clock.now += COOL_DOWN
        await keys.find(url, "a", "ES256")

    asyncio.run(work())
    assert len(server.asked) == 2
