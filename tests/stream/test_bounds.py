"""How much is followed at once: by one connection, for one organisation."""

import pytest

from api.stream import streams
from tests.stage import Stage
from tests.stream.listening import ACTIVITY, VIEWER, Api
from tests.stream.test_socket import run


def test_a_connection_has_so_many_operations_at_once(stage: Stage) -> None:
    async def story(api: Api) -> None:
        async with api.client("R1A") as client:
            for number in range(33):
                await client.subscribe(ACTIVITY, str(number))
            heard = await client.hear()
            assert (heard["id"], heard["payload"][0]["extensions"]["code"]) == ("32", "TOO_MUCH")
            await client.say(id="3", type="complete")
            await client.subscribe(VIEWER, "32")
            assert (await client.hear())["type"] == "next"

    run(stage, story)


def test_an_organisation_follows_so_many_different_questions(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "MOST_QUESTIONS", 2)

    async def story(api: Api) -> None:
        async with api.client("R1A") as client, api.client("R1A") as same, api.client("RYG") as other:
            for number in range(3):
                await client.subscribe(f"subscription {{ activity {{ a{number}: cursor }} }}", str(number))
            heard = await client.hear()
            assert (heard["id"], heard["payload"][0]["extensions"]["code"]) == ("2", "TOO_MUCH")
            for quiet in (same, other):
                await quiet.subscribe("subscription { activity { a0: cursor } }")
                assert await quiet.silent()

    run(stage, story)
