"""Movement: each step by whose step it is, from the states it leads on from, and by nobody else or from no other."""

from typing import Any

import pytest

from auth.scope import Scope
from schema.organisation import OrganisationKind as Kind
from schema.system import SystemState as State
from tests.ledger import as_superuser
from tests.reinstatement.placed import KIND, NEVER_LIVE, put, state_of
from tests.stage import LISTED, Stage, caller, person

# Step: who takes it, by which scope, from which states, to which, saying what. Domain model, B.2 and B.3.
Step = tuple[str, Scope, set[str], str, dict[str, Any]]
STEPS: dict[str, Step] = {
    "beginRebuild": ("SUPPLIER", Scope.HANDOVER_MAKE, {"OUTAGE", "ISOLATED"}, "REBUILDING", {}),
    "offerHandover": ("SUPPLIER", Scope.HANDOVER_MAKE, {"REBUILDING"}, "AWAITING_HANDOVER", {}),
    "handOver": ("SUPPLIER", Scope.HANDOVER_MAKE, {"AWAITING_HANDOVER"}, "HANDED_OVER", {}),
    "acknowledgeHandover": ("R1A", Scope.REINSTATEMENT_RUN, {"HANDED_OVER"}, "IN_TRUST_TEST", {}),
    "acceptSystem": ("R1A", Scope.REINSTATEMENT_RUN, {"IN_TRUST_TEST"}, "READY", {}),
    "beginReinstatement": ("R1A", Scope.REINSTATEMENT_RUN, {"APPROVED"}, "REINSTATING", {}),
    "goLive": ("R1A", Scope.REINSTATEMENT_RUN, {"REINSTATING"}, "LIVE", {}),
    "rollBack": ("R1A", Scope.ROLLBACK_DECLARE, {"REINSTATING", "LIVE"}, "ROLLED_BACK", {"reason": "Doses missing."}),
    "retest": ("R1A", Scope.REINSTATEMENT_RUN, {"ROLLED_BACK"}, "IN_TRUST_TEST", {}),
    "declareRecovered": ("R1A", Scope.DECISION_MAKE, {"LIVE"}, "LIVE", {}),
    "countersignRecovery": ("Y60", Scope.RECOVERY_COUNTERSIGN, {"LIVE"}, "RECOVERED", {}),
    "replaceSystem": ("R1A", Scope.DECISION_MAKE, NEVER_LIVE, "REPLACED",
                      {"replacedBy": "RiO", "archiveArrangement": "Read-only for eight years."}),
    "retireSystem": ("R1A", Scope.DECISION_MAKE, {"OPERATIONAL", "REPLACED"}, "RETIRED", {}),
}  # fmt: skip
REPORTED: dict[str, Step] = {
    "OUTAGE": ("R1A", Scope.SYSTEM_REGISTER, {"OPERATIONAL"}, "OUTAGE", {"state": "OUTAGE"}),
    "ISOLATED": ("R1A", Scope.SYSTEM_REGISTER, {"OUTAGE"}, "ISOLATED", {"state": "ISOLATED"}),
}
ALL = [*((verb, step) for verb, step in STEPS.items()), *(("reportSystemState", step) for step in REPORTED.values())]
NAMES = [f"{verb}-{step[3]}" for verb, step in ALL]
NOTHING = "returns setof app.obstacle language sql stable as 'select null::app.obstacle where false'"
DECIDED = {Scope.DECISION_MAKE, Scope.RECOVERY_COUNTERSIGN}
STAMPS = {
    "READY": "acceptedAt", "HANDED_OVER": "handedOverAt", "LIVE": "fullyLiveAt", "ROLLED_BACK": "rolledBackAt",
    "RECOVERED": "recoveredAt", "REPLACED": "archiveArrangement",
}  # fmt: skip


@pytest.fixture(scope="module")
def told(stage: Stage) -> dict[str, str]:
    """A system each of R1A and RNK, and no condition in any step's way: those are tested by their own."""
    as_superuser(
        stage,
        "create or replace function app.in_the_way(whose text, which uuid, was systemstate, becomes systemstate) "
        + NOTHING,
        f"create or replace function app.before_recovered(whose text, which uuid) {NOTHING}",
    )
    return stage.tell("R1A", "RNK")


def take(stage: Stage, verb: str, step: Step, system: str, who: str = "", **given: Any) -> dict[str, Any]:
    """Take a step as a person with every role of an organisation; whose step it is, where none is named."""
    stamps = " ".join(STAMPS.values())
    asked = f"id state version {stamps} firstLiveAt recoveredDeclaredAt replacedBy currentBuild {{ label }}"
    return stage.change(person(who or step[0]), verb, system=system, select=asked, **{**step[4], **given})


@pytest.mark.parametrize("state", [state.value for state in State])
@pytest.mark.parametrize(("verb", "step"), ALL, ids=NAMES)
def test_a_step_leads_on_from_its_states_alone(
    stage: Stage, told: dict[str, str], verb: str, step: Step, state: str
) -> None:
    put(stage, told["R1A"], state, recovered_declared_at=None)
    answer = take(stage, verb, step, told["R1A"])
    if state in step[2]:
        assert (answer["__typename"], answer["state"]) == ("System", step[3])
        assert step[3] not in STAMPS or verb == "declareRecovered" or answer[STAMPS[step[3]]]
    else:
        assert (answer["code"], answer["currentState"]) == ("WRONG_STATE", state)
        assert set(answer["neededStates"]) == step[2]
        assert answer["nextStep"]
        assert state_of(stage, told["R1A"]) == state


