"""Calls made as somebody, many at a time, and what their answers give away."""

import asyncio
import json
import uuid
from collections import Counter
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass, field
from typing import Any

from api.graphql.engine import Engine, Request
from auth.caller import Caller
from tests.isolation.canary import Canaries, inside
from tests.isolation.selection import field_of
from tests.stage import person

AT_ONCE = 6
OURS = ("INTERNAL", "DATABASE_UNAVAILABLE", "BUSY", "TIMEOUT", "STORAGE_LOW")  # a failure of ours, never an answer


@dataclass
class Findings:
    """What was found, and how much was asked."""

    leaks: list[str] = field(default_factory=list)
    reached: set[tuple[str, str]] = field(default_factory=set)
    calls: Counter[str] = field(default_factory=Counter)
    requests: int = 0

    def note(self, who: str, where: str, what: str) -> None:
        """Note a leak."""
        self.leaks.append(f"{who} learns by {where}: {what}")

    def __str__(self) -> str:
        return f"{len(self.leaks)} leaks, e.g.\n" + "\n".join(sorted(set(self.leaks))[:20])


class Asker:
    """Asks the engine as anybody, and reads every answer for what the asker may not see."""

    def __init__(self, engine: Engine, canaries: Canaries) -> None:
        self._engine = engine
        self._canaries = canaries
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._read: set[tuple[str, bytes]] = set()
        self.findings = Findings()

    async def ask(
        self, who: str | Caller, document: str, variables: dict[str, Any], where: str, given: Iterable[str] = ()
    ) -> dict[str, Any]:
        """Ask, read the answer for leaks, and return it. `given` is what the asker said itself."""
        asking = person(who) if isinstance(who, str) else who  # one who holds whatever its kind may hold
        async with self._gate:
            for tries in range(20):  # a busy machine is no finding
                request = Request(document, variables, None, str(uuid.uuid4()))
                answer = await self._engine.answer(request, asking)
                if not answer.retryable:
                    break
                await asyncio.sleep(0.2 * tries)
        self.findings.requests += 1
        body: dict[str, Any] = json.loads(answer.body)
        if (asking.tenant_ods, answer.body) not in self._read:
            self._read.add((asking.tenant_ods, answer.body))
            for error in body.get("errors", ()):
                error.pop("locations", None)  # lines and columns of the asker's own document
            self._scan(body, asking.tenant_ods, where, frozenset(given))
        return body

    def _scan(self, value: Any, who: str, where: str, given: frozenset[str]) -> None:
        if isinstance(value, dict):
            self._scan_object(value, who, where)
        for inner in inside(value):
            self._scan(inner, who, where, given)
        if not isinstance(value, dict | list) and value not in given:
            readers = self._canaries.readers(value)
            if readers is not None and isinstance(value, str):
                readers = self._canaries.readers(_without(value, given))  # a refusal may repeat what it refuses
            if readers is not None and who not in readers:
                self.findings.note(who, where, str(value))

    def _scan_object(self, value: dict[str, Any], who: str, where: str) -> None:
        if value.get("code") in OURS:
            self.findings.note(who, where, f"the failure {value['code']}")
        kind = value.get("__typename")
        if isinstance(kind, str):
            self.findings.reached.update((kind, field_of(key)) for key in value)
        page = value.get("pageInfo", {})
        if "totalCount" in value and not page["hasNextPage"] and not page["hasPreviousPage"]:
            shown = len(value["nodes"])
            if value["totalCount"] != shown:
                self.findings.note(who, where, f"a count of {value['totalCount']} over {shown} rows")


def _without(text: str, said: Iterable[str]) -> str:
    for each in said:
        text = text.replace(each, "") if each else text
    return text


async def all_of(work: Iterable[Awaitable[Any]]) -> list[Any]:
    """Wait for all of it."""
    return list(await asyncio.gather(*work))
