"""What is measured: a server started anew for each turn, alone, and asked as a caller."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from bench.callers import Keys, tokens
from bench.failure import BenchError
from bench.load import KEY
from bench.questions import QUESTIONS, Place, Question

ROOT = Path(__file__).parent.parent
START, STOP = 60.0, 15.0  # seconds
_FORGOTTEN = ("DATABASE_", "REINSTATE_", "PG", "PORT")


@dataclass(frozen=True)
class Subject:
    """A server by its command; `{port}` in it becomes its port."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    keys: Keys | None = None  # the product's clients; a peer believes its headers
    port: int | None = None
    ready: str = "/healthz"
    folder: Path = ROOT
    questions: Mapping[str, Question] = field(default_factory=lambda: QUESTIONS)


@dataclass(frozen=True)
class Server:
    """A subject that runs."""

    subject: Subject
    process: int
    port: int
    tokens: Mapping[str, str]

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def headers(self, question: Question, place: Place) -> dict[str, str]:
        """Return how a request says who asks, and its key where it changes something."""
        code, role = question.caller(place)
        who = {"Authorization": f"Bearer {self.tokens[code]}"} if self.tokens else {"x-tenant": code, "x-role": role}
        return who | ({"Idempotency-Key": KEY.decode()} if question.changes else {})


@contextmanager
def running(subject: Subject, database_url: str, port: int) -> Iterator[Server]:
    """Have a subject on a database for as long as a block lasts."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [word.format(port=port) for word in subject.command],
            cwd=subject.folder,
            env=_environment({"PORT": str(port), "DATABASE_URL": database_url, **subject.environment}),
            stdout=log,
            stderr=log,
        )
        try:
            address = f"http://127.0.0.1:{port}"
            _eventually(lambda: process.poll() is not None or _answers(address + subject.ready))
            if process.poll() is not None or not _answers(address + subject.ready):
                log.seek(0)
                raise BenchError(f"{subject.name} does not start: {log.read().decode(errors='replace')[-800:].strip()}")
            yield Server(subject, process.pid, port, tokens(subject.keys) if subject.keys else {})
        finally:
            _stop(process)


def python(*arguments: str) -> tuple[str, ...]:
    """Return the command that runs something on the Python that runs us."""
    return (sys.executable, *arguments)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _eventually(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + START
    while not holds() and time.monotonic() < until:
        time.sleep(0.05)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def _environment(ours: Mapping[str, str]) -> dict[str, str]:
    inherited = os.environ.items()  # noqa: TID251 - what a child inherits, no setting
    plain = {name: value for name, value in inherited if not name.startswith(_FORGOTTEN)}
    return plain | {"NODE_ENV": "production"} | dict(ours)
