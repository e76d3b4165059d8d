"""Statements a request: the same few, however many systems, reports and milestones there are."""

import asyncio
import datetime as dt
import json
from collections.abc import Sequence
from typing import Any
from unittest.mock import patch

import asyncpg
import pytest

from api.graphql.engine import Engine, Request
from auth.connections.lane import Lane
from auth.tenancy import Database
from tests.stage import Stage, caller
from tests.test_spine import PASSED

PROGRESS = """{ progress(incident: "CARENOTES-2022") { organisation { name } system { name } state testing percentMet
    latestReport { outcome } nextMilestone { title slippedDays } currentBuild { label } } }"""
PAGE = """{ organisation(odsCode: "R1A") { name region { name } systems { totalCount nodes { name
    product { name supplier { name } } currentBuild { label } interimSystems { nodes { name } }
    reports(first: 5) { totalCount nodes { outcome testMilestone { title } build { label } } }
    milestones { nodes { title forecasts(first: 3) { nodes { forecastOn } } } } } } } }"""


def statements(stage: Stage, code: str, document: str) -> tuple[int, dict[str, Any]]:
    """Count the statements that a question or a change sends, on either path."""

    async def run() -> tuple[int, bytes]:
        database = Database(stage.url)
        sent: list[str] = []
        rows = Lane.rows

        async def noted(lane: Lane, statement: str, arguments: Sequence[Any] = ()) -> list[asyncpg.Record]:
            sent.append(statement)
            return await rows(lane, statement, arguments)

        try:
            with patch.object(Lane, "rows", noted):
                answer = await Engine(database).answer(Request(document, {}, None, "counted"), caller(code))
            return len(sent), answer.body
        finally:
            await database.close()

    count, body = asyncio.run(run())
    told = json.loads(body)
    assert "errors" not in told
    return count, told["data"]


@pytest.fixture
def crowded(fresh_stage: Stage) -> Stage:
    """Two systems of R1A, then more and more of everything."""
    stage = fresh_stage
    told = stage.tell()
    stage.build, stage.product, stage.incident = told["build"], told["product"], told["incident"]
    return stage


def grow(stage: Any, number: int) -> None:
    """Add a system with reports, an interim system and a promise moved once."""
    system = stage.change(
        "R1A", "registerSystem", product=stage.product, incident=stage.incident, name=f"Carenotes {number}"
    )["id"]
    for test in ("SMOKE", "UAT"):
        stage.change("R1A", "reportTest", system=system, build=stage.build, test=test, **PASSED)
    stage.change("R1A", "registerInterimSystem", system=system, kind="PAPER", name="Paper", liveOn="2022-08-04")
    promised = {
        "product": stage.product,
        "system": system,
        "kind": "HANDOVER",
        "title": "Handover",
        "baselineOn": "2022-09-08",
        "confidence": "LOW",
    }
    milestone = stage.change("SUPPLIER", "publishMilestone", **promised)["id"]
    day = dt.date(2022, 9, 30).isoformat()
    stage.change(
        "SUPPLIER", "reviseForecast", milestone=milestone, forecastOn=day, confidence="LOW", reasonCode="DEFECT"
    )


def test_progress_is_one_statement_however_many_systems(crowded: Stage) -> None:
    counts = []
    for number in range(4):
        grow(crowded, number)
        count, data = statements(crowded, "Y60", PROGRESS)
        assert len(data["progress"]) == number + 1
        counts.append(count)
    assert set(counts) == {1}


def test_a_trusts_page_is_one_statement_however_many_rows(crowded: Stage) -> None:
    counts = []
    for number in range(4):
        grow(crowded, number)
        count, data = statements(crowded, "R1A", PAGE)
        systems = data["organisation"]["systems"]
        assert systems["totalCount"] == number + 1
        assert all(node["reports"]["totalCount"] == 2 for node in systems["nodes"])
        assert all(len(node["milestones"]["nodes"][0]["forecasts"]["nodes"]) == 2 for node in systems["nodes"])
        counts.append(count)
    assert set(counts) == {1}


def test_a_report_is_kept_in_five_statements(crowded: Stage) -> None:
    grow(crowded, 0)
    (line,) = statements(crowded, "R1A", "{ progress { system { id } } }")[1]["progress"]
    given = {"system": line["system"]["id"], "build": crowded.build, **PASSED}
    told = ", ".join(f"{name}: {json.dumps(value)}" for name, value in given.items() if name != "outcome")
    counts = []
    for number in range(3):
        stated = f'{told}, test: SMOKE, outcome: PASSED, idempotencyKey: "counted-{number}"'
        document = f"mutation {{ reportTest(input: {{ {stated} }}) {{ ... on TestReport {{ id }} }} }}"
        count, data = statements(crowded, "R1A", document)
        assert data["reportTest"]["id"]
        counts.append(count)
    assert set(counts) == {5}
