"""Real clients of the product: registered as an operator would, with tokens from its own endpoint."""

import asyncio
from collections.abc import Iterable

import httpx

from auth import clients
from auth.ask import TokenRefused, ask_token
from auth.caller import Operator
from auth.clients import RegisterClient, Registered
from auth.key_file import KeyFile
from auth.scope import scopes_of
from auth.tenancy import Database
from bench.failure import BenchError
from bench.questions import Place
from schema.organisation import OrganisationKind
from schema.people.api_client import AssertionProfile

Keys = dict[str, KeyFile]


def register(database_url: str, public_url: str, places: Iterable[Place]) -> Keys:
    """Register a client for each trust and region, with every scope of its kind."""
    kinds = {place.tenant: OrganisationKind.TRUST for place in places}
    kinds |= {place.region: OrganisationKind.REGION for place in places}

    async def run() -> Keys:
        database = Database(database_url)
        try:
            return {code: await _register(database, public_url, code, kind) for code, kind in kinds.items()}
        finally:
            await database.close()

    return asyncio.run(run())


async def _register(database: Database, public_url: str, code: str, kind: OrganisationKind) -> KeyFile:
    stated = RegisterClient([scope.value for scope in scopes_of(kind)], AssertionProfile.RFC7523)
    async with database.change(Operator(tenant_ods=code), "client add") as db:
        made = await clients.register(db, f"{public_url}/oauth2/token", stated)
    if not isinstance(made, Registered) or made.key_file is None:
        raise BenchError(f"No client could be registered for {code}: {made}.")
    return made.key_file


def tokens(keys: Keys) -> dict[str, str]:
    """Ask the running product for a token for each organisation."""

    async def run() -> dict[str, str]:
        async with httpx.AsyncClient(timeout=10, trust_env=False) as http:
            return {code: (await ask_token(key, http)).access_token for code, key in keys.items()}

    try:
        return asyncio.run(run())
    except (TokenRefused, httpx.HTTPError) as error:
        raise BenchError(f"There is no token to be had: {error}") from error
