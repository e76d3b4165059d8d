"""What the tests with foreign OAuth share: Node with its packages, and our server as one process."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from api.database import embedded
from auth import clients
from auth.caller import Operator
from auth.clients import RegisterClient, Registered
from auth.tenancy import Database
from schema.api_client import AssertionProfile
from tests.conftest import clone
from tests.embedded import free_port
from tests.installed import Replica, new_key_file
from tests.oauth.node import Node, install, jwk
from tests.sign_in_support import SCOPES, key_for
from tests.stage import Stage


class Served:
    """Our server at an address of this machine's, and its clientele."""

    def __init__(self, replica: Replica) -> None:
        self.url, self._database_url = replica.url, replica.environment["DATABASE_URL"]

    def register(self, ods_code: str = "R1A", alg: str = "ES256") -> dict[str, Any]:
        """Register a machine client, and give what the scripts want of one: its issuer, its id, its key."""
        key = key_for(alg)
        stated = RegisterClient(SCOPES[ods_code], AssertionProfile.RFC7523, key=key)
        client_id = asyncio.run(self._register(stated, ods_code))
        return {"issuer": self.url, "client_id": client_id, "key": jwk(key, alg)}

    async def _register(self, stated: RegisterClient, ods_code: str) -> str:
        database = Database(self._database_url)
        async with database.change(Operator(ods_code), "client.register") as db:
            found = await clients.register(db, f"{self.url}/oauth2/token", stated)
            assert isinstance(found, Registered), found
            client_id = found.client.client_id
        await database.close()
        return client_id


@pytest.fixture(scope="session")
def node() -> Node:
    """Node, with the packages that are locked for it."""
    install()
    return Node()


@pytest.fixture(scope="module")
def served(cluster: embedded.Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Our server as a process, on a database of the module's own."""
    folder = tmp_path_factory.mktemp("served")
    port = free_port()
    environment = {
        "DATABASE_URL": Stage(cluster, clone(cluster)).url,
        "REINSTATE_KEY_FILE": str(new_key_file(folder)),
        "REINSTATE_URL": f"http://127.0.0.1:{port}",
    }
    replica = Replica(port, environment, folder / "log")
    try:
        replica.start()
        assert replica.ready(), (folder / "log").read_text()
        yield Served(replica)
    finally:
        replica.kill()
