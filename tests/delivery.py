"""Deliveries over a bad link: each change sent one to five times, in any order, its answer sometimes dropped."""

import asyncio
import random
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.stage import mutation_document

WORKERS = 16
DROPPED = 0.1  # of the answers
PATIENCE = 20.0  # seconds


@dataclass(frozen=True)
class Change:
    """One change with its key, as its organisation sends it."""

    key: str
    organisation: str
    verb: str
    given: dict[str, Any]


@dataclass
class Link:
    """A link to one replica, on which answers are lost; remembers every answer that arrived."""

    url: str
    tokens: dict[str, str]
    chance: random.Random
    answers: dict[str, set[bytes]] = field(default_factory=lambda: defaultdict(set))
    delivered: int = 0
    lost: int = 0
    again: int = 0

    async def deliver(self, changes: list[Change]) -> None:
        """Deliver every change one to five times in a random order, many at once."""
        waiting = [change for change in changes for _ in range(self.chance.randint(1, 5))]
        self.chance.shuffle(waiting)
        limits = httpx.Limits(max_connections=WORKERS)
        async with httpx.AsyncClient(timeout=PATIENCE, trust_env=False, limits=limits) as http:

            async def work() -> None:
                while waiting:
                    await self._until_sent(http, waiting.pop())

            await asyncio.gather(*(work() for _ in range(WORKERS)))

    async def _until_sent(self, http: httpx.AsyncClient, change: Change) -> None:
        while True:
            sending = asyncio.create_task(self._send(http, change))
            if self.chance.random() < DROPPED:
                await asyncio.wait([sending], timeout=self.chance.random() * 0.05)
                if not sending.done():
                    sending.cancel()
                    await asyncio.gather(sending, return_exceptions=True)
                    self.lost += 1
            elif await sending:
                self.delivered += 1
                return
            else:
                self.again += 1
                await asyncio.sleep(0.05)

    async def _send(self, http: httpx.AsyncClient, change: Change) -> bool:
        """Send once; return whether an answer arrived that acknowledges."""
        headers = {"Authorization": f"Bearer {self.tokens[change.organisation]}", "Idempotency-Key": change.key}
        body = {"query": mutation_document(change.verb, "id version"), "variables": {"input": change.given}}
        try:
            answer = await http.post(f"{self.url}/graphql", json=body, headers=headers)
        except httpx.HTTPError:
            return False
        if answer.status_code in (200, 294) and b'"errors"' not in answer.content:
            self.answers[change.key].add(answer.content)
            return True
        told = [{**error["extensions"], "message": error["message"]} for error in answer.json()["errors"]]
        assert all(each["retryable"] for each in told), told
        return False
