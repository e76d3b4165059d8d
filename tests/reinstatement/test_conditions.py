"""Conditions of the steps: each in the way by itself, told with who can clear it, and gone once it is cleared."""

from typing import Any

import asyncpg
import pytest

from tests.ledger import as_superuser
from tests.reinstatement.placed import NOW, alter, fact, key, put, state_of
from tests.stage import Stage, person
from tests.test_holds import release
from tests.test_holds_in_sql import told_to

LATER, EARLIER = "2999-01-01T00:00:00Z", "2022-11-01T00:00:00Z"
MANDATORY = ("CONNECTIVITY", "SMOKE", "ACCESS", "INTERFACE", "DATA_INTEGRITY", "UAT", "OAT")
DONE = {
    "outcome": "PASSED",
    "planned": 1,
    "run": 1,
    "passed": 1,
    "failed": 0,
    "blocked": 0,
    "entryMet": True,
    "exitMet": True,
    "environment": "UAT",
}
GATES_OPEN = "create or replace function app.guard_gates(whose text, which uuid) returns setof app.obstacle language sql stable as 'select (null::app.obstacle).* where false'"
Told = dict[str, str]


@pytest.fixture
def told(fresh_stage: Stage) -> Told:
    """A system of R1A on a build of a product, lost to a national incident."""
    return fresh_stage.tell("R1A")


def take(stage: Stage, who: str, verb: str, told: Told, **given: Any) -> dict[str, Any]:
    """Take a step as everything that an organisation has."""
    return stage.change(person(who), verb, system=told["R1A"], select="id state version", **given)


def shut(stage: Stage, who: str, verb: str, told: Told, becomes: str) -> dict[str, str]:
    """Try a step that is not open; give what is in the way and who clears it. The database refuses the same."""
    before = state_of(stage, told["R1A"])
    answer = take(stage, who, verb, told)
    assert answer["obstacles"]
    for each in answer["obstacles"]:
        assert each["what"] and each["clears"] and each["nextStep"], each  # noqa: PT018 - of each
    assert state_of(stage, told["R1A"]) == before
    moved = f"update system set version = version + 1, state = '{becomes}' where id = '{key(told['R1A'])}'"  # noqa: S608
    with pytest.raises(asyncpg.CheckViolationError, match=f"{before} to {becomes}"):
        told_to(stage, who, moved)
    return {each["code"]: each["clears"] for each in answer["obstacles"]}


def signed_0129(stage: Stage, told: Told) -> str:
    """Sign the safety of the build."""
    stated = {
        "standard": "DCB0129",
        "supplier_ods": "SUPPLIER",
        "audience": "PUBLISHED",
        "state": "SIGNED",
        "signer": "cso@SUPPLIER",
    }
    about = {"product_id": key(told["product"]), "build_id": key(told["build"])}
    return fact(stage, "safety_sign_off", "SUPPLIER", **stated, **about, submitted_at=NOW, signed_at=NOW)


def test_an_offer_needs_a_build_and_its_safety_signed(fresh_stage: Stage, told: Told) -> None:
    put(fresh_stage, told["R1A"], "REBUILDING")
    assert shut(fresh_stage, "SUPPLIER", "offerHandover", told, "AWAITING_HANDOVER") == {
        "DCB0129": "SUPPLIER_CSO SUPPLIER"
    }
    signed_0129(fresh_stage, told)
    alter(fresh_stage, "product", key(told["product"]), current_build_id=None)
    assert set(shut(fresh_stage, "SUPPLIER", "offerHandover", told, "AWAITING_HANDOVER")) == {"BUILD", "DCB0129"}
    alter(fresh_stage, "product", key(told["product"]), current_build_id=key(told["build"]))
    assert take(fresh_stage, "SUPPLIER", "offerHandover", told)["state"] == "AWAITING_HANDOVER"


