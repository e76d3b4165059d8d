"""The worlds of the compiled reads: the isolation tests' own, and a copy with odder rows, whose time stands still."""

import asyncio
import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

import asyncpg
import pytest

from api.database import embedded
from api.graphql.engine import Engine
from auth.tenancy import Database
from tests.compiled.material import Material, gathered
from tests.compiled.odd import Odd
from tests.conftest import clone
from tests.isolation import world as worlds
from tests.isolation.sql import as_admin
from tests.isolation.world import World, app_url
from tests.stage import Stage

LATER = dt.timedelta(hours=30, minutes=7)


@dataclass
class Ground:
    """A world, a database on it whose clock stands, the loop they live in, and what there is to ask with."""

    world: World
    database: Database
    engine: Engine
    runner: asyncio.Runner
    material: Material
    stage: Stage


@pytest.fixture(scope="session")
def plain(cluster: embedded.Server) -> World:
    """The world of the isolation tests."""
    return asyncio.run(worlds.build(Stage(cluster, clone(cluster))))


@pytest.fixture(scope="session")
def rich(plain: World) -> Iterator[Ground]:
    """A copy of it with odd rows."""
    stage = asyncio.run(copied(plain.stage, "rich"))
    now = dt.datetime.now(dt.UTC) + LATER
    with asyncio.Runner() as runner:
        database = Database(app_url(stage), clock=lambda: now)
        try:
            runner.run(Odd(database, plain).tell())
            material = runner.run(_prepared(stage, plain, Engine(database)))
            yield Ground(plain, database, Engine(database), runner, material, stage)
        finally:
            runner.run(database.close())


async def copied(stage: Stage, use: str) -> Stage:
    """Copy the database of a stage that nobody is connected to."""
    admin = await asyncpg.connect(stage.server.admin_url)
    await admin.execute(f'create database "{stage.name}_{use}" template "{stage.name}"')
    await admin.close()
    return Stage(stage.server, f"{stage.name}_{use}")


async def _prepared(stage: Stage, world: World, engine: Engine) -> Material:
    """Let the clock be set, and gather what there is to ask with."""
    async with as_admin(stage) as admin:
        await admin.execute("update app.installation set demonstration = true")
        return await gathered(world, engine, admin)
