"""A token that was revoked stops on every replica; a database that is away lets nobody in."""

import asyncio
import socket
import time
from collections.abc import Iterator

import pytest

from auth.caller import Operator
from auth.forgetting import forget_expired
from auth.tenancy import Database
from auth.tokens.standing import SignInUnavailable, Standing, Watch
from auth.tokens.verifier import Verifier
from tests.sign_in_support import RFC7523, SignInUnderTest


@pytest.fixture
def replicas(sign_in: SignInUnderTest) -> Iterator[list[Verifier]]:
    """Have two verifiers with pools of their own, as two replicas have."""
    databases = [Database(sign_in.url) for _ in range(2)]
    yield [Verifier(sign_in.issuer, database) for database in databases]
    for database in databases:
        sign_in.run(database.close())


def stops(sign_in: SignInUnderTest, token: str, replicas: list[Verifier]) -> float:
    """Give the seconds until no replica lets the token in."""
    began = time.monotonic()
    while any(sign_in.verify(token, replica) for replica in replicas):
        assert time.monotonic() - began < 5
        time.sleep(0.05)
    return time.monotonic() - began


def test_a_revoked_token_stops_within_5_seconds_everywhere(sign_in: SignInUnderTest, replicas: list[Verifier]) -> None:
    token, kept = sign_in.token(), sign_in.token()
    assert all(sign_in.verify(token, replica) for replica in replicas)
    answer = sign_in.ask(sign_in.modern, "/oauth2/revoke", token=token)
    assert (answer.status_code, answer.json()) == (200, {})
    assert stops(sign_in, token, replicas) < 5
    assert all(sign_in.verify(kept, replica) for replica in replicas)
    again = sign_in.ask(sign_in.modern, "/oauth2/revoke", token=token)
    assert (again.status_code, again.json()) == (200, {})


def test_a_revoked_client_stops_within_5_seconds_everywhere(sign_in: SignInUnderTest, replicas: list[Verifier]) -> None:
    gone = sign_in.register(RFC7523)
    token = sign_in.token(gone)
    assert all(sign_in.verify(token, replica) for replica in replicas)
    sign_in.revoke_client(gone.client_id)
    assert stops(sign_in, token, replicas) < 5
    assert sign_in.ask(sign_in.modern, "/oauth2/introspect", token=token).json() == {"active": False}


def test_only_its_own_organisation_revokes_or_sees_a_token(sign_in: SignInUnderTest) -> None:
    stranger, colleague = sign_in.register(RFC7523, "RYG"), sign_in.register(RFC7523, "R1A")
    token = sign_in.token()
    for foreign in (token, "no token", f"{token}x", sign_in.assertion(sign_in.modern)):
        assert sign_in.ask(stranger, "/oauth2/introspect", token=foreign).json() == {"active": False}
        answer = sign_in.ask(stranger, "/oauth2/revoke", token=foreign)
        assert (answer.status_code, answer.json()) == (200, {})
    seen = sign_in.ask(colleague, "/oauth2/introspect", token=token, token_type_hint="access_token").json()
    assert seen["active"] is True
    assert (seen["client_id"], seen["tenant"], seen["token_type"]) == (
        sign_in.modern.client_id,
        "R1A",
        "Bearer",
    )
    assert seen["scope"] == "activity:read test:report"
    assert sign_in.ask(colleague, "/oauth2/revoke", token=token, token_type_hint="unheard").json() == {}
    assert sign_in.ask(sign_in.modern, "/oauth2/introspect", token=token).json() == {"active": False}


@pytest.mark.parametrize("path", ["/oauth2/revoke", "/oauth2/introspect"])
def test_the_endpoints_want_a_proven_client_and_a_token(sign_in: SignInUnderTest, path: str) -> None:
    missing = sign_in.ask(sign_in.modern, path)
    assert (missing.status_code, missing.json()["error_description"]) == (400, "token is missing")
    assert sign_in.post({"token": sign_in.token()}, path).status_code == 400
    assertion = sign_in.assertion(sign_in.modern)
    assert sign_in.post(sign_in.form(assertion, token="x"), path).status_code == 200
    again = sign_in.post(sign_in.form(assertion, token="x"), path)
    assert again.json()["error_description"] == "Non-unique 'jti' claim in JWT"


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Tell the time."""
        return self.now


def test_when_the_database_is_away_nobody_is_let_in_after_5_seconds(sign_in: SignInUnderTest, monkeypatch) -> None:
    clock = Clock()
    watch = Watch(sign_in.database, clock)
    first = sign_in.run(watch.look())
    monkeypatch.setattr(watch, "_database", Database("postgresql://reinstate_app@127.0.0.1:9/none"))
    clock.now += 4.5
    assert sign_in.run(watch.look()) is first
    clock.now += 1
    with pytest.raises(SignInUnavailable):
        sign_in.run(watch.look())
    monkeypatch.setattr(watch, "_database", sign_in.database)
    clock.now += 1
    assert sign_in.run(watch.look()).read_at == clock.now


def test_a_database_that_was_never_there_lets_nobody_in(sign_in: SignInUnderTest) -> None:
    verifier = Verifier(sign_in.issuer, Database("postgresql://reinstate_app@127.0.0.1:9/none"))
    with pytest.raises(SignInUnavailable):
        sign_in.run(verifier.verify(sign_in.token()))


def test_a_database_that_hangs_lets_nobody_in_and_keeps_nobody_waiting(sign_in: SignInUnderTest) -> None:
    async def ask_ten(port: int) -> None:
        database = Database(f"postgresql://reinstate_app@127.0.0.1:{port}/none")
        watch = Watch(database)
        refused = await asyncio.gather(*(watch.look() for _ in range(10)), return_exceptions=True)
        assert {type(each) for each in refused} == {SignInUnavailable}
        await database.close()

    began = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        sign_in.run(ask_ten(silent.getsockname()[1]))
    assert time.monotonic() - began < 3


def test_a_hundred_askers_ask_the_database_once(sign_in: SignInUnderTest, monkeypatch) -> None:
    asked = []
    original = Database.transaction

    def counted(self, *args, **kwargs):
        asked.append(args)
        return original(self, *args, **kwargs)

    monkeypatch.setattr(Database, "transaction", counted)
    watch = Watch(sign_in.database)

    async def at_once() -> list[Standing]:
        return await asyncio.gather(*(watch.look() for _ in range(100)))

    assert len(set(map(id, sign_in.run(at_once())))) == 1
    assert len(asked) == 1


def test_what_expired_is_forgotten(sign_in: SignInUnderTest) -> None:
    sign_in.token()

    async def work() -> None:
        async with sign_in.database.change(Operator("Y60"), "sign-in.forget") as db:
            await forget_expired(db)

    sign_in.run(work())
    assert sign_in.token()
