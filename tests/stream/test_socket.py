"""GraphQL over WebSocket: the protocol to the letter, and what is told over it."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from tests.stage import Stage, mutation_document
from tests.stream.listening import VIEWER, Api
from tests.test_spine import PASSED

REPORT = mutation_document("reportTest", "id")


def run(stage: Stage, story: Callable[[Api], Awaitable[Any]]) -> Any:
    """Tell a story to an API on the stage's database."""

    async def tell() -> Any:
        async with Api.serving(stage.url) as api:
            return await story(api)

    return asyncio.run(tell())


def report(told: dict[str, str], code: str = "R1A") -> dict[str, Any]:
    """Give the input of a report."""
    return {"system": told[code], "build": told["build"], "test": "SMOKE", **PASSED}


def test_a_change_is_told_to_who_may_see_it_and_to_nobody_else(stage: Stage, told: dict[str, str]) -> None:
    async def story(api: Api) -> None:
        async with (
            api.client("R1A") as own,
            api.client("Y60") as region,
            api.client("SUPPLIER") as supplier,
            api.client("RYG") as other,
            api.client("Y56") as far,
            api.client("RIVAL") as rival,
        ):
            everybody = (own, region, supplier, other, far, rival)
            for client in everybody:
                await client.subscribe()
                await client.settled()
            made = (await api.post("R1A", REPORT, input=report(told)))["reportTest"]["id"]
            for client in (own, region, supplier):
                (event,) = await client.events(1)
                assert (event["node"]["verb"], event["node"]["objectId"]) == ("reportTest", made)
            for client in (other, far, rival):
                assert await client.silent()

    run(stage, story)


def test_a_subscription_goes_on_after_its_cursor_without_loss(stage: Stage, told: dict[str, str]) -> None:
    async def story(api: Api) -> None:
        async with api.listener("R1A") as client:
            await api.post("R1A", REPORT, input=report(told))
            (event,) = await client.events(1)
        made = [(await api.post("R1A", REPORT, input=report(told)))["reportTest"]["id"] for _ in range(3)]
        async with api.client("R1A") as client:
            await client.subscribe(after=event["cursor"])
            events = await client.events(3)
            assert [each["node"]["objectId"] for each in events] == made
            made.append((await api.post("R1A", REPORT, input=report(told)))["reportTest"]["id"])
            (event,) = await client.events(1)
            assert event["node"]["objectId"] == made[-1]
            assert await client.silent()
        shown = await api.post(
            "R1A", "query($a: String) { activity(after: $a) { edges { cursor } } }", a=events[0]["cursor"]
        )
        assert [each["cursor"] for each in shown["activity"]["edges"]] == [
            *(each["cursor"] for each in events[1:]),
            event["cursor"],
        ]

    run(stage, story)


def test_of_one_system_it_tells_of_that_alone(stage: Stage, told: dict[str, str]) -> None:
    document = "subscription($system: ID!) { systemActivity(system: $system) { node { objectType after } } }"

    async def story(api: Api) -> None:
        async with api.client("NATIONAL") as client:
            await client.subscribe(document, system=told["RYG"])
            await client.settled()
            await api.post("R1A", REPORT, input=report(told))
            await api.post("RYG", REPORT, input=report(told, "RYG"))
            (event,) = await client.events(1, "systemActivity")
            assert event["node"]["after"]["tenant_ods"] == "RYG"
            assert await client.silent()

    run(stage, story)


def test_questions_and_changes_are_answered_too(stage: Stage, told: dict[str, str]) -> None:
    async def story(api: Api) -> None:
        async with api.client("R1A") as client:
            await client.subscribe(VIEWER, "q")
            assert await client.hear() == {
                "id": "q", "type": "next", "payload": {"data": {"viewer": {"organisation": {"odsCode": "R1A"}}}},
            }  # fmt: skip
            assert await client.hear() == {"id": "q", "type": "complete"}
            keyed = {**report(told), "idempotencyKey": "the same key"}
            answers = []
            for id_ in ("first", "second"):
                await client.subscribe(REPORT, id_, input=keyed)
                answers.append((await client.hear())["payload"])
                assert await client.hear() == {"id": id_, "type": "complete"}
            assert answers[0] == answers[1]
            assert answers[0]["data"]["reportTest"]["__typename"] == "TestReport"

    run(stage, story)


def test_who_completes_is_told_no_more_and_may_begin_again(stage: Stage, told: dict[str, str]) -> None:
    async def story(api: Api) -> None:
        async with api.listener("R1A") as client:
            await client.say(id="1", type="complete")
            await client.settled()
            await api.post("R1A", REPORT, input=report(told))
            assert await client.silent()
            await client.subscribe()
            await client.settled()
            await api.post("R1A", REPORT, input=report(told))
            assert len(await client.events(1)) == 1

    run(stage, story)


