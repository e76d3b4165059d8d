"""A storm: changes delivered again and again, out of order, while processes and servers are killed."""

import asyncio
import json
import os
import random
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from api.database import embedded
from auth.ask import ask_token
from auth.key_file import KeyFile
from tests.embedded import eventually, postmaster
from tests.installed import Replica
from tests.stage import PASSWORDS

NAME = "template"
AT_ONCE = 12
ROUNDS = 5


@dataclass(frozen=True)
class Intent:
    """One change that somebody wants, once."""

    code: str
    document: str
    given: dict[str, Any]
    key: str


@dataclass
class Log:
    """What was sent and what came back, by key."""

    sent: set[str] = field(default_factory=set)
    answers: dict[str, set[bytes]] = field(default_factory=lambda: defaultdict(set))
    acknowledged: Counter[str] = field(default_factory=Counter)
    tries: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


class Senders:
    """Clients who deliver every intent several times, drop some of the answers, and try again when told to."""

    def __init__(self, url: str, key_files: dict[str, KeyFile], chance: random.Random) -> None:
        self._url = url
        self._key_files = key_files
        self._chance = chance
        self._tokens: dict[str, str] = {}
        self.log = Log()

    async def deliver(self, intents: list[Intent], most: int) -> None:
        """Deliver each intent one to `most` times, all in one random order."""
        due = [intent for intent in intents for _ in range(self._chance.randint(1, most))]
        self._chance.shuffle(due)
        async with httpx.AsyncClient(timeout=15, trust_env=False) as http:
            for code, key_file in self._key_files.items():
                self._tokens[code] = (await ask_token(key_file, http)).access_token
            await asyncio.gather(*(self._work(http, due) for _ in range(AT_ONCE)))

    async def _work(self, http: httpx.AsyncClient, due: list[Intent]) -> None:
        while due:
            intent = due.pop()
            self.log.sent.add(intent.key)
            if self._chance.random() < 0.1:
                await self._drop(http, intent)
            else:
                await self._insist(http, intent)

    async def _drop(self, http: httpx.AsyncClient, intent: Intent) -> None:
        """Send it and hang up, before or after it was done: who knows."""
        self.log.tries["dropped"] += 1
        with suppress(httpx.HTTPError, TimeoutError):
            async with asyncio.timeout(self._chance.uniform(0.001, 0.08)):
                await self._send(http, intent)

    async def _insist(self, http: httpx.AsyncClient, intent: Intent) -> None:
        for _ in range(200):
            try:
                if self._is_final(intent, await self._send(http, intent)):
                    return
            except httpx.HTTPError:
                self.log.tries["connection lost"] += 1
            await asyncio.sleep(self._chance.uniform(0.05, 0.3))
        self.log.wrong.append(f"{intent.key}: never answered")

    async def _send(self, http: httpx.AsyncClient, intent: Intent) -> httpx.Response:
        self.log.tries["sent"] += 1
        headers = {"Authorization": f"Bearer {self._tokens[intent.code]}", "Idempotency-Key": intent.key}
        body = {"query": intent.document, "variables": {"input": intent.given}}
        return await http.post(f"{self._url}/graphql", json=body, headers=headers)

    def _is_final(self, intent: Intent, answer: httpx.Response) -> bool:
        told = json.loads(answer.content)
        if errors := told.get("errors"):
            self.log.tries[errors[0]["extensions"]["code"]] += 1
            if not all(error["extensions"]["retryable"] for error in errors):
                self.log.wrong.append(f"{intent.key}: {answer.status_code} {answer.text[:200]}")
                return True
            return False
        (thing,) = told["data"].values()
        if answer.status_code != 200 or "id" not in thing:
            self.log.wrong.append(f"{intent.key}: {answer.status_code} {answer.text[:200]}")
        self.log.answers[intent.key].add(answer.content)
        self.log.acknowledged[intent.key] += 1
        return True


class Weather:
    """What goes wrong meanwhile, again and again until it is told to stop; on the main thread, whose server it is."""

    def __init__(self, folder: Path, port: int, replica: Replica, chance: random.Random) -> None:
        self.folder = folder
        self.port = port
        self.replica = replica
        self.chance = chance
        self.done: Counter[str] = Counter()
        self.server = embedded.start(folder, port=port)

    def rage(self, calm: Callable[[], bool]) -> None:
        """Let it all happen in turn while there is somebody to bother, then let them finish."""
        kinds = [self.kill_api, self.cut_connections, self.kill_backend, self.kill_postgres]
        for _ in range(ROUNDS):
            for strike in self.chance.sample(kinds, len(kinds)):
                eventually(calm, within=self.chance.uniform(0.4, 1.6))
                if calm():
                    return
                strike()
                self.done[strike.__name__] += 1

    def kill_api(self) -> None:
        """Kill the API in the middle of whatever it does, and start it again."""
        self.replica.kill()
        self.replica.start()
        assert self.replica.ready(30), "the API did not come back"

    def cut_connections(self) -> None:
        """Have the server end every connection of the API's."""
        self._as_admin("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'reinstate_app'")

    def kill_backend(self) -> None:
        """Kill one process of the server's: it takes all the others down, and recovers."""
        pids = self._as_admin("select pid from pg_stat_activity where usename = 'reinstate_app'")
        if pids:
            with suppress(ProcessLookupError):  # it may have ended by itself
                os.kill(self.chance.choice(pids), signal.SIGKILL)

    def kill_postgres(self) -> None:
        """Kill the server at its root, and start it again on what it left."""
        os.kill(postmaster(self.folder), signal.SIGKILL)
        time.sleep(self.chance.uniform(0, 0.3))
        self.server.stop()
        self.server = embedded.start(self.folder, port=self.port)

    def stop(self) -> None:
        """Let go of everything."""
        self.replica.kill()
        self.server.stop()

    def url(self) -> str:
        """Give the address for the API."""
        return self.server.url("reinstate_app", PASSWORDS["reinstate_app"], NAME)

    def _as_admin(self, question: str) -> list[int]:
        async def ask() -> list[int]:
            admin = await asyncpg.connect(self.server.admin_url, timeout=5)
            try:
                return [row[0] for row in await admin.fetch(question)]
            finally:
                await admin.close()

        with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return asyncio.run(ask())
        return []
