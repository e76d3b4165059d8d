"""The tenants as clients of the API: a token by their key file, a request in their name."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import httpx
from litestar import Litestar

from api.demo.told import MARK
from auth.ask import TokenAnswer, ask_token
from auth.key_file import KeyFile

TRIES = 5


class Tenants:
    """Every tenant of the demonstration, in front of the API in this process."""

    def __init__(self, app: Litestar, base_url: str, keys: Mapping[str, KeyFile]) -> None:
        self._http = httpx.AsyncClient(transport=httpx.ASGITransport(_naming(app)), base_url=base_url)
        self._keys = keys
        self._tokens: dict[str, tuple[float, TokenAnswer]] = {}

    async def send(self, ods_code: str, step: str, asked: dict[str, Any]) -> dict[str, Any]:
        """Send a step's request as a tenant, again while the API says to try again; return the data."""
        headers = {
            "Authorization": f"Bearer {await self._token(ods_code)}",
            "Idempotency-Key": f"demo-{step}",
            "X-Request-Id": f"{MARK}{step}",
        }
        for attempt in range(TRIES):
            answer = await self._http.post("/graphql", json=asked, headers=headers)
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                break
            await asyncio.sleep(0.2 * 2**attempt)
        body: dict[str, Any] = answer.json()
        if "errors" in body:
            raise RuntimeError(f"{step}: {body['errors'][0]['message']}")
        data: dict[str, Any] = body["data"]
        return data

    async def close(self) -> None:
        """Leave."""
        await self._http.aclose()

    async def _token(self, ods_code: str) -> str:
        until, token = self._tokens.get(ods_code, (0.0, None))
        if token is None or time.monotonic() > until:
            token = await ask_token(self._keys[ods_code], self._http)
            self._tokens[ods_code] = (time.monotonic() + token.expires_in / 2, token)
        return token.access_token


def _naming(app: Litestar) -> Callable[..., Awaitable[None]]:
    """Let our requests keep their own names in the ledger; whoever asks over the network gets one given."""

    async def named(scope: dict[str, Any], receive: Any, send: Any) -> None:
        name = dict(scope["headers"]).get(b"x-request-id")
        known: Any = {**scope, "state": {"request_id": name.decode()} if name else {}}
        await app(known, receive, send)

    return named