@pytest.mark.parametrize("code", LISTED)
@pytest.mark.parametrize(("verb", "step"), ALL, ids=NAMES)
def test_a_step_is_taken_by_whose_it_is(stage: Stage, told: dict[str, str], verb: str, step: Step, code: str) -> None:
    state = min(step[2])
    put(stage, told["R1A"], state, recovered_declared_at=None)
    answer = take(stage, verb, step, told["R1A"], code)
    if code == step[0]:
        assert answer["state"] == step[3]
        return
    if KIND[code] == KIND[step[0]]:
        assert (answer["code"], answer["path"]) == ("NOT_FOUND", ["input", "system"])
        assert {**answer, "path": []} == {**take(stage, verb, step, told["R1A"][:-2] + "AA", code), "path": []}
    else:
        assert (answer["code"], answer["needs"]) == ("NOT_PERMITTED", step[1].value)
        assert answer["nextStep"]
    assert state_of(stage, told["R1A"]) == state


@pytest.mark.parametrize(("verb", "step"), ALL, ids=NAMES)
def test_machines_take_no_step_that_decides(stage: Stage, told: dict[str, str], verb: str, step: Step) -> None:
    put(stage, told["R1A"], min(step[2]), recovered_declared_at=None)
    answer = stage.change(caller(step[0]), verb, system=told["R1A"], select="id state", **step[4])
    if step[1] in DECIDED:
        assert (answer["code"], answer["needs"]) == ("NOT_PERMITTED", step[1].value)
    else:
        assert answer["state"] == step[3]


@pytest.mark.parametrize(("verb", "step"), ALL, ids=NAMES)
def test_a_stale_screen_moves_nothing(stage: Stage, told: dict[str, str], verb: str, step: Step) -> None:
    state = min(step[2])
    put(stage, told["R1A"], state, recovered_declared_at=None)
    answer = take(stage, verb, step, told["R1A"], expectedVersion=10_000)
    assert answer["code"] == "VERSION_CONFLICT"
    assert take(stage, verb, step, told["R1A"], expectedVersion=answer["currentVersion"])["state"] == step[3]


def test_the_trusts_other_system_stays_where_it_is(stage: Stage, told: dict[str, str]) -> None:
    assert state_of(stage, told["RNK"]) == "OUTAGE"


def test_a_handover_names_the_build_and_is_not_acceptance(fresh_stage: Stage) -> None:
    told = fresh_stage.tell("R1A")
    as_superuser(
        fresh_stage,
        "create or replace function app.in_the_way(whose text, which uuid, was systemstate, becomes systemstate) "
        + NOTHING,
    )
    put(fresh_stage, told["R1A"], "AWAITING_HANDOVER")
    handed = take(fresh_stage, "handOver", STEPS["handOver"], told["R1A"])
    assert handed["currentBuild"] == {"label": "CN-R1"}
    assert handed["handedOverAt"]
    assert handed["acceptedAt"] is None
    asked = (
        "query($then: DateTime) { systems(asKnownAt: $then) { nodes { state handedOverAt currentBuild { label } } } }"
    )
    events = "{ activity { nodes { verb organisation { odsCode } owner { odsCode } } } }"
    for code in ("R1A", "SUPPLIER", "Y60", "NATIONAL", "AUDITOR"):
        (seen,) = fresh_stage.ask(code, asked, then=None)["systems"]["nodes"]
        assert seen == {
            "state": "HANDED_OVER",
            "handedOverAt": handed["handedOverAt"],
            "currentBuild": {"label": "CN-R1"},
        }
        (then,) = fresh_stage.ask(code, asked, then="2999-01-01T00:00:00Z")["systems"]["nodes"]
        assert then == seen
        event = fresh_stage.ask(code, events)["activity"]["nodes"][-1]
        assert (event["verb"], event["organisation"], event["owner"]) == (
            "handOver", {"odsCode": "SUPPLIER"}, {"odsCode": "R1A"},
        )  # fmt: skip
    for code in ("RNK", "RYG", "Y56", "RIVAL", "ASSURER", "QGH"):
        assert fresh_stage.ask(code, asked, then=None)["systems"]["nodes"] == []


@pytest.mark.parametrize("state", [state.value for state in State if state not in ("OUTAGE", "ISOLATED")])
def test_other_states_are_reached_and_not_reported(stage: Stage, told: dict[str, str], state: str) -> None:
    answer = stage.change(person("R1A"), "reportSystemState", system=told["R1A"], state=state)
    assert (answer["code"], answer["path"]) == ("VALIDATION_FAILED", ["input", "state"])


def test_an_outage_began_in_the_past(stage: Stage, told: dict[str, str]) -> None:
    put(stage, told["R1A"], "OPERATIONAL")
    given = {"system": told["R1A"], "state": "OUTAGE", "select": "state outageStartedAt"}
    late = stage.change(person("R1A"), "reportSystemState", outageStartedAt="2999-01-01T00:00:00Z", **given)
    assert late["path"] == ["input", "outageStartedAt"]
    began = stage.change(person("R1A"), "reportSystemState", outageStartedAt="2022-08-04T06:00:00Z", **given)
    assert began["outageStartedAt"] == "2022-08-04T06:00:00+00:00"


def test_kinds_have_the_scopes_of_their_steps() -> None:
    for _, step in ALL:
        assert step[1].kinds <= {Kind.TRUST, Kind.SUPPLIER, Kind.REGION}
