"""The worlds of the isolation tests: built once, then copied for whoever changes or breaks one."""

import asyncio
from collections.abc import Iterator

import asyncpg
import pytest

from api.database import embedded
from tests.conftest import clone
from tests.isolation import world as worlds
from tests.isolation.world import World
from tests.stage import Stage


@pytest.fixture(scope="session")
def world(cluster: embedded.Server) -> World:
    """The world; nobody changes it, and nobody is connected to it when it is copied."""
    return asyncio.run(worlds.build(Stage(cluster, clone(cluster))))


@pytest.fixture(scope="session")
def copies(cluster: embedded.Server, world: World) -> dict[str, Stage]:
    """Copies of the world's database: to read, to change, to break."""
    return {use: Stage(cluster, _copy(world.stage, use)) for use in ("reading", "changing", "breaking")}


def _copy(stage: Stage, use: str) -> str:
    name = f"{stage.name}_{use}"

    async def make() -> None:
        admin = await asyncpg.connect(stage.server.admin_url)
        await admin.execute(f'create database "{name}" template "{stage.name}"')
        await admin.close()

    asyncio.run(make())
    return name


@pytest.fixture(scope="session")
def runner() -> Iterator[asyncio.Runner]:
    """One event loop, so that pools live from test to test."""
    with asyncio.Runner() as loop:
        yield loop
