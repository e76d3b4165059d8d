"""Milestones and pages: promises, stale screens, and lists that do not shift under their reader."""

from typing import Any

import pytest

from tests.stage import Stage


@pytest.fixture
def product(fresh_stage: Stage) -> str:
    """A product of the supplier."""
    made = fresh_stage.change("SUPPLIER", "registerProduct", code="CARENOTES", name="Carenotes", category="EPR")
    return str(made["id"])


def publish(stage: Stage, product: str, title: str = "Handover", **more: Any) -> dict[str, Any]:
    """Publish a milestone promised for 8 September 2022."""
    promised = {
        "product": product,
        "kind": "HANDOVER",
        "title": title,
        "baselineOn": "2022-09-08",
        "confidence": "LOW",
    }
    return stage.change("SUPPLIER", "publishMilestone", **promised, **more, select="id version status overdue")


def test_a_stale_screen_is_told_the_version_there_is(fresh_stage: Stage, product: str) -> None:
    milestone = publish(fresh_stage, product)
    moved = {
        "milestone": milestone["id"],
        "forecastOn": "2022-09-30",
        "confidence": "LOW",
        "reasonCode": "DEFECT",
    }
    assert (
        fresh_stage.change("SUPPLIER", "reviseForecast", **moved, expectedVersion=1, select="version")["version"] == 2
    )
    stale = fresh_stage.change("SUPPLIER", "reviseForecast", **{**moved, "forecastOn": "2022-10-10"}, expectedVersion=1)
    assert (stale["code"], stale["currentVersion"]) == ("VERSION_CONFLICT", 2)


def test_a_milestone_is_met_once_and_never_in_the_future(fresh_stage: Stage, product: str) -> None:
    milestone = publish(fresh_stage, product)
    assert milestone["overdue"] is True
    later = {"milestone": milestone["id"], "actualAt": "2999-01-01T00:00:00Z"}
    assert fresh_stage.change("SUPPLIER", "meetMilestone", **later)["errors"][0]["path"] == [
        "input",
        "actualAt",
    ]
    met = {"milestone": milestone["id"], "actualAt": "2022-11-30T10:00:00Z"}
    assert fresh_stage.change("SUPPLIER", "meetMilestone", **met, select="status slippedDays overdue") == {
        "__typename": "Milestone",
        "status": "MET",
        "slippedDays": 83,
        "overdue": False,
    }
    assert fresh_stage.change("SUPPLIER", "meetMilestone", **met)["code"] == "ALREADY_DECIDED"


def test_a_promise_to_one_trust_is_that_trusts_alone(fresh_stage: Stage, product: str) -> None:
    incident = fresh_stage.change(
        "NATIONAL",
        "openIncident",
        reference="CARENOTES-2022",
        title="Attack",
        detectedAt="2022-08-04T06:00:00Z",
    )
    system = fresh_stage.change("R1A", "registerSystem", product=product, incident=incident["id"], name="Carenotes")
    publish(fresh_stage, product, "Handover to everyone")
    publish(fresh_stage, product, "Handover to R1A", system=system["id"])
    seen = {
        code: fresh_stage.ask(code, "{ milestones { totalCount } }")["milestones"]["totalCount"]
        for code in ("R1A", "Y60", "RNK", "Y56", "RIVAL")
    }
    assert seen == {"R1A": 2, "Y60": 2, "RNK": 1, "Y56": 1, "RIVAL": 1}


def test_pages_go_on_where_they_stopped_and_refuse_a_strange_cursor(fresh_stage: Stage, product: str) -> None:
    for number in range(7):
        publish(fresh_stage, product, f"Promise {number}")
    asked = "query($after: String, $status: MilestoneStatus) { milestones(first: 3, after: $after, status: $status) { nodes { title } pageInfo { hasNextPage endCursor } totalCount } }"
    titles, after = [], None
    while True:
        page = fresh_stage.ask("RNK", asked, after=after)["milestones"]
        titles += [node["title"] for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        assert page["totalCount"] == 7
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert titles == [f"Promise {number}" for number in range(7)]
    assert b"BAD_CURSOR" in fresh_stage.answer("RNK", asked, after=after, status="MET").body
    assert b"BAD_CURSOR" in fresh_stage.answer("RNK", asked, after="bm9uc2Vuc2U").body
    assert b"BAD_PAGE" in fresh_stage.answer("RNK", "{ milestones(first: 201) { totalCount } }").body
