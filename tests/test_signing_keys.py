"""The keys that sign tokens: made once, encrypted, rotated without a token lost."""

import asyncio
import secrets

import asyncpg
import pytest
from sqlalchemy import delete
from sqlalchemy.engine import make_url

from auth.caller import Operator, SignIn
from auth.signing import Ring, SigningKeyUnreadableError, ensure_keys, rotate
from auth.tables import SigningKey
from auth.tenancy import Database
from auth.tokens.issuer import Issuer
from auth.tokens.verifier import Verifier
from tests.sign_in_support import URL, SignInUnderTest


def test_replicas_that_race_make_one_set(sign_in: SignInUnderTest) -> None:
    async def replica() -> Ring:
        database = Database(sign_in.url)
        try:
            async with database.change(SignIn(), "race") as db:
                return await ensure_keys(db, sign_in.issuer)
        finally:
            await database.close()

    async def race() -> list[Ring]:
        async with sign_in.database.change(Operator(tenant_ods="R1A"), "empty") as db:
            await db.write(delete(SigningKey))
        return await asyncio.gather(*(replica() for _ in range(6)))

    rings = sign_in.run(race())
    assert len({tuple(sorted(ring.public)) for ring in rings}) == 1
    assert len({next(iter(ring.current)).kid for ring in rings}) == 1
    assert len(rings[0].public) == 2


def test_a_database_alone_gives_no_key_away(cluster, sign_in: SignInUnderTest) -> None:
    secret = next(iter(sign_in.ring().current)).as_dict(private=True)["d"]

    async def everything() -> str:
        connection = await asyncpg.connect(cluster.admin_url, database=make_url(sign_in.url).database)
        try:
            return str(await connection.fetch("select to_jsonb(s) from signing_key s"))
        finally:
            await connection.close()

    kept = sign_in.run(everything())
    assert "private_jwe" in kept
    assert str(secret) not in kept


def test_another_key_file_is_said_plainly(sign_in: SignInUnderTest) -> None:
    sign_in.ring()
    other = Issuer(URL, secrets.token_bytes(32))

    async def work() -> None:
        async with sign_in.database.transaction(SignIn(), "test") as db:
            await ensure_keys(db, other)

    with pytest.raises(SigningKeyUnreadableError, match="key file"):
        sign_in.run(work())


def test_a_token_outlives_one_rotation_and_not_two(sign_in: SignInUnderTest) -> None:
    async def turn() -> None:
        async with sign_in.database.change(Operator(tenant_ods="R1A"), "keys rotate") as db:
            assert isinstance(await rotate(db, sign_in.issuer), Ring)

    def kids() -> set[str]:
        return {key["kid"] for key in sign_in.run(sign_in.http.get("/oauth2/jwks")).json()["keys"]}

    def fresh() -> Verifier:
        return Verifier(sign_in.issuer, sign_in.database)

    before, old = kids(), sign_in.token()
    assert sign_in.verify(old)
    sign_in.run(turn())
    assert before < kids()
    assert len(kids()) == 3
    new = sign_in.token()
    assert sign_in.verify(new)
    assert sign_in.verify(old, fresh())
    assert next(iter(sign_in.ring().current)).kid in before
    sign_in.run(turn())
    assert len(kids()) == 3
    assert sign_in.verify(new, fresh())
    assert not sign_in.verify(old, fresh())


def test_sign_in_itself_changes_no_key(sign_in: SignInUnderTest) -> None:
    sign_in.ring()

    async def as_sign_in() -> None:
        async with sign_in.database.change(SignIn(), "keys rotate") as db:
            await db.write(delete(SigningKey))

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        sign_in.run(as_sign_in())


@pytest.mark.parametrize("key", [b"", b"short", b"x" * 33])
def test_a_key_of_another_length_is_refused(key: bytes) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Issuer(URL, key)


def test_the_secret_is_not_in_the_issuers_repr() -> None:
    assert "kkk" not in repr(Issuer(URL, b"k" * 32))
