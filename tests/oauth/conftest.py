"""What the tests with foreign OAuth share: Node with its packages, and our server as one process."""

import asyncio
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from api.database import embedded
from auth import clients
from auth.caller import AAL2, Operator
from auth.clients import RegisterClient, Registered
from auth.scope import Scope
from auth.tenancy import Database
from schema.organisation import OrganisationKind
from schema.people.api_client import AssertionProfile, ClientKind
from tests.conftest import clone
from tests.embedded import free_port
from tests.installed import Replica, new_key_file, reinstate_here
from tests.oauth.node import Node, install, jwk
from tests.oauth.walking import BACK, VIEWER, Account, Walker
from tests.sign_in_support import SCOPES, key_for
from tests.stage import Stage


class Served:
    """Our server at an address of this machine's, its clientele, and the operator at its command line."""

    def __init__(self, replica: Replica, stage: Stage) -> None:
        self.url, self.environment, self.stage = replica.url, replica.environment, stage
        self.graphql = f"{replica.url}/graphql"

    def status(self, token: str) -> int:
        """Ask who one is by a token; give the status of the answer."""
        bearer = {"Authorization": f"Bearer {token}"}
        return httpx.post(self.graphql, json=VIEWER, headers=bearer, trust_env=False, timeout=30).status_code

    def operate(self, *arguments: str) -> str:
        """Run a command of the operator's; give what it says."""
        done = reinstate_here(*arguments, **self.environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def account(self, subject: str, *roles: str) -> Account:
        """Open an account as the operator does: its person gets a one-time password."""
        told = self.operate("account", "open", subject, *(f"--role={role}" for role in roles))
        return Account(subject, told.split()[-1])

    def enrolled(self, subject: str, *roles: str) -> Account:
        """Open an account whose person signed in before, and has chosen a password and set a device up."""
        account = self.account(subject, *roles)
        asked = {"response_type": "code", "client_id": "reinstate-cli", "redirect_uri": BACK, "acr_values": AAL2}
        asked |= {"code_challenge": "x" * 43, "code_challenge_method": "S256"}
        with Walker(account) as walker:
            walker.through(f"{self.url}/oauth2/authorize?{urlencode(asked)}")
        return account

    def register(self, ods_code: str = "R1A", alg: str = "ES256", scope: str = "") -> dict[str, Any]:
        """Register a machine client, and give what the scripts want of one: its issuer, its id, its key."""
        key = key_for(alg)
        stated = RegisterClient(scope.split() or SCOPES[ods_code], AssertionProfile.RFC7523, key=key)
        client_id = asyncio.run(self._register(stated, ods_code))
        return {"issuer": self.url, "client_id": client_id, "key": jwk(key, alg)}

    def application(self, alg: str | None = None, **stated: Any) -> dict[str, Any]:
        """Register an application of R1A's, public or by a key, for all that a trust's people may do."""
        key = key_for(alg) if alg else None
        scopes = [scope.value for scope in Scope if OrganisationKind.TRUST in scope.kinds]
        told: dict[str, Any] = {"kind": ClientKind.APPLICATION, "redirect_uris": [BACK], "public": key is None}
        wanted = RegisterClient(scopes, AssertionProfile.RFC7523, key=key, **told | stated)
        proof = {"key": jwk(key, alg)} if key and alg else {}
        return {"issuer": self.url, "client_id": asyncio.run(self._register(wanted, "R1A")), **proof}

    async def _register(self, stated: RegisterClient, ods_code: str) -> str:
        database = Database(self.environment["DATABASE_URL"])
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
    port, stage = free_port(), Stage(cluster, clone(cluster))
    environment = {
        "DATABASE_URL": stage.url,
        "REINSTATE_KEY_FILE": str(new_key_file(folder)),
        "REINSTATE_URL": f"http://127.0.0.1:{port}",
    }
    replica = Replica(port, environment, folder / "log")
    try:
        replica.start()
        assert replica.ready(), (folder / "log").read_text()
        yield Served(replica, stage)
    finally:
        replica.kill()
