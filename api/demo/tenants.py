"""The tenants before the API: a token by their key file, or as one of their people, and a request in their name."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import httpx
from litestar import Litestar

from api.demo.people import People
from api.demo.scenario import Step
from api.demo.told import MARK
from auth.ask import ask_token
from auth.key_file import KeyFile

TRIES = 5


class Tenants:
    """Every tenant of the demonstration, in front of the API in this process."""

    def __init__(self, app: Litestar, base_url: str, keys: Mapping[str, KeyFile], people: People) -> None:
        self._http = httpx.AsyncClient(transport=httpx.ASGITransport(_naming(app)), base_url=base_url)
        self._keys = keys
        self._people = people
        self._tokens: dict[str, tuple[float, str]] = {}

    async def send(self, step: Step, asked: dict[str, Any]) -> dict[str, Any]:
        """Send a step's request as who makes it, again while the API says to try again; return the data."""
        headers = {
            "Authorization": f"Bearer {await self._token(step)}",
            "Idempotency-Key": f"demo-{step.name}",
            "X-Request-Id": f"{MARK}{step.name}",
        }
        for attempt in range(TRIES):
            answer = await self._http.post("/graphql", json=asked, headers=headers)
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                break
            await asyncio.sleep(0.2 * 2**attempt)
        body: dict[str, Any] = answer.json()
        if "errors" in body:
            raise RuntimeError(f"{step.name}: {body['errors'][0]['message']}")
        data: dict[str, Any] = body["data"]
        return data

    async def close(self) -> None:
        """Leave; whoever signed in is signed out."""
        await self._http.aclose()
        await self._people.sign_out()

    async def _token(self, step: Step) -> str:
        who = step.person or step.by
        until, token = self._tokens.get(who, (0.0, ""))
        if time.monotonic() > until:
            token, lasts = await (self._people.sign_in(step.person) if step.person else self._ask(step.by))
            self._tokens[who] = (time.monotonic() + lasts / 2, token)
        return token

    async def _ask(self, ods_code: str) -> tuple[str, int]:
        answer = await ask_token(self._keys[ods_code], self._http)
        return answer.access_token, answer.expires_in


def _naming(app: Litestar) -> Callable[..., Awaitable[None]]:
    """Let our requests keep their own names in the ledger; whoever asks over the network gets one given."""

    async def named(scope: dict[str, Any], receive: Any, send: Any) -> None:
        name = dict(scope["headers"]).get(b"x-request-id")
        known: Any = {**scope, "state": {"request_id": name.decode()} if name else {}}
        await app(known, receive, send)

    return named
