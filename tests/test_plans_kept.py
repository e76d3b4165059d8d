"""Plans a connection keeps: bounded by what they weigh, so that no questions of a caller's fill the server's memory."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from api.graphql.compiled.given import Given, UncompiledError
from api.graphql.compiled.plan import Plan
from api.graphql.engine import documents
from auth.caller import Caller
from auth.connections import pool
from auth.connections.lane import LETTERS, Lane
from auth.connections.reads import REMEMBER
from auth.connections.weight import weight_of
from tests.isolation.probes import made_up
from tests.stage import Stage, caller

KEPT = "select sum(total_bytes) from pg_backend_memory_contexts where name like 'CachedPlan%'"
LEAST, MOST = 25, 130  # bytes of plan for each letter; a plan is rounded up to a power of two
TRUST = caller("R1A")
THEN = re.compile(r"(\w+)\(")
READS = {
    "blockers": "blockers(incident: null) { kind what since }",
    "conditions": "systems(first: 3) { nodes { gates(first: 3) { nodes { code conditions(first: 3) { nodes { what } } } } } }",
    "explainGate": f'explainGate(system: "{made_up("System")}") {{ code standing }}',
    "progress": "progress(incident: null) { testing percentMet openFailures nextMilestone { title } }",
    "readyFor": f'readyFor(wave: "{made_up("Wave")}") {{ ready shutGates }}',
    "reports": "systems(first: 3) { nodes { name reports(first: 3) { nodes { test outcome build { label } } } } }",
}


def planned(document: str, who: Caller = TRUST) -> tuple[Plan, Given]:
    """Give the plan of a question, and what it is given."""
    plan, arguments = documents.read(document).operation(None, {}).compiled.planned({})
    return plan, Given(who, None, arguments)


class Backend:
    """A connection whose server process tells how much it keeps."""

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        self.lane = Lane(connection)

    async def read(self, document: str) -> str:
        """Answer a question as a trust; return its statement."""
        plan, given = planned(document)
        ((instant, statement, arguments),) = plan.asked(given)
        await self.lane.run("set role app_trust")
        async with self.lane.connection.transaction():
            if instant:
                await self.lane.rows(REMEMBER, (TRUST.tenant_ods, None, instant))
            assert await self.lane.value(statement, arguments)
        await self.lane.run("reset role")
        return statement

    async def kept(self) -> int:
        """Return how many bytes of plans are kept."""
        return int(await self.lane.connection.fetchval(KEPT) or 0)


@asynccontextmanager
async def backend(stage: Stage) -> AsyncIterator[Backend]:
    """Have a connection of the administrator's, who may look into its memory, with the settings of the product's."""
    connection = await asyncpg.connect(
        stage.server.admin_url, database=stage.name, statement_cache_size=0, server_settings=pool.SETTINGS
    )
    try:
        yield Backend(connection)
    finally:
        await connection.close()


@pytest.mark.parametrize("name", READS)
def test_a_plan_takes_what_its_statement_weighs(stage: Stage, name: str) -> None:
    async def measure() -> float:
        async with backend(stage) as process:
            await process.read("{ viewer { kind } }")
            before = await process.kept()
            statement = await process.read(f"{{ {READS[name]} }}")
            return (await process.kept() - before) / weight_of(statement)

    assert LEAST < asyncio.run(measure()) < MOST


def distinct() -> Iterator[str]:
    """Give questions of every kind, each asked several times over under names of its own, now and as known then."""
    for number in range(6):
        for asked in READS.values():
            read = THEN.sub(r'\1(asKnownAt: "2100-01-01T00:00:00Z", ', asked, count=1) if number % 2 else asked
            yield "{ " + " ".join(f"a{number}_{at}: {read}" for at in range(4)) + " }"


def test_a_connection_keeps_a_few_dozen_megabytes_of_plans_whatever_is_asked(stage: Stage) -> None:
    async def measure() -> int:
        async with backend(stage) as process:
            for document in distinct():
                await process.read(document)
            await process.read("{ viewer { kind } }")  # what was given up is forgotten with the next
            return await process.kept()

    assert LETTERS * LEAST / 2 < asyncio.run(measure()) < LETTERS * MOST


def test_a_statement_that_would_take_more_than_a_connection_may_keep_is_not_compiled() -> None:
    with pytest.raises(UncompiledError, match="size"):
        planned("{ " + " ".join(f"a{at}: {READS['blockers']}" for at in range(12)) + " }")
