"""One embedded PostgreSQL for all tests; for each module a fresh database of its template, and a sign-in."""

import asyncio
import itertools
from collections.abc import Iterator

import asyncpg
import pytest

from api.database import embedded, installation
from tests.embedded import a_place
from tests.sign_in_support import SignInUnderTest

_NUMBERS = itertools.count(1)


async def _as(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def _prepare(server: embedded.Server) -> None:
    admin = await asyncpg.connect(server.admin_url)
    try:
        await installation.prepare(admin, {"reinstate_migrate": "m", "reinstate_app": "p"})
    finally:
        await admin.close()
    migrate = await asyncpg.connect(server.url("reinstate_migrate", "m", "reinstate"))
    try:
        await installation.migrate(migrate)
    finally:
        await migrate.close()


@pytest.fixture(scope="session")
def cluster() -> Iterator[embedded.Server]:
    """Have a server whose database `reinstate` is migrated and empty."""
    with a_place() as place, embedded.running(place / "pg", durable=False) as server:
        asyncio.run(_prepare(server))
        yield server


@pytest.fixture(scope="module")
def database_url(cluster: embedded.Server) -> str:
    """Give the app login's address of a fresh database."""
    name = f"fresh_{next(_NUMBERS)}"
    asyncio.run(_as(cluster.admin_url, f"create database {name} template reinstate owner reinstate_owner"))
    return cluster.url("reinstate_app", "p", name)


@pytest.fixture(scope="module")
def sign_in(database_url: str) -> Iterator[SignInUnderTest]:
    """Have a sign-in for the tests of a module."""
    with asyncio.Runner() as runner:
        world = SignInUnderTest(database_url, runner)
        yield world
        world.close()