def test_a_handover_needs_assurance_and_no_hold(fresh_stage: Stage, told: Told) -> None:
    put(fresh_stage, told["R1A"], "AWAITING_HANDOVER")
    whose = {"SECURITY_ASSURANCE": "SUPPLIER_LEAD SUPPLIER"}
    assert shut(fresh_stage, "SUPPLIER", "handOver", told, "HANDED_OVER") == whose
    about = {
        "product_id": key(told["product"]),
        "build_id": key(told["build"]),
        "reference": "SA-1",
        "audience": "PUBLISHED",
    }
    pack = fact(fresh_stage, "security_assurance", "SUPPLIER", **about, state="SUBMITTED", submitted_at=NOW)
    assert shut(fresh_stage, "SUPPLIER", "handOver", told, "HANDED_OVER") == {"SECURITY_ASSURANCE": "ASSURER"}
    decided = {
        "state": "APPROVED",
        "assurer_ods": "ASSURER",
        "decider": "assurer@ASSURER",
        "decided_at": NOW,
        "decision_reason": "Seen.",
    }
    alter(fresh_stage, "security_assurance", pack, **decided, confidence="LOW", valid_until=LATER)
    assert shut(fresh_stage, "SUPPLIER", "handOver", told, "HANDED_OVER") == whose
    alter(fresh_stage, "security_assurance", pack, confidence="MEDIUM", valid_until="2022-12-02T00:00:00Z")
    assert shut(fresh_stage, "SUPPLIER", "handOver", told, "HANDED_OVER") == whose
    alter(fresh_stage, "security_assurance", pack, valid_until=LATER)
    held = {"held": told["incident"], "reasonCode": "CHANGE_FREEZE", "reason": "Holidays."}
    hold = fresh_stage.change(person("NATIONAL"), "placeHold", **held)["id"]
    freeze = shut(fresh_stage, "SUPPLIER", "handOver", told, "HANDED_OVER")
    assert list(freeze) == ["CHANGE_FREEZE"]
    assert "national team" in freeze["CHANGE_FREEZE"]
    release(fresh_stage, "NATIONAL", hold)
    assert take(fresh_stage, "SUPPLIER", "handOver", told)["state"] == "HANDED_OVER"


def test_acceptance_needs_tests_done_and_defects_gone_or_borne(fresh_stage: Stage, told: Told) -> None:
    put(fresh_stage, told["R1A"], "IN_TRUST_TEST")
    stages = shut(fresh_stage, "R1A", "acceptSystem", told, "READY")
    assert stages == {f"TEST_{kind}": "TRUST_IT R1A" for kind in MANDATORY}
    for kind in MANDATORY:
        fresh_stage.change("R1A", "reportTest", system=told["R1A"], build=told["build"], test=kind, **DONE)
    about = {
        "supplier_ods": "SUPPLIER",
        "product_id": key(told["product"]),
        "build_id": key(told["build"]),
        "trust_ods": "R1A",
        "system_id": key(told["R1A"]),
    }
    said = {
        "title": "Doses",
        "area": "Medication",
        "description": "Missing.",
        "raised_at": NOW,
        "clinical_safety": True,
    }
    worst = fact(fresh_stage, "defect", "R1A", **about, **said, reference="CN-1", severity="S1", state="NEW")
    borne = fact(fresh_stage, "defect", "R1A", **about, **said, reference="CN-2", severity="S2", state="ACCEPTED")
    fact(fresh_stage, "defect", "R1A", **about, **said, reference="CN-3", severity="S3", state="NEW")
    lead = "SUPPLIER_LEAD SUPPLIER"
    assert shut(fresh_stage, "R1A", "acceptSystem", told, "READY") == {"DEFECT_S1": lead, "DEFECT_S2": lead}
    alter(fresh_stage, "defect", worst, state="CLOSED", closed_at=NOW, close_reason="Retested.")
    alter(fresh_stage, "defect", borne, workaround="On paper.", workaround_agreed_at=NOW)
    assert shut(fresh_stage, "R1A", "acceptSystem", told, "READY") == {"DEFECT_S2": "TRUST_CSO R1A"}
    alter(fresh_stage, "defect", borne, workaround_accepted_at=NOW, workaround_accepted_by="trust-cso@R1A")
    assert take(fresh_stage, "R1A", "acceptSystem", told)["state"] == "READY"


def approved_wave(stage: Stage, told: Told) -> str:
    """Put an approved wave where R1A's system is its first member."""
    ours = {"product_id": key(told["product"]), "incident_ods": "NATIONAL", "incident_id": key(told["incident"])}
    order = {
        "number": 1,
        "kind": "MAIN",
        "opens_on": "2022-11-01",
        "closes_on": "2999-12-31",
        "order_rationale": "Safest first.",
    }
    approved = {
        "audience": "PUBLISHED",
        "proposed_at": NOW,
        "approved_at": NOW,
        "approver_ods": "NATIONAL",
        "approver": "imt@NATIONAL",
        "approval_reason": "Agreed.",
    }
    counts = {"soak_days": 0, "slots_a_day": 1, "member_count": 1, "live_count": 0}
    wave = fact(stage, "wave", "SUPPLIER", **ours, **order, **approved, **counts, state="APPROVED")
    fact(
        stage,
        "wave_member",
        "SUPPLIER",
        wave_id=wave,
        trust_ods="R1A",
        system_id=key(told["R1A"]),
        position=1,
        shown=True,
        reason="First.",
        state="APPROVED",
        approved_at=NOW,
    )
    return wave


