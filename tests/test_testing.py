"""Testing: what counts, what a correction changes, what a new build makes stale."""

from typing import Any

import pytest

from tests.stage import Stage
from tests.test_spine import FAILED, PASSED

LINE = (
    '{ progress(incident: "CARENOTES-2022") { testing mandatoryMet percentMet openFailures currentBuild { label } } }'
)
MANDATORY = ("CONNECTIVITY", "SMOKE", "ACCESS", "INTERFACE", "DATA_INTEGRITY", "UAT", "OAT")


@pytest.fixture
def told(fresh_stage: Stage) -> dict[str, Any]:
    """A system of R1A on the build CN-R1."""
    stage = fresh_stage
    told = stage.tell("R1A")
    return {"stage": stage, "product": told["product"], "system": told["R1A"], "build": told["build"]}


def release(stage: Stage, product: str, label: str, *, safety: bool = True) -> str:
    """Register a build and return its id."""
    built = {
        "product": product,
        "label": label,
        "builtAt": "2022-11-07T12:00:00Z",
        "safetyRelevantChange": safety,
    }
    return str(stage.change("SUPPLIER", "registerBuild", **built)["id"])


def report(told: dict[str, Any], test: str, figures: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Report a test on the told system."""
    given = {"system": told["system"], "build": told["build"], "test": test, **figures, **more}
    answer: dict[str, Any] = told["stage"].change("R1A", "reportTest", select="id test outcome", **given)
    return answer


def line(told: dict[str, Any]) -> dict[str, Any]:
    """Return the region's line for the told system."""
    (only,) = told["stage"].ask("Y60", LINE)["progress"]
    return dict(only)


def test_all_mandatory_tests_met_is_a_hundred_percent(told: dict[str, Any]) -> None:
    for test in MANDATORY:
        assert report(told, test, PASSED)["__typename"] == "TestReport"
    assert line(told) == {
        "testing": "ALL_MET",
        "mandatoryMet": 7,
        "percentMet": 100,
        "openFailures": 0,
        "currentBuild": {"label": "CN-R1"},
    }


def test_a_correction_counts_instead_of_the_report_and_only_once(told: dict[str, Any]) -> None:
    wrong = report(told, "SMOKE", FAILED)
    right = told["stage"].change(
        "R1A",
        "correctTestReport",
        corrects=wrong["id"],
        reason="Two cases were counted twice",
        **PASSED,
        select="id reason corrects { id outcome } system { name }",
    )
    assert right["corrects"] == {"id": wrong["id"], "outcome": "FAILED"}
    assert (line(told)["openFailures"], line(told)["mandatoryMet"]) == (0, 1)
    again = told["stage"].change("R1A", "correctTestReport", corrects=wrong["id"], reason="Once more", **PASSED)
    assert again["code"] == "ALREADY_DECIDED"


def test_correcting_an_old_report_does_not_outdo_a_later_one(told: dict[str, Any]) -> None:
    old = report(told, "SMOKE", PASSED, asOf="2022-12-01T09:00:00Z")
    report(told, "SMOKE", FAILED, asOf="2022-12-02T09:00:00Z")
    told["stage"].change("R1A", "correctTestReport", corrects=old["id"], reason="Wrong figures", **PASSED)
    assert line(told)["openFailures"] == 1


def test_a_safety_relevant_build_makes_results_stale_and_others_do_not(told: dict[str, Any]) -> None:
    report(told, "SMOKE", PASSED)
    release(told["stage"], told["product"], "CN-R1.0.1", safety=False)
    assert line(told)["mandatoryMet"] == 1
    release(told["stage"], told["product"], "CN-R1.1", safety=True)
    assert line(told) == {
        "testing": "NOT_REPORTED",
        "mandatoryMet": None,
        "percentMet": None,
        "openFailures": None,
        "currentBuild": {"label": "CN-R1.1"},
    }


def test_a_superseded_build_is_refused_naming_the_current_one(told: dict[str, Any]) -> None:
    release(told["stage"], told["product"], "CN-R1.1")
    refused = report(told, "SMOKE", PASSED)
    assert (refused["code"], refused["currentLabel"]) == ("BUILD_SUPERSEDED", "CN-R1.1")


@pytest.mark.parametrize(
    "wrong",
    [
        {"run": 21},
        {"passed": 19},
        {"entryMet": False},
        {"outcome": "FAILED"},
        {"asOf": "2999-01-01T00:00:00Z"},
        {"planned": -1},
    ],
)
def test_figures_that_cannot_be_are_refused(told: dict[str, Any], wrong: dict[str, Any]) -> None:
    assert report(told, "SMOKE", {**PASSED, **wrong})["code"] == "VALIDATION_FAILED"
    assert line(told)["testing"] == "NOT_REPORTED"
