"""One subject's turn: started anew on a fresh copy of the data, checked against the others, pressed."""

import http.client
import io
import json
import secrets
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from bench.compare import differences
from bench.cpu import spent
from bench.failure import BenchError
from bench.figures import Book, Round
from bench.ground import Ground
from bench.load import CONNECTIONS, KEY, Pressed, written
from bench.load import http as spelt
from bench.ports import free_port
from bench.questions import Place, Question
from bench.subject import Server, Subject, running

TURN = "reinstate"  # the database of the turn
_CHUNK = 65_536
_WRITTEN = "select (select count(*) from test_report) + (select count(*) from {peers})"
_IGNORED = ("reportTest.id", "reportTest.reportedAt", "reportTest.__typename")  # each change has its own


@dataclass(frozen=True)
class Asked:
    """Requests to send in turn: how long each answer is where that is known, and which of them write a row."""

    requests: Sequence[bytes]
    writes: Sequence[bool]
    sizes: Sequence[int] = ()

    def rows(self, requests: int) -> int:
        """Return the least rows that so many answered requests wrote; some are answered out of turn."""
        rounds, rest = divmod(requests, len(self.writes))
        return rounds * sum(self.writes) + sum(self.writes[:rest]) - CONNECTIONS

    def weigh(self, pressed: Pressed) -> None:
        """Refuse answers that together weigh less, or more, than so many right ones: errors that say 200 do."""
        right = pressed.requests * sum(self.sizes) / len(self.sizes)
        slack = len(self.sizes) * (max(self.sizes) - min(self.sizes))
        if not right - slack <= pressed.bytes <= right + slack + CONNECTIONS * max(self.sizes):
            raise BenchError(f"{pressed.requests} answers weighed {pressed.bytes} bytes instead of {right:.0f}")


@dataclass
class Course:
    """What all subjects are measured on, and what the first of them answered."""

    ground: Ground
    template: str
    places: Sequence[Place]
    warm: float
    seconds: float
    book: Book = field(default_factory=Book)
    expected: dict[tuple[str, Place], Any] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)  # bytes of a body by question

    def fresh(self) -> str:
        """Put fresh data in place; return their address."""
        return self.ground.url(self.ground.copy(self.template, TURN))


def take(course: Course, subject: Subject) -> None:
    """Let a subject take its turn; what fails is written down and spoils only its own figures."""
    try:
        with running(subject, course.fresh(), subject.port or free_port()) as server:
            for question in subject.questions.values():
                _answer(course, server, question)
    except (BenchError, OSError) as error:
        course.book.fail(subject.name, str(error))


def _answer(course: Course, server: Server, question: Question) -> None:
    try:
        measured = press(course, server, check(course, server, question))
        course.book.note(question.name, server.subject.name, measured)
    except BenchError as error:
        course.book.fail(f"{server.subject.name}, {question.name}", str(error))


def check(course: Course, server: Server, question: Question) -> Asked:
    """Return what a question sends, having found every answer to it right; a read also when it is asked again."""
    requests, sizes = [], []
    for place in question.about(course.places):
        body = json.dumps(question.body(place)).encode()
        request = spelt("/graphql", server.headers(question, place), body, server.port)
        size = 0
        for _ in range(1 if question.changes else 2):
            size, told = _told(server.port, request)
            _hold(course, question, place, told)
        requests.append(request)
        sizes.append(size)
    return Asked(requests, [question.changes] * len(requests), () if question.changes else sizes)


def _hold(course: Course, question: Question, place: Place, told: bytes) -> None:
    found = _data(told)
    course.sizes.setdefault(question.name, len(told))
    expected = course.expected.setdefault((question.name, place), found)
    if wrong := differences(expected, found, question.reshape, _IGNORED):
        raise BenchError(f"answers something else: {'; '.join(wrong)}")


def press(course: Course, server: Server, asked: Asked) -> Round:
    """Press a server, and hold that every answer was one."""
    with written(server.address, asked.requests) as load:
        load.press(course.warm)
        rows = course.ground.admin(TURN, rows_written)
        before = spent(server.process, course.ground.postmaster)
        pressed = load.press(course.seconds)
        used = spent(server.process, course.ground.postmaster).since(before)
    if pressed.errors or not pressed.requests:
        raise BenchError(f"{pressed.errors} of {pressed.requests + pressed.errors} requests failed")
    if asked.sizes:
        asked.weigh(pressed)
    if (kept := course.ground.admin(TURN, rows_written) - rows) < asked.rows(pressed.requests):
        raise BenchError(f"{pressed.requests} requests were answered and {kept} rows kept")
    each = 1e6 / pressed.requests
    return Round(pressed.rate, pressed.p50 / 1e3, pressed.p99 / 1e3, used.server * each, used.database * each)


async def rows_written(admin: asyncpg.Connection) -> int:
    """Return how many reports there are, ours and the peers'."""
    peers = (
        "bench_report" if await admin.fetchval("select to_regclass('bench_report')") else "(select) none where false"
    )
    return int(await admin.fetchval(_WRITTEN.format(peers=peers)))


def _data(told: bytes) -> Any:
    try:
        body = json.loads(told)
    except ValueError as error:
        raise BenchError("answers with what is no JSON") from error
    if body.get("errors") or not body.get("data"):
        raise BenchError(f"answers with errors: {told[:400].decode(errors='replace')}")
    return body["data"]


def _told(port: int, request: bytes) -> tuple[int, bytes]:
    """Return how long an answer is on the wire, and its body."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as wire:
        wire.sendall(request.replace(KEY, secrets.token_hex(len(KEY) // 2).encode()))
        raw = b""
        while not _whole(raw):
            more = wire.recv(_CHUNK)
            if not more:
                break
            raw += more
    if not _whole(raw):
        raise BenchError("hangs up before it has answered")
    answer = http.client.HTTPResponse(_Heard(raw))  # type: ignore[arg-type]  # it reads from anything with makefile
    answer.begin()
    if answer.status != http.client.OK:
        raise BenchError(f"answers {answer.status}: {answer.read()[:400].decode(errors='replace')}")
    return len(raw), answer.read()


def _whole(raw: bytes) -> bool:
    head, found, body = raw.partition(b"\r\n\r\n")
    if not found:
        return False
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return len(body) >= int(line.partition(b":")[2])
    return body.endswith(b"0\r\n\r\n")


@dataclass(frozen=True)
class _Heard:
    raw: bytes

    def makefile(self, *_: object) -> io.BytesIO:
        return io.BytesIO(self.raw)