def test_reinstatement_begins_in_an_open_wave_in_its_slot_with_open_gates(fresh_stage: Stage, told: Told) -> None:
    put(fresh_stage, told["R1A"], "APPROVED")
    found = shut(fresh_stage, "R1A", "beginReinstatement", told, "REINSTATING")
    assert {"WAVE", "SECURITY_ASSURANCE", "DCB0129", "DCB0160", "BOARD_APPROVAL"} <= set(found)
    as_superuser(fresh_stage, GATES_OPEN)
    found = shut(fresh_stage, "R1A", "beginReinstatement", told, "REINSTATING")
    assert found == {"WAVE": "SUPPLIER_LEAD SUPPLIER, NATIONAL_IMT", "SLOT": "TRUST_IT R1A"}
    wave = approved_wave(fresh_stage, told)
    when = {"starts_at": "2999-06-01T07:00:00Z", "ends_at": "2999-06-01T19:00:00Z", "on_day": "2999-06-01"}
    mine = {
        "supplier_ods": "SUPPLIER",
        "wave_id": wave,
        "system_id": key(told["R1A"]),
        "queue_position": 1,
        "swap_offered": False,
        "requested_at": NOW,
    }
    slot = fact(fresh_stage, "reinstatement_slot", "R1A", **mine, **when, state="REQUESTED")
    found = shut(fresh_stage, "R1A", "beginReinstatement", told, "REINSTATING")
    assert found == {"WAVE": "NATIONAL_IMT", "SLOT": "SUPPLIER_LEAD SUPPLIER"}
    alter(fresh_stage, "wave", wave, state="OPEN", opened_at=NOW)
    alter(fresh_stage, "reinstatement_slot", slot, state="CONFIRMED", place=1, decided_at=NOW, decider="lead@SUPPLIER")
    assert shut(fresh_stage, "R1A", "beginReinstatement", told, "REINSTATING") == {"SLOT": "TRUST_IT R1A"}
    for ends, found in (("2022-11-02T00:00:00Z", {"SLOT": "TRUST_IT R1A"}), (LATER, None)):
        alter(fresh_stage, "reinstatement_slot", slot, starts_at=EARLIER, ends_at=ends)
        assert found is None or shut(fresh_stage, "R1A", "beginReinstatement", told, "REINSTATING") == found
    stop = {"reasonCode": "SECURITY", "reason": "Found something."}
    hold = fresh_stage.change(person("SUPPLIER"), "placeHold", held=told["product"], **stop)["id"]
    assert list(shut(fresh_stage, "R1A", "beginReinstatement", told, "REINSTATING")) == ["SECURITY"]
    release(fresh_stage, "SUPPLIER", hold)
    assert take(fresh_stage, "R1A", "beginReinstatement", told)["state"] == "REINSTATING"


def test_live_is_when_every_cohort_is(fresh_stage: Stage, told: Told) -> None:
    put(fresh_stage, told["R1A"], "REINSTATING")
    ours = {
        "system_id": key(told["R1A"]),
        "supplier_ods": "SUPPLIER",
        "teams": 1,
        "accounts": 1,
        "planned_on": "2023-01-09",
    }
    cohorts = [
        fact(fresh_stage, "cohort", "R1A", **ours, name=f"Week {n}", sequence=n, state="PLANNED") for n in (1, 2)
    ]
    assert shut(fresh_stage, "R1A", "goLive", told, "LIVE") == {"COHORT_1": "TRUST_IT R1A", "COHORT_2": "TRUST_IT R1A"}
    alter(fresh_stage, "cohort", cohorts[0], state="LIVE", actual_at=NOW)
    alter(fresh_stage, "cohort", cohorts[1], state="EXCUSED", excuse_reason="Merged.")
    live = fresh_stage.change(person("R1A"), "goLive", system=told["R1A"], select="state firstLiveAt fullyLiveAt")
    assert (live["state"], live["firstLiveAt"]) == ("LIVE", "2022-12-01T09:00:00+00:00")
    rolled = fresh_stage.change(
        person("R1A"),
        "rollBack",
        system=told["R1A"],
        reason="Doses missing.",
        select="state firstLiveAt cohorts { nodes { state actualAt } }",
    )
    assert (rolled["state"], rolled["firstLiveAt"]) == ("ROLLED_BACK", None)
    assert {each["state"] for each in rolled["cohorts"]["nodes"]} == {"PLANNED", "EXCUSED"}