REFUSED = [
    ("{ nothing }", "BAD_REQUEST"),
    ("{", "BAD_REQUEST"),
    ("subscription { activity(after: 1) { cursor } }", "BAD_REQUEST"),
    ('subscription { activity(after: "no cursor") { cursor } }', "BAD_CURSOR"),
    ("subscription { activity { cursor } again: activity { cursor } }", "BAD_REQUEST"),
    ("\u0000", "BAD_TEXT"),
    ("", "BAD_REQUEST"),
]


@pytest.mark.parametrize(("document", "code"), REFUSED)
def test_what_is_refused_says_why_and_ends_nothing_else(
    stage: Stage, told: dict[str, str], document: str, code: str
) -> None:
    async def story(api: Api) -> None:
        async with api.client("R1A") as client:
            await client.subscribe(document, "bad")
            heard = await client.hear()
            assert (heard["id"], heard["type"]) == ("bad", "error")
            assert heard["payload"][0]["extensions"]["code"] == code
            await client.subscribe(VIEWER, "bad")  # the id is free again
            assert (await client.hear())["type"] == "next"

    run(stage, story)


def test_without_the_scope_nothing_is_told(stage: Stage, told: dict[str, str]) -> None:
    async def story(api: Api) -> None:
        async with api.client(token=await api.token("R1A", scopes=frozenset())) as client:
            await client.subscribe()
            assert (await client.hear())["payload"][0]["extensions"]["code"] == "NOT_PERMITTED"

    run(stage, story)


def test_a_ping_is_answered(stage: Stage) -> None:
    async def story(api: Api) -> None:
        async with api.met() as client:
            await client.say(type="ping")
            assert await client.hear() == {"type": "pong"}
            await client.say(type="pong")

    run(stage, story)


INIT = {"type": "connection_init"}
CLOSED = [
    ("not JSON", 4400),
    ("[]", 4400),
    ({"type": "start"}, 4400),
    ({}, 4400),
    (b"\x00", 4400),
    ({"type": "subscribe", "id": "1", "payload": {"query": VIEWER}}, 4401),
    ({"type": "subscribe", "id": 1, "payload": {"query": VIEWER}}, 4400),
    ({"type": "subscribe", "id": "", "payload": {"query": VIEWER}}, 4400),
    ({"type": "subscribe", "id": "1", "payload": VIEWER}, 4400),
    (INIT, 4403),
    (INIT | {"payload": {"Authorization": "Bearer nonsense"}}, 4403),
    (INIT | {"payload": {"Authorization": "Basic YTpi"}}, 4403),
    (INIT | {"payload": {"Authorization": ["Bearer"]}}, 4403),
    (INIT | {"payload": "Bearer"}, 4403),
    ("[" * 90_000, 4400),
    ("{}" + " " * 100_000, 1009),
]


@pytest.mark.parametrize(("message", "code"), CLOSED, ids=[str(each)[:60] for each, _ in CLOSED])
def test_who_speaks_otherwise_is_hung_up_on_with_the_protocols_code(stage: Stage, message: Any, code: int) -> None:
    async def story(api: Api) -> None:
        async with api.met() as client:
            await client.wire.send(json.dumps(message) if isinstance(message, dict) else message)
            assert await client.closed() == code

    run(stage, story)


def test_who_begins_twice_is_hung_up_on(stage: Stage) -> None:
    async def story(api: Api) -> None:
        async with api.client("R1A") as client:
            await client.say(**INIT)
            assert await client.closed() == 4429
        async with api.client("R1A") as client:
            await client.subscribe()
            await client.subscribe()
            assert await client.closed() == 4409

    run(stage, story)


def test_who_does_not_begin_is_hung_up_on(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.http.socket.INITIATION", 0.2)

    async def story(api: Api) -> None:
        async with api.met() as client:
            assert await client.closed() == 4408
        async with api.client("R1A") as client:
            await asyncio.sleep(0.3)
            assert await client.silent()

    run(stage, story)


@pytest.mark.parametrize("spoken", ["graphql-ws", "graphql-transport-w", "mqtt"])
def test_the_older_protocol_is_refused(stage: Stage, spoken: str) -> None:
    async def story(api: Api) -> None:
        async with api.met(spoken) as client:
            assert client.wire.subprotocol is None
            assert await client.closed() == 4406

    run(stage, story)


def test_at_another_address_nobody_converses(stage: Stage) -> None:
    async def story(api: Api) -> None:
        from websockets.asyncio.client import connect  # noqa: PLC0415

        with pytest.raises(InvalidStatus):
            await connect(f"ws://127.0.0.1:{api.port}/elsewhere", proxy=None)

    run(stage, story)


def test_a_token_may_come_with_the_upgrade(stage: Stage) -> None:
    async def story(api: Api) -> None:
        known = {"Authorization": f"Bearer {await api.token('R1A')}"}
        async with api.met(additional_headers=known) as client:
            await client.say(**INIT)
            assert await client.hear() == {"type": "connection_ack"}

    run(stage, story)
