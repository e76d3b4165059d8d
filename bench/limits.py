"""The limits: PostgreSQL pressed by pgbench with the ideal SQL, and bare uvicorn with answers of the same size."""

import json
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from urllib.parse import quote

import asyncpg

from api.database.binaries import find_binaries
from auth.connections.pool import SETTINGS
from bench.compare import differences
from bench.cpu import spent
from bench.failure import BenchError
from bench.figures import Round
from bench.load import CONNECTIONS, http
from bench.ports import free_port
from bench.questions import QUESTIONS, Place, Question
from bench.subject import Subject, python, running
from bench.turn import TURN, Asked, Course, press

PGBENCH, BARE, RAW = "limit: pgbench", "limit: bare uvicorn", "limit: raw asyncio"
_SETTLE = 0.5  # seconds until PostgreSQL has the processor time of the connections that are gone
_IDEAL = Path(__file__).with_name("ideal")


def database_turn(course: Course, names: Sequence[str] = tuple(QUESTIONS)) -> None:
    """Press the database itself with the ideal SQL, as the same role under the same row-level security."""
    url = course.fresh()
    for name in names:
        try:
            course.book.note(name, PGBENCH, _press(course, url, QUESTIONS[name]))
        except BenchError as error:
            course.book.fail(f"{PGBENCH}, {name}", str(error))


def server_turn(course: Course) -> None:
    """Press a bare uvicorn with answers as long as the product's."""
    try:
        _server_turn(course, Subject(BARE, python("-m", "bench.bare", "{port}")))
    except BenchError as error:
        course.book.fail(BARE, str(error))


def _server_turn(course: Course, subject: Subject) -> None:
    with running(subject, "", free_port()) as server:
        for name, size in course.sizes.items():
            request = http(f"/{size}", {}, json.dumps(QUESTIONS[name].body(course.places[0])).encode(), server.port)
            head = len("HTTP/1.1 200 OK\r\ndate: Thu, 01 Jan 1970 00:00:00 GMT\r\n\r\n")
            head += len(f"content-type: application/json\r\ncontent-length: {size}\r\n")
            course.book.note(name, BARE, press(course, server, Asked([request], [False], [head + size])))


def _press(course: Course, url: str, question: Question) -> Round:
    about = question.about(course.places)
    role = question.caller(about[0])[1]
    if not question.changes:
        _check(course, question, role, about)
    with tempfile.NamedTemporaryFile("w", prefix="reinstate-bench-", suffix=".sql", encoding="utf-8") as file:
        file.write(f"\\set n random(1, {len(about)})\n{_text(question, about, '{}[:n]')}")
        file.flush()
        _pgbench(url, role, file.name, course.warm)
        before = spent(None, course.ground.postmaster)
        rate, latency, requests = _pgbench(url, role, file.name, course.seconds)
        used = spent(None, course.ground.postmaster).since(before)
    return Round(rate, latency, latency, 0.0, used.database * 1e6 / requests)


def _text(question: Question, about: Sequence[Place], choice: str) -> str:
    """Return the SQL about these places; `choice` takes one of an array. So one statement is planned for all."""
    text = (_IDEAL / f"{question.name}.sql").read_text("utf-8")
    for word, kind in (("tenant", "text"), ("region", "text"), ("system", "uuid"), ("build", "uuid")):
        values = ",".join(f"'{asdict(place)[word]}'" for place in about)
        text = text.replace(f"{{{word}}}", choice.format(f"(array[{values}]::{kind}[])"))
    return text


def _check(course: Course, question: Question, role: str, about: Sequence[Place]) -> None:
    async def ask(admin: asyncpg.Connection) -> list[str]:
        await admin.execute(f"set role {role}")
        return [str(await admin.fetchval(text)) for text in (_text(question, [place], "{}[1]") for place in about)]

    for place, told in zip(about, course.ground.admin(TURN, ask), strict=True):
        found = json.loads(told)["data"]
        if wrong := differences(course.expected.setdefault((question.name, place), found), found):
            raise BenchError(f"answers something else: {'; '.join(wrong)}")


def _pgbench(url: str, role: str, file: str, seconds: float) -> tuple[float, float, int]:
    program = find_binaries().folder / "pgbench"
    quiet = ["--no-vacuum", "--protocol", "prepared", "--client", str(CONNECTIONS), "--jobs", "1"]
    options = {"role": role, **SETTINGS, "default_transaction_read_only": "off"}
    address = f"{url}?options={quote(' '.join(f'-c {name}={value}' for name, value in options.items()))}"
    told = subprocess.run(
        [str(program), *quiet, "--time", str(max(1, round(seconds))), "--file", file, address],
        capture_output=True, text=True, check=False, env={"LC_ALL": "C", "PATH": os.defpath},
    )  # fmt: skip
    time.sleep(_SETTLE)
    known = (r"^tps = ([\d.]+)", r"latency average = ([\d.]+)", r"processed: (\d+)")
    figures = [re.search(pattern, told.stdout, re.MULTILINE) for pattern in known]
    rate, latency, requests = (float(found[1]) if found else 0.0 for found in figures)
    if told.returncode or not requests:
        raise BenchError(f"pgbench gave up: {told.stderr.strip()[-400:]}")
    return rate, latency, int(requests)
