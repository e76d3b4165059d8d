"""Clients that nobody here wrote listen unchanged: graphql-ws, graphql-sse and urql."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.oauth.node import BARE, PROGRAM, install
from tests.stage import Stage, mutation_document
from tests.stream.listening import ACTIVITY, VIEWER, Api
from tests.stream.test_losing_nothing import seen
from tests.stream.test_socket import report, run

FOLDER = Path(__file__).with_name("node")
REPORT = mutation_document("reportTest", "id")


@pytest.fixture(scope="module", autouse=True)
def installed() -> None:
    """The locked packages, there once."""
    install(FOLDER)


@asynccontextmanager
async def listening(library: str, api: Api, after: str) -> AsyncIterator[Any]:
    """Have a client listen; give what it is told, line by line."""
    asked = {"url": api.url, "token": await api.token("R1A"), "query": ACTIVITY, "variables": {"after": after}}
    told = json.dumps({"library": library, "asked": VIEWER, **asked})
    pipe = asyncio.subprocess.PIPE
    node = await asyncio.create_subprocess_exec(
        str(PROGRAM), "listen.mjs", told, cwd=FOLDER, env=BARE, stdout=pipe, stderr=pipe
    )
    assert node.stdout
    try:
        yield node.stdout
    finally:
        node.kill()
        await node.wait()


@pytest.mark.parametrize("library", ["graphql-ws", "graphql-sse", "urql"])
def test_a_foreign_client_is_told_of_the_past_and_of_what_comes(
    stage: Stage, told: dict[str, str], library: str
) -> None:
    async def story(api: Api) -> None:
        after = (await seen(api, "R1A", None))[-1]
        made = [(await api.post("R1A", REPORT, input=report(told)))["reportTest"]["id"]]
        async with listening(library, api, after) as lines:
            answers, heard = [], []
            while len(heard) < 2 or not answers:
                async with asyncio.timeout(20):
                    said = json.loads(await lines.readline())
                assert not said.get("error"), said
                if "asked" in said:
                    answers.append(said["asked"]["viewer"]["organisation"])
                    continue
                heard.append(said["data"]["activity"]["node"]["objectId"])
                if len(heard) == 1:
                    made.append((await api.post("R1A", REPORT, input=report(told)))["reportTest"]["id"])
        assert [each["odsCode"] for each in answers] == ["R1A"]
        assert heard == made

    run(stage, story)
