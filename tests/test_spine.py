"""The story: a trust's test report reaches its region, and nobody else."""

import pytest

from tests.stage import PROMISED, Stage

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
def told(stage: Stage) -> dict[str, str]:
    """The ids of a story told up to R1A's first system."""
    return stage.tell("R1A")


PROGRESS = """{ progress(incident: "CARENOTES-2022", region: "Y60") {
    organisation { odsCode } testing mandatoryMet mandatoryTotal percentMet openFailures hoursSinceReport
    latestReport { outcome test } nextMilestone { title slippedDays timesSlipped } } }"""


def test_a_failed_then_a_passed_test_reach_the_region(stage: Stage, told: dict[str, str]) -> None:
    (line,) = stage.ask("Y60", PROGRESS)["progress"]
    assert (line["testing"], line["percentMet"], line["openFailures"]) == ("NOT_REPORTED", None, None)

    stage.change("R1A", "reportTest", system=told["R1A"], build=told["build"], test="SMOKE", **FAILED)
    (line,) = stage.ask("Y60", PROGRESS)["progress"]
    assert (line["testing"], line["percentMet"], line["openFailures"]) == ("OPEN_FAILURES", 0, 1)

    stage.change("R1A", "reportTest", system=told["R1A"], build=told["build"], test="SMOKE", **PASSED)
    (line,) = stage.ask("Y60", PROGRESS)["progress"]
    assert (line["testing"], line["mandatoryMet"], line["openFailures"]) == ("IN_PROGRESS", 1, 0)
    assert line["latestReport"] == {"outcome": "PASSED", "test": "SMOKE"}
    assert line["hoursSinceReport"] == 0


def test_a_forecast_revised_twice_shows_its_slip(stage: Stage, told: dict[str, str]) -> None:
    milestone = stage.change("SUPPLIER", "publishMilestone", product=told["product"], **PROMISED)
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
    assert line["nextMilestone"] == {"title": "Handover", "slippedDays": 83, "timesSlipped": 2}


def test_another_trust_sees_nothing_of_it(stage: Stage, told: dict[str, str]) -> None:
    assert stage.ask("RNK", PROGRESS) == {"progress": []}
    assert stage.ask("RNK", "query($id: ID!) { node(id: $id) { id } }", id=told["R1A"]) == {"node": None}
    assert stage.ask("RNK", "{ systems { totalCount } }") == {"systems": {"totalCount": 0}}
    refused = stage.change("RNK", "reportTest", system=told["R1A"], build=told["build"], test="SMOKE", **PASSED)
    assert (refused["__typename"], refused["path"]) == ("NotFound", ["input", "system"])