def test_a_rollback_is_a_hold_and_testing_waits_for_its_release(fresh_stage: Stage, told: Told) -> None:
    put(fresh_stage, told["R1A"], "LIVE")
    select = "state holds { nodes { id reasonCode reason tier state placedBy { odsCode } } }"
    (hold,) = fresh_stage.change(person("R1A"), "rollBack", system=told["R1A"], reason="Doses missing.", select=select)[
        "holds"
    ]["nodes"]
    assert (hold["reasonCode"], hold["reason"], hold["tier"]) == ("ROLLBACK", "Doses missing.", "TRUST")
    assert list(shut(fresh_stage, "R1A", "retest", told, "IN_TRUST_TEST")) == ["ROLLBACK"]
    assert release(fresh_stage, "R1A", hold["id"])["state"] == "RELEASED"
    fresh_stage.change(
        person("NATIONAL"), "placeHold", held=told["incident"], reasonCode="CHANGE_FREEZE", reason="Holidays."
    )
    assert take(fresh_stage, "R1A", "retest", told)["state"] == "IN_TRUST_TEST"


def test_recovery_is_declared_by_the_trust_and_countersigned_by_its_region(fresh_stage: Stage, told: Told) -> None:
    put(fresh_stage, told["R1A"], "LIVE")
    own = {"incident": told["incident"], "type": "CRITICAL", "level": "L1", "reason": "Lost."}
    declared = fresh_stage.change(person("R1A"), "declareIncident", **own)["id"]
    refused = take(fresh_stage, "R1A", "declareRecovered", told)
    assert [each["code"] for each in refused["obstacles"]] == ["DECLARATION", "BACK_ENTRY"]
    assert set(shut(fresh_stage, "Y60", "countersignRecovery", told, "RECOVERED")) >= {
        "RECOVERY_DECLARED",
        "DECLARATION",
    }
    fresh_stage.change(person("R1A"), "standDownIncident", declaration=declared)
    as_superuser(fresh_stage, GATES_OPEN)
    assert shut(fresh_stage, "Y60", "countersignRecovery", told, "RECOVERED") == {
        "RECOVERY_DECLARED": "TRUST_EXEC or TRUST_SIRO R1A"
    }
    assert take(fresh_stage, "R1A", "declareRecovered", told)["state"] == "LIVE"
    assert take(fresh_stage, "R1A", "declareRecovered", told)["code"] == "ALREADY_DECIDED"
    assert take(fresh_stage, "Y60", "countersignRecovery", told)["state"] == "RECOVERED"


@pytest.mark.parametrize("state", ["READY", "APPROVED"])
def test_a_safety_relevant_build_takes_ready_systems_back_to_testing(fresh_stage: Stage, state: str) -> None:
    told = fresh_stage.tell("R1A", "RNK", "RYG")
    for code, where in (("R1A", state), ("RNK", "LIVE"), ("RYG", "IN_TRUST_TEST")):
        put(fresh_stage, told[code], where, current_build_id=key(told["build"]))
    second = {"product": told["product"], "builtAt": "2022-11-26T12:00:00Z"}
    fresh_stage.change("SUPPLIER", "registerBuild", label="CN-R1.0.1", safetyRelevantChange=False, **second)
    assert state_of(fresh_stage, told["R1A"]) == state
    fresh_stage.change("SUPPLIER", "registerBuild", label="CN-R1.1", safetyRelevantChange=True, **second)
    assert [state_of(fresh_stage, told[code]) for code in ("R1A", "RNK", "RYG")] == [
        "IN_TRUST_TEST",
        "LIVE",
        "IN_TRUST_TEST",
    ]
    (event,) = [
        each for each in fresh_stage.ask("R1A", "{ activity(first: 200) { nodes { verb objectId organisation { odsCode } } } }")["activity"]["nodes"]
        if each["objectId"] == told["R1A"] and each["verb"] != "registerSystem"
    ]  # fmt: skip
    assert (event["verb"], event["organisation"]) == ("registerBuild", {"odsCode": "SUPPLIER"})
