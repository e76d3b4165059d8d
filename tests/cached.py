"""Two replicas in this process, asked by hand, with the ways to hurt them."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from typing import Any

import asyncpg
import httpx

from api.cache.answers import AnswerCache
from tests.asked import GRAPHQL_JSON
from tests.installed import Site
from tests.stage import Stage, mutation_document
from tests.test_spine import PASSED

PROGRESS = "{ systems { nodes { name reports { totalCount } } } }"
REPORT = mutation_document("reportTest", "id")
LISTENERS = """
    select count(pg_terminate_backend(pid)) from pg_stat_activity
    where application_name = 'reinstate app_sweep' and datname = $1
"""
LISTENING = "select count(*) from pg_stat_activity where datname = $1 and query like '%pg_current_snapshot%'"


class Pair:
    """Two replicas in this process, started and stopped as a server starts and stops them."""

    def __init__(self, stage: Stage, runner: asyncio.Runner) -> None:
        self.told = stage.tell("R1A", "RNK")
        self.stage = stage
        self.runner = runner
        self.sites = [Site(stage.url, runner) for _ in range(2)]
        self.sites[1].app.endpoint._verifier._issuer = self.sites[0].issuer
        self.tokens: dict[str, str] = {}

    def run(self, story: Callable[["Pair"], Awaitable[None]]) -> None:
        """Tell a story while both are up and trust their caches."""

        async def up() -> None:
            async with AsyncExitStack() as held:
                for site in self.sites:
                    await held.enter_async_context(site.app.lifespan())
                await self.until(lambda: all(self.cache(number).trusted for number in range(2)))
                await story(self)

        self.runner.run(up())

    def cache(self, number: int = 0) -> AnswerCache:
        """Give a replica's cache."""
        return self.sites[number].app.endpoint._cache

    async def until(self, holds: Callable[[], Any]) -> None:
        """Wait for something to become true."""
        async with asyncio.timeout(10):
            while not (await told if isinstance(told := holds(), Awaitable) else told):  # noqa: ASYNC110 - what holds tells nobody
                await asyncio.sleep(0.01)

    async def bearer(self, code: str) -> dict[str, str]:
        """Give the headers of an organisation."""
        if code not in self.tokens:
            self.tokens[code] = await self.sites[0].token(code)
        return {"Authorization": f"Bearer {self.tokens[code]}", "Accept": GRAPHQL_JSON}

    async def get(self, code: str = "R1A", number: int = 0, document: str = PROGRESS, **headers: str) -> httpx.Response:
        """Ask by GET."""
        told = await self.bearer(code) | {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.sites[number].http.get("/graphql", params={"query": document}, headers=told)

    async def post(
        self, code: str = "R1A", number: int = 0, document: str = PROGRESS, **headers: str
    ) -> httpx.Response:
        """Ask by POST."""
        told = await self.bearer(code) | {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.sites[number].http.post("/graphql", json={"query": document}, headers=told)

    async def count(self, code: str = "R1A", number: int = 0) -> int:
        """Ask how many reports there are that an organisation sees."""
        answer = (await self.post(code, number)).json()
        return sum(node["reports"]["totalCount"] for node in answer["data"]["systems"]["nodes"])

    async def report(self, number: int = 0, code: str = "R1A", key: str | None = None) -> None:
        """Report a test, acknowledged."""
        given = {"system": self.told[code], "build": self.told["build"], "test": "SMOKE", **PASSED}
        body = {"query": REPORT, "variables": {"input": given | {"idempotencyKey": key}}}
        answer = await self.sites[number].http.post("/graphql", json=body, headers=await self.bearer(code))
        assert answer.json()["data"]["reportTest"]["__typename"] == "TestReport"

    def close(self) -> None:
        """Let go of everything."""
        for site in self.sites:
            site.close()

    async def silence(self) -> int:
        """Kill the connections that listen, and give how many there were."""
        admin = await asyncpg.connect(self.stage.server.admin_url, database=self.stage.name)
        killed = await admin.fetchval(LISTENERS, self.stage.name)
        await admin.close()
        return int(killed)

    async def listening(self) -> int:
        """Give how many connections have swept."""
        admin = await asyncpg.connect(self.stage.server.admin_url, database=self.stage.name)
        found = await admin.fetchval(LISTENING, self.stage.name)
        await admin.close()
        return int(found)


@contextmanager
def paired(stage: Stage) -> Iterator[Pair]:
    """Have two replicas on a stage."""
    with asyncio.Runner() as runner:
        pair = Pair(stage, runner)
        yield pair
        pair.close()
