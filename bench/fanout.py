"""Fan-out: one change told to so many WebSocket listeners; how late the last hear of it, and what each costs."""

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.progress import Progress

from bench.bars import MERCURIUS
from bench.cpu import spent
from bench.failure import BenchError
from bench.limits import RAW
from bench.ports import free_port
from bench.product import CACHED
from bench.questions import QUESTIONS, document
from bench.subject import ROOT, Server, Subject, python, running
from bench.turn import Course

FEW, ALL = {500: 40}, {500: 40, 5_000: 12, 10_000: 8}  # listeners, and changes they are told of
_LIMIT = Subject(RAW, python("-m", "bench.bare_fan", "{port}"), ready="/")
_TOLD = (CACHED, MERCURIUS)
_CHANGE = QUESTIONS["M1"]
Fanned = dict[str, dict[str, dict[str, float]]]


def fanned(course: Course, subjects: Sequence[Subject], sizes: Mapping[int, int], progress: Progress) -> Fanned:
    """Return for each number of listeners what each subject needed; what fails is written down."""
    told: Fanned = {}
    fan = [subject for subject in subjects if subject.name in _TOLD] + [_LIMIT]
    for listeners, changes in progress.track(sizes.items(), description="Fan-out"):
        for subject in fan:
            try:
                told.setdefault(str(listeners), {})[subject.name] = _fan(course, subject, listeners, changes)
            except (BenchError, OSError) as error:
                course.book.fail(f"{subject.name}, {listeners:,} listeners", str(error))
    return told


def _fan(course: Course, subject: Subject, listeners: int, changes: int) -> dict[str, float]:
    with running(subject, course.fresh(), subject.port or free_port()) as server:
        held = _memory(server.process)
        with _listening(_asked(course, server, listeners, changes)) as child:
            grown = _memory(server.process) - held
            before = spent(server.process, course.ground.postmaster)
            heard = _told(child, "go\n")
            used = spent(server.process, course.ground.postmaster).since(before)
    each = 1e6 / heard["frames"]
    return {
        "p50_ms": heard["p50"],
        "p99_ms": heard["p99"],
        "server_us": round(used.server * each, 2),
        "database_us": round(used.database * each, 2),
        "kilobytes": round(grown / listeners, 1),
    }


def _asked(course: Course, server: Server, listeners: int, changes: int) -> dict[str, Any]:
    place = course.places[0]
    return {
        "port": server.port,
        "url": f"{server.address}/graphql",
        "headers": server.headers(_CHANGE, place),
        "document": document("F1"),
        "change": server.subject.questions[_CHANGE.name].body(place),
        "listeners": listeners,
        "events": changes,
    }


@contextmanager
def _listening(asked: Mapping[str, Any]) -> Iterator["subprocess.Popen[str]"]:
    """Have so many listeners, each of whom has heard of a change, for as long as a block lasts."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(python("-m", "bench.listeners"), cwd=ROOT, text=True, **pipes) as child:  # type: ignore[call-overload] # pipes
        try:
            if _line(child, json.dumps(asked) + "\n") != "ready":
                raise BenchError("the listeners did not hear of the first change")
            yield child
        finally:
            child.kill()


def _told(child: "subprocess.Popen[str]", word: str) -> dict[str, float]:
    told: dict[str, float] = json.loads(_line(child, word))
    return told


def _line(child: "subprocess.Popen[str]", word: str) -> str:
    if child.stdin is None or child.stdout is None or child.stderr is None:
        raise BenchError("the listeners have no pipes")
    child.stdin.write(word)
    child.stdin.flush()
    line = child.stdout.readline().strip()
    if not line:
        raise BenchError(f"the listeners gave up: {child.stderr.read().strip()[-400:]}")
    return line


def _memory(process: int) -> float:
    """Return the kilobytes of memory that a process has in use."""
    status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    (line,) = (line for line in status.splitlines() if line.startswith("VmRSS:"))
    return float(line.split()[1])
