"""What tests share: one PostgreSQL for the run, a fresh migrated database for each who asks, callers and an API."""

import asyncio
import itertools
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from api.database import embedded, installation
from auth.connections import places, pool
from auth.tenancy import Database
from tests.sign_in_support import SignInUnderTest
from tests.stage import PASSWORDS, Stage, list_organisations

_number = itertools.count(1)
_BOUNDS = {(places, "PATIENCE"): places.PATIENCE, (pool, "CONNECTING"): pool.CONNECTING, (pool, "_ENTRY"): pool._ENTRY}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let what is generated or sampled be more."""
    more = "20,000 lifecycles, every id in every argument, every answer as known at every instant: hours"
    parser.addoption("--thorough", action="store_true", help=more)


@pytest.fixture(scope="session", autouse=True)
def patience() -> Iterator[None]:
    """Have everybody wait for its connection: how fast a busy machine makes one is no finding."""
    with pytest.MonkeyPatch.context() as patch:
        for module, bound in _BOUNDS:
            patch.setattr(module, bound, 30.0)
        yield


@pytest.fixture
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have nobody wait for longer than in production."""
    for (module, bound), seconds in _BOUNDS.items():
        monkeypatch.setattr(module, bound, seconds)


@pytest.fixture(scope="session")
def thorough(pytestconfig: pytest.Config) -> bool:
    """Whether nothing is sampled."""
    return bool(pytestconfig.getoption("--thorough"))


@pytest.fixture(scope="session")
def cluster() -> Iterator[embedded.Server]:
    """A PostgreSQL with the roles and a migrated template, gone at the end."""
    folder = Path(tempfile.mkdtemp(prefix="reinstate-", dir="/tmp"))
    folder.chmod(0o711)
    try:
        with embedded.running(folder / "pg", durable=False) as server:
            asyncio.run(make_template(server))
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def make_template(server: embedded.Server) -> None:
    """Prepare a migrated template with the organisations of the stories."""
    admin = await asyncpg.connect(server.admin_url)
    await installation.prepare(admin, PASSWORDS, "template")
    migrating = await asyncpg.connect(server.url("reinstate_migrate", PASSWORDS["reinstate_migrate"], "template"))
    await installation.migrate(migrating)
    await migrating.close()
    await admin.close()
    database = Database(server.url("reinstate_app", PASSWORDS["reinstate_app"], "template"))
    await list_organisations(database)
    await database.close()


@pytest.fixture
def database_name(cluster: embedded.Server) -> str:
    """A fresh database, with the organisations listed."""
    return clone(cluster)


@pytest.fixture(scope="module")
def stage(cluster: embedded.Server) -> Stage:
    """The API over a database of the module's own."""
    return Stage(cluster, clone(cluster))


@pytest.fixture
def fresh_stage(cluster: embedded.Server, database_name: str) -> Stage:
    """The API over a database of the test's own."""
    return Stage(cluster, database_name)


@pytest.fixture(scope="module")
def sign_in(cluster: embedded.Server) -> Iterator[SignInUnderTest]:
    """A sign-in on a database of the module's own."""
    with asyncio.Runner() as runner:
        world = SignInUnderTest(Stage(cluster, clone(cluster)).url, runner)
        yield world
        world.close()


def clone(cluster: embedded.Server) -> str:
    """Make a database from the template and return its name."""
    name = f"test_{next(_number)}"

    async def make() -> None:
        admin = await asyncpg.connect(cluster.admin_url)
        await admin.execute(f'create database "{name}" template "template"')
        await admin.close()

    asyncio.run(make())
    return name
