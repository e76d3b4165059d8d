"""Who listens is let in as whoever asks, stays while the token is good, and is shown out within 5 s."""

import asyncio
import datetime as dt
import time
from typing import Any

import pytest
from sqlalchemy import insert

from api.stream import door
from auth.caller import SignIn
from auth.tables import RevokedToken
from auth.tokens.access_token import new_token_id
from auth.tokens.standing import SignInUnavailable
from auth.tokens.verifier import Verifier
from tests.stage import Stage
from tests.stream.listening import VIEWER, Api, Client
from tests.stream.test_events import source
from tests.stream.test_socket import run

WITHIN = 5.0  # seconds


async def shown_out(client: Client, since: float) -> int:
    """Give the code of a connection that is closed in time."""
    code = await client.closed()
    assert time.monotonic() - since < WITHIN
    return code


def test_who_listens_stays_until_the_token_expires(stage: Stage) -> None:
    async def story(api: Api) -> None:
        now = int(time.time())
        short = await api.token("R1A", issued_at=now - 590, expires_at=now + 2)
        expires = time.monotonic() + (now + 2 - time.time())
        async with api.client(token=short) as client, api.client("R1A") as other:
            for each in (client, other):
                await each.subscribe()
                await each.settled()
            assert await shown_out(client, expires) == 4403
            assert time.monotonic() >= expires
            await other.settled()

    run(stage, story)


def test_an_event_source_says_that_the_token_is_over_and_does_not_complete(stage: Stage) -> None:
    async def story(api: Api) -> None:
        now = int(time.time())
        short = await api.token("R1A", issued_at=now - 590, expires_at=now + 2)
        async with source(api, "R1A", Authorization=f"Bearer {short}") as own:
            _, body = await own.event()
            assert body["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
            with pytest.raises(StopAsyncIteration):
                await own.block()

    run(stage, story)


def test_a_revoked_token_is_shown_out_of_every_replica(stage: Stage) -> None:
    async def both() -> None:
        async with Api.serving(stage.url) as api, Api.serving(stage.url) as other:
            token_id = new_token_id()
            token = await api.token("R1A", token_id=token_id)
            async with (
                api.client(token=token) as here,
                other.client(token=token) as there,
                api.client("R1A") as another,
                source(api, "R1A", Authorization=f"Bearer {token}") as events,
            ):
                for client in (here, there, another):
                    await client.subscribe()
                    await client.settled()
                await revoke(api, token_id)
                since = time.monotonic()
                codes = await asyncio.gather(shown_out(here, since), shown_out(there, since))
                assert codes == [4403, 4403]
                assert (await events.event())[1]["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
                await another.settled()

    asyncio.run(both())


async def revoke(api: Api, token_id: str) -> None:
    """Note that a token is revoked, as its endpoint does."""
    until = dt.datetime.now(dt.UTC) + dt.timedelta(minutes=11)
    stated = insert(RevokedToken).values(jti=token_id, client_id="r1a-client", expires_at=until)
    async with api.database.change(SignIn(), "test") as db:
        await db.write(stated)


def test_where_nobody_knows_what_is_revoked_nobody_listens(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(api: Api) -> None:
        async with api.client("R1A") as client, source(api, "R1A") as events:
            await client.subscribe()
            await client.settled()

            async def unknown(*_: Any) -> Any:
                raise SignInUnavailable

            monkeypatch.setattr(Verifier, "over", unknown)
            assert await shown_out(client, time.monotonic()) == 1013
            error = (await events.event())[1]["errors"][0]["extensions"]
            assert (error["code"], error["retryable"]) == ("DATABASE_UNAVAILABLE", True)

    run(stage, story)


def test_a_process_has_room_for_so_many(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "MOST", 2)

    async def story(api: Api) -> None:
        async with api.client("R1A") as first, source(api, "R1A") as second:
            assert second.answer.status_code == 200
            async with api.met() as third:
                assert await third.closed() == 1013
            async with source(api, "R1A") as fourth:
                assert (fourth.answer.status_code, fourth.answer.headers["retry-after"]) == (503, "5")
            await first.subscribe(VIEWER)
            assert (await first.hear())["type"] == "next"
            assert (await api.post("R1A", VIEWER))["viewer"]  # who asks is answered all the same

    run(stage, story)
