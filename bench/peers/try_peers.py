"""Try the peers: each must answer as the product does, write what it says, and show a stranger nothing.

Run from the root of the repository, after `npm ci --prefix bench/peers`: `python -m bench.peers.try_peers`.
"""

import asyncio
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from api.database import embedded
from bench.compare import differences
from bench.others import peers
from bench.ports import free_port
from bench.questions import QUESTIONS, Place, Question
from bench.subject import Server, running
from schema.kept.node import read_global_id
from tests.conftest import clone, make_template
from tests.stage import PROMISED, Stage

SIDE = Path(__file__).with_name("side.sql")
NEXT, SAME = "\n  ", "as the product answers"
IGNORED = ("reportTest.id", "reportTest.reportedAt", "reportTest.__typename")  # each change has its own
COUNTS = (
    "select (select count(*) from bench_report), (select count(*) from bench_audit), sum(version) from bench_system"
)
PASSED = {"outcome": "PASSED", "planned": 9, "run": 9, "passed": 9, "failed": 0, "blocked": 0}
OVERSLEPT = {"reasonCode": "DEFECT", "confidence": "LOW", "note": 'Ein "Wort"\n'}


def fill(stage: Stage) -> Place:
    """Tell a small story; return the system that is asked about."""
    told = stage.tell("R1A", "RYG", "RNK")
    for code, test in (("R1A", "SMOKE"), ("R1A", "ACCESS"), ("RYG", "SMOKE")):
        about = {"system": told[code], "build": told["build"], "test": test}
        stage.change(code, "reportTest", **about, **PASSED, entryMet=True, exitMet=True)
    for promised in range(5):
        given = {"product": told["product"], "system": told["R1A"] if promised else None}
        milestone = stage.change("SUPPLIER", "publishMilestone", **PROMISED, **given)["id"]
        for revised in range(promised * 2):
            moved = {"milestone": milestone, "forecastOn": f"2022-09-{10 + revised}"}
            stage.change("SUPPLIER", "reviseForecast", **moved, **OVERSLEPT)
    system, build = (str((read_global_id(told[name]) or ("", ""))[1]) for name in ("R1A", "build"))
    return Place("R1A", "Y60", system, build)


def faults(server: Server, stage: Stage, place: Place) -> Iterator[str]:
    """Say what a peer gets wrong, asking everything three times: compiled answers come later."""
    for name, question in server.subject.questions.items():
        body = QUESTIONS[name].body(place)
        expected = stage.ask(question.caller(place)[0], body["query"], **body["variables"])
        for _ in range(3):
            yield from (f"{name}: {fault}" for fault in _asked(server, question, place, stage, expected))


def _asked(server: Server, question: Question, place: Place, stage: Stage, expected: Any) -> Iterator[str]:
    before = _counts(stage)
    found = _answer(server, question, place, server.headers(question, place))
    yield from differences(expected, found.get("data"), question.reshape, IGNORED)
    yield from map(str, found.get("errors", []))
    after = _counts(stage)
    if [there - then for there, then in zip(after, before, strict=True)] != [question.changes] * 3:
        yield f"wrote {before} to {after}"
    stranger = (
        {"x-tenant": "Y56", "x-role": "app_region"}
        if question.by_region
        else {"x-tenant": "RNK", "x-role": "app_trust"}
    )
    shown = json.dumps(_answer(server, question, place, stranger))
    if "Carenotes" in shown or "SMOKE" in shown or _counts(stage) != after:
        yield f"a stranger saw or changed something: {shown}"


def _answer(server: Server, question: Question, place: Place, headers: Mapping[str, str]) -> Any:
    answer = httpx.post(f"{server.address}/graphql", json=question.body(place), headers=headers, trust_env=False)
    return answer.json()


def _counts(stage: Stage) -> list[int]:
    return list(_administer(stage, COUNTS))


def _administer(stage: Stage, statement: str) -> Any:
    async def run() -> Any:
        admin = await asyncpg.connect(stage.server.admin_url, database=stage.name)
        try:
            return await (admin.fetchrow(statement) if statement is COUNTS else admin.execute(statement))
        finally:
            await admin.close()

    return asyncio.run(run())


def main() -> int:
    """Try each peer on one small database; return how many went wrong."""
    folder = Path(tempfile.mkdtemp(prefix="reinstate-peers-", dir="/tmp"))
    folder.chmod(0o711)
    wrong = 0
    try:
        with embedded.running(folder / "pg", port=free_port(), durable=False) as server:
            asyncio.run(make_template(server))
            stage = Stage(server, clone(server))
            place = fill(stage)
            _administer(stage, SIDE.read_text("utf-8"))
            for peer in peers():
                with running(peer, stage.url, free_port()) as running_peer:
                    told = list(faults(running_peer, stage, place))
                wrong += bool(told)
                sys.stdout.write(f"{peer.name}: {NEXT.join(told) or SAME}\n")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return wrong


if __name__ == "__main__":
    sys.exit(main())
