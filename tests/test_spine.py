"""The story: a trust's test report reaches its region, and nobody else."""

from typing import Any

import pytest

from tests.stage import Stage

PASSED = {
    "outcome": "PASSED",
    "planned": 20,
    "run": 20,
    "passed": 20,
    "failed": 0,
    "blocked": 0,
    "entryMet": True,
    "exitMet": True,
}
FAILED = {**PASSED, "outcome": "FAILED", "passed": 18, "failed": 2, "exitMet": False}


@pytest.fixture(scope="module")
def told(stage: Stage) -> dict[str, Any]:
    """The ids of a story told up to R1A's first system."""
    incident = stage.change(
        "NATIONAL",
        "openIncident",
        reference="CARENOTES-2022",
        title="Supplier cyber-attack",
        detectedAt="2022-08-04T06:00:00Z",
        containedAt="2022-08-04T06:00:00Z",
        supplierOds="SUPPLIER",
    )
    product = stage.change(
        "SUPPLIER",
        "registerProduct",
        code="CARENOTES",
        name="Carenotes",
        category="ELECTRONIC_PATIENT_RECORD",
    )
    build = stage.change(
        "SUPPLIER",
        "registerBuild",
        product=product["id"],
        label="CN-R1",
        builtAt="2022-11-07T12:00:00Z",
        safetyRelevantChange=True,
    )
    system = stage.change(
        "R1A",
        "registerSystem",
        product=product["id"],
        incident=incident["id"],
        name="Carenotes",
        teamsTotal=158,
        accountsTotal=4166,
    )
    return {
        "incident": incident["id"],
        "product": product["id"],
        "build": build["id"],
        "system": system["id"],
    }


PROGRESS = """{ progress(incident: "CARENOTES-2022", region: "Y60") {
    organisation { odsCode } testing mandatoryMet mandatoryTotal percentMet openFailures hoursSinceReport
    latestReport { outcome test } nextMilestone { title slippedDays timesSlipped } } }"""


def test_a_failed_then_a_passed_test_reach_the_region(stage: Stage, told: dict[str, Any]) -> None:
    (line,) = stage.ask("Y60", PROGRESS)["progress"]
    assert (line["testing"], line["percentMet"], line["openFailures"]) == ("NOT_REPORTED", None, None)

    stage.change("R1A", "reportTest", system=told["system"], build=told["build"], test="SMOKE", **FAILED)
    (line,) = stage.ask("Y60", PROGRESS)["progress"]
    assert (line["testing"], line["percentMet"], line["openFailures"]) == ("OPEN_FAILURES", 0, 1)

    stage.change("R1A", "reportTest", system=told["system"], build=told["build"], test="SMOKE", **PASSED)
    (line,) = stage.ask("Y60", PROGRESS)["progress"]
    assert (line["testing"], line["mandatoryMet"], line["openFailures"]) == ("IN_PROGRESS", 1, 0)
    assert line["latestReport"] == {"outcome": "PASSED", "test": "SMOKE"}
    assert line["hoursSinceReport"] == 0


def test_a_forecast_revised_twice_shows_its_slip(stage: Stage, told: dict[str, Any]) -> None:
    milestone = stage.change(
        "SUPPLIER",
        "publishMilestone",
        product=told["product"],
        kind="HANDOVER",
        title="First handover",
        baselineOn="2022-09-08",
        confidence="LOW",
    )
    for day in ("2022-09-30", "2022-11-30"):
        answer = stage.change(
            "SUPPLIER",
            "reviseForecast",
            milestone=milestone["id"],
            forecastOn=day,
            confidence="MEDIUM",
            reasonCode="REBUILD_LONGER",
            select="timesRevised timesSlipped slippedDays overdue forecasts { totalCount nodes { number movedDays } }",
        )
    assert answer["timesSlipped"] == 2
    assert answer["slippedDays"] == 83
    assert answer["forecasts"] == {
        "totalCount": 3,
        "nodes": [
            {"number": 0, "movedDays": 0},
            {"number": 1, "movedDays": 22},
            {"number": 2, "movedDays": 61},
        ],
    }
    assert answer["overdue"] is True
    (line,) = stage.ask("Y60", PROGRESS)["progress"]
    assert line["nextMilestone"] == {"title": "First handover", "slippedDays": 83, "timesSlipped": 2}


def test_another_trust_sees_nothing_of_it(stage: Stage, told: dict[str, Any]) -> None:
    assert stage.ask("RNK", PROGRESS) == {"progress": []}
    assert stage.ask("RNK", "query($id: ID!) { node(id: $id) { id } }", id=told["system"]) == {"node": None}
    assert stage.ask("RNK", "{ systems { totalCount } }") == {"systems": {"totalCount": 0}}
    refused = stage.change("RNK", "reportTest", system=told["system"], build=told["build"], test="SMOKE", **PASSED)
    assert (refused["__typename"], refused["path"]) == ("NotFound", ["input", "system"])
