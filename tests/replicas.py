"""Readers and writers of two replicas, who remember what was acknowledged, where and when, and check every answer."""

import asyncio
import itertools
import json
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, Self

from api.cache.freshness import STALE
from tests.stage import mutation_document
from tests.test_spine import PASSED

QUESTION = "{ systems { nodes { name reports { totalCount } } } }"
REPORT = mutation_document("reportTest", "id")
READERS = {
    "R1A": {"R1A"},
    "RYG": {"RYG"},
    "RNK": {"RNK"},
    "Y60": {"R1A", "RYG"},
    "Y56": {"RNK"},
    "SUPPLIER": {"R1A", "RYG", "RNK"},
    "NATIONAL": {"R1A", "RYG", "RNK"},
    "AUDITOR": {"R1A", "RYG", "RNK"},
    "QGH": set(),
}  # and whose systems each may see


class Line:
    """One connection that is kept open, spoken by hand: a test that asks much must not be busy asking."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def to(cls, port: int) -> Self:
        """Connect."""
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def ask(self, token: str, body: dict[str, Any]) -> tuple[int, str]:
        """Post a request, and return the status and the body of its answer."""
        sent = json.dumps(body).encode()
        self._writer.write(
            b"POST /graphql HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\n"
            b"authorization: Bearer %s\r\ncontent-length: %d\r\n\r\n%s" % (token.encode(), len(sent), sent)
        )
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.split(b"content-length: ", 1)[1].split(b"\r\n", 1)[0])
        return int(head.split(b" ", 2)[1]), (await self._reader.readexactly(length)).decode()

    def close(self) -> None:
        """Hang up."""
        self._writer.close()


@dataclass
class Acknowledged:
    """The changes of one trust: how many were acknowledged, by which replica, until when."""

    began: int = 0
    by: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    all: list[tuple[float, int]] = field(default_factory=lambda: [(0.0, 0)])

    def least(self, port: int, now: float) -> int:
        """Return how many an answer of this replica to a question asked now must show."""
        anywhere = next(count for at, count in reversed(self.all) if at < now - STALE or not at)
        return max(self.by[port], anywhere)


class Traffic:
    """What goes to and fro, and what was wrong with it."""

    def __init__(self, ports: list[int], tokens: dict[str, str], told: dict[str, str]) -> None:
        self.ports, self.tokens, self.told = ports, tokens, told
        self.acknowledged = {code: Acknowledged() for code in ("R1A", "RYG", "RNK")}
        self.wrong: list[str] = []
        self.reads = 0
        self.going = True

    async def read(self, port: int) -> None:
        """Ask as everybody in turn, and check each answer."""
        line = await Line.to(port)
        for code in itertools.cycle(READERS):
            if not self.going:
                return line.close()
            now = time.monotonic()
            least = {trust: self.acknowledged[trust].least(port, now) for trust in READERS[code]}
            status, text = await line.ask(self.tokens[code], {"query": QUESTION})
            self._check(code, port, least, status, text)
            self.reads += 1
        return None

    def _check(self, code: str, port: int, least: dict[str, int], status: int, text: str) -> None:
        if status != 200:
            self.wrong.append(f"{code} at {port}: {status} {text}")
            return
        shown = {node["name"]: node["reports"]["totalCount"] for node in json.loads(text)["data"]["systems"]["nodes"]}
        if {f"canary of {trust}" for trust in least} != shown.keys():
            self.wrong.append(f"{code} at {port} is shown {shown}")
            return
        for trust, expected in least.items():
            count = shown[f"canary of {trust}"]
            if not expected <= count <= self.acknowledged[trust].began:
                self.wrong.append(f"{code} at {port}: {count} of {trust}, not {expected}")

    async def write(self, trust: str, every: int) -> None:
        """Report tests for a trust, at either replica in turn, once for so many reads."""
        lines = {port: await Line.to(port) for port in self.ports}
        acknowledged = self.acknowledged[trust]
        for port in itertools.cycle(self.ports):
            if not self.going:
                break
            acknowledged.began += 1
            given = {"system": self.told[trust], "build": self.told["build"], "test": "SMOKE", **PASSED}
            status, text = await lines[port].ask(self.tokens[trust], {"query": REPORT, "variables": {"input": given}})
            if status != 200 or '"TestReport"' not in text:
                self.wrong.append(f"{trust} at {port} reported: {status} {text}")
                break
            acknowledged.by[port] = acknowledged.began
            acknowledged.all.append((time.monotonic(), acknowledged.began))
            seen = self.reads
            while self.going and self.reads < seen + every:  # noqa: ASYNC110 - it paces a writer, and is no wait
                await asyncio.sleep(0.02)
        for line in lines.values():
            line.close()
