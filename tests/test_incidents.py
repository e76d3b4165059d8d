"""Incidents: national, regional, and the one-trust one that is over in a day."""

from tests.stage import Stage

PATHOLOGY = {
    "reference": "PATHOLOGY-2024",
    "title": "Pathology: samples cannot be matched",
    "cause": "IT failure, not cyber",
    "detectedAt": "2024-09-09T08:00:00Z",
    "declaration": {
        "type": "CRITICAL",
        "level": "L1",
        "reason": "Urgent bloods first",
        "effectiveFrom": "2024-09-10T09:00:00Z",
    },
}
SEEN = '{ incident(reference: "PATHOLOGY-2024") { phase declarations { nodes { type level stoodDownAt standDownEffectiveFrom } } } }'


def test_a_one_trust_incident_is_declared_and_stood_down_in_two_requests(fresh_stage: Stage) -> None:
    opened = fresh_stage.change(
        "R1A", "openIncident", **PATHOLOGY, select="id phase declarations { nodes { id version } }"
    )
    assert opened["phase"] == "DETECTED"
    (declared,) = opened["declarations"]["nodes"]
    down = {
        "declaration": declared["id"],
        "effectiveFrom": "2999-09-11T13:00:00Z",
        "expectedVersion": declared["version"],
    }
    stood = fresh_stage.change("R1A", "standDownIncident", **down, select="version stoodDownAt standDownEffectiveFrom")
    assert stood["version"] == 2
    assert stood["standDownEffectiveFrom"] == "2999-09-11T13:00:00+00:00"
    assert stood["stoodDownAt"] < stood["standDownEffectiveFrom"]
    assert fresh_stage.change("R1A", "standDownIncident", **down)["code"] == "ALREADY_DECIDED"
    (event,) = fresh_stage.ask("R1A", "{ activity(first: 200) { nodes { verb effectiveAt recordedAt } } }")["activity"][
        "nodes"
    ][-1:]
    assert (event["verb"], event["effectiveAt"]) == ("standDownIncident", "2999-09-11T13:00:00+00:00")


def test_its_region_and_the_national_team_see_it_and_nobody_else(fresh_stage: Stage) -> None:
    fresh_stage.change("R1A", "openIncident", **PATHOLOGY)
    for may in ("R1A", "Y60", "NATIONAL", "AUDITOR"):
        assert len(fresh_stage.ask(may, SEEN)["incident"]["declarations"]["nodes"]) == 1, may
    for may_not in ("RNK", "RYG", "Y56", "SUPPLIER", "ASSURER", "QGH"):
        assert fresh_stage.ask(may_not, SEEN) == {"incident": None}, may_not


def test_a_region_opens_for_its_own_trusts(fresh_stage: Stage) -> None:
    fresh_stage.change("Y60", "openIncident", reference="REGION-1", title="Regional", detectedAt="2024-06-03T08:00:00Z")
    asked = '{ incident(reference: "REGION-1") { openedBy { odsCode } } }'
    for may in ("R1A", "RYG", "Y60", "NATIONAL"):
        assert fresh_stage.ask(may, asked)["incident"] == {"openedBy": {"odsCode": "Y60"}}, may
    for may_not in ("RNK", "Y56", "SUPPLIER"):
        assert fresh_stage.ask(may_not, asked) == {"incident": None}, may_not


def test_each_organisation_declares_for_itself_once_at_a_time(fresh_stage: Stage) -> None:
    incident = fresh_stage.change(
        "NATIONAL",
        "openIncident",
        reference="CARENOTES-2022",
        title="Attack",
        detectedAt="2022-08-04T06:00:00Z",
    )
    declared = {"incident": incident["id"], "type": "CRITICAL", "level": "L1", "reason": "Record lost"}
    assert fresh_stage.change("R1A", "declareIncident", **declared)["__typename"] == "IncidentDeclaration"
    assert fresh_stage.change("R1A", "declareIncident", **declared)["code"] == "ALREADY_DECIDED"
    assert fresh_stage.change("RNK", "declareIncident", **declared)["__typename"] == "IncidentDeclaration"
    count = '{ incident(reference: "CARENOTES-2022") { declarations { totalCount } } }'
    counts = {
        code: fresh_stage.ask(code, count)["incident"]["declarations"]["totalCount"]
        for code in ("R1A", "Y60", "NATIONAL", "SUPPLIER")
    }
    assert counts == {"R1A": 1, "Y60": 1, "NATIONAL": 2, "SUPPLIER": 0}
