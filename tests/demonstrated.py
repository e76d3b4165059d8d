"""A demonstration under test: loaded, looked into, asked."""

import asyncio
import json
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from api.database import embedded
from api.demo.demonstration import Demonstration
from api.demo.told import read_ledger
from api.installation import BESIDE
from auth.ask import ask_token
from auth.key_file import read_key_file
from auth.tenancy import Database
from tests.installed import reinstate

Entry = tuple[Any, ...]


def load(folder: Path, until: str) -> str:
    """Load the demonstration as far as a day, and serve nothing."""
    ran = reinstate("demo", "--no-serve", "--data", str(folder), "--until", until)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "Refused" not in ran.stdout
    return ran.stdout


def ledger(folder: Path) -> list[Entry]:
    """Return every event of a demonstration that is not running: who did what to which kind of thing, and when."""

    async def read(url: str) -> list[Entry]:
        admin = await asyncpg.connect(url, database="reinstate")
        try:
            rows = await admin.fetch(
                "select tenant_ods, verb, object_type, recorded_at, request_id from event order by id"
            )
        finally:
            await admin.close()
        return [(row[0], row[1], row[2], row[3], row[4]) for row in rows]

    with embedded.running(folder / "postgres") as server:
        return asyncio.run(read(server.admin_url))


def taken(folder: Path) -> int:
    """Return how many steps a demonstration has taken that may be starting."""
    beside = folder / BESIDE
    told = beside.read_text() if beside.exists() else ""

    async def count() -> int:
        database = Database(json.loads(told)["url"])
        try:
            return len((await read_ledger(database)).taken)
        finally:
            await database.close()

    return asyncio.run(count()) if told else 0


def ask(shown: Demonstration, client: str, document: str) -> dict[str, Any]:
    """Ask the demonstration with a key file, as a user does; an answer has no errors."""

    async def over_http() -> dict[str, Any]:
        app = shown.app()
        transport = httpx.ASGITransport(app)
        async with app.lifespan(), httpx.AsyncClient(transport=transport, base_url=shown.place.public_url) as http:
            token = await ask_token(read_key_file(shown.folder / f"{client}.json"), http)
            headers = {"Authorization": f"Bearer {token.access_token}"}
            return dict((await http.post("/graphql", json={"query": document}, headers=headers)).json())

    body = asyncio.run(over_http())
    assert "errors" not in body, body
    data: dict[str, Any] = body["data"]
    return data
