"""Proposed holds: an unsafe defect on a system that was handed over asks for one; people confirm or dismiss it."""

import json
from typing import Any

import pytest

from auth.caller import Caller
from auth.scope import Scope
from schema.people.account import Role
from tests.readiness.defect_story import SUPPLIER, Defects, put_system
from tests.stage import LISTED, Stage, caller, person
from tests.test_holds import FREEZE

STATES = (
    "OPERATIONAL", "OUTAGE", "ISOLATED", "REBUILDING", "AWAITING_HANDOVER", "HANDED_OVER", "IN_TRUST_TEST", "READY",
    "APPROVED", "REINSTATING", "LIVE", "RECOVERED", "ROLLED_BACK", "REPLACED", "RETIRED",
)  # fmt: skip
HANDED_OVER = {"HANDED_OVER", "IN_TRUST_TEST", "READY", "APPROVED", "REINSTATING", "LIVE"}
UNSAFE = {"severity": "S1", "clinicalSafety": True}
SEES = {"R1A", "Y60", "SUPPLIER", "NATIONAL", "AUDITOR"}
DECIDES = {"R1A", "Y60", "NATIONAL"}
SHOWN = "id version state scope tier reasonCode reason system { id } placedBy { odsCode } confirmer confirmedAt confirmedBy { odsCode } releaser releaseReason"
ENDS = {"confirmHold": "PLACED", "dismissHold": "DISMISSED", "releaseHold": "RELEASED"}
SCOPES = {"confirmHold": Scope.HOLD_PLACE, "dismissHold": Scope.HOLD_RELEASE, "releaseHold": Scope.HOLD_RELEASE}


@pytest.fixture(scope="module")
def defects(stage: Stage) -> Defects:
    """A stage with defects, on which R1A's system was handed over."""
    put_up = Defects(stage)
    put_system(stage, "R1A", "HANDED_OVER")
    return put_up


def holds(defects: Defects, who: str = "R1A") -> list[dict[str, Any]]:
    """Give the holds on R1A's system, newest first."""
    document = (
        f"query($id: ID!) {{ node(id: $id) {{ ... on System {{ holds(first: 200) {{ nodes {{ {SHOWN} }} }} }} }} }}"
    )
    found = defects.stage.ask(who, document, id=defects.told["R1A"])["node"]
    return list(found["holds"]["nodes"]) if found else []


def proposed(defects: Defects) -> dict[str, Any]:
    """Raise an unsafe defect, and give the hold that it proposes."""
    before = len(holds(defects))
    defects.raised("R1A", **UNSAFE)
    newest, *others = holds(defects)
    assert len(others) == before
    return newest


def decide(defects: Defects, who: str | Caller, verb: str, hold: str, **given: Any) -> dict[str, Any]:
    """Confirm, dismiss or release a hold."""
    asking = person(who) if isinstance(who, str) else who
    reason = {} if verb == "confirmHold" else {"reason": "It was looked into."}
    return defects.stage.change(asking, verb, **{"hold": hold, "select": SHOWN, **reason, **given})


def open_holds(defects: Defects) -> int:
    """Give how many holds stop R1A's system."""
    return int(defects.stage.ask("R1A", "{ progress { openHolds } }")["progress"][0]["openHolds"])


@pytest.mark.parametrize("state", STATES)
def test_an_unsafe_defect_proposes_one_where_the_system_was_handed_over(defects: Defects, state: str) -> None:
    put_system(defects.stage, "R1A", state)
    before = len(holds(defects))
    for grade in (UNSAFE, {**UNSAFE, "severity": "S2"}, {**UNSAFE, "clinicalSafety": False}):
        defects.raised("R1A", **grade)
    defects.raised(SUPPLIER, **UNSAFE)
    found = holds(defects)
    put_system(defects.stage, "R1A", "HANDED_OVER")
    assert len(found) - before == (state in HANDED_OVER)


def test_what_it_says_and_that_it_stops_nothing(defects: Defects) -> None:
    before = open_holds(defects)
    raised = defects.raised("R1A", "reference title", **UNSAFE)
    hold = holds(defects)[0]
    assert (hold["state"], hold["scope"], hold["tier"], hold["reasonCode"]) == ("PROPOSED", "SYSTEM", "TRUST", "DEFECT")
    assert hold["reason"] == f"Defect {raised['reference']} (S1, clinical safety): {raised['title']}"
    assert (hold["system"], hold["placedBy"]) == ({"id": defects.told["R1A"]}, {"odsCode": "R1A"})
    assert open_holds(defects) == before
    decide(defects, "R1A", "confirmHold", hold["id"])
    assert open_holds(defects) == before + 1
    decide(defects, "R1A", "releaseHold", hold["id"])
    assert open_holds(defects) == before


def test_one_that_is_graded_up_proposes_one_too_and_once(defects: Defects) -> None:
    defect = defects.raised("R1A", severity="S3")["id"]
    before = len(holds(defects))
    for _ in range(2):
        assert defects.move("R1A", "regradeDefect", defect, **UNSAFE)["state"] == "NEW"
        assert len(holds(defects)) == before + 1


@pytest.mark.parametrize("code", LISTED)
@pytest.mark.parametrize("verb", ["confirmHold", "dismissHold"])
def test_who_confirms_it_and_who_dismisses_it(defects: Defects, verb: str, code: str) -> None:
    hold = proposed(defects)
    answer = decide(defects, code, verb, hold["id"])
    if code in DECIDES:
        assert answer["state"] == ENDS[verb]
        who, by = answer["confirmer" if verb == "confirmHold" else "releaser"], answer["confirmedBy"]
        assert (who, by) == (person(code).subject, {"odsCode": code} if verb == "confirmHold" else None)
        assert answer["releaseReason"] == (None if verb == "confirmHold" else "It was looked into.")
    elif SCOPES[verb] not in person(code).scopes:
        assert (answer["code"], answer["needs"]) == ("NOT_PERMITTED", SCOPES[verb])
    elif code in SEES:
        assert (answer["code"], answer["needs"]) == ("NOT_PERMITTED", "R1A, Y60, the national team")
    else:
        assert (answer["code"], answer["path"]) == ("NOT_FOUND", ["input", "hold"])


@pytest.mark.parametrize("by", ["confirmHold", "dismissHold", "placeHold", "releaseHold"])
def test_each_is_decided_from_its_own_state_alone(defects: Defects, by: str) -> None:
    if by == "placeHold":
        hold = defects.stage.change(person("R1A"), "placeHold", held=defects.told["R1A"], select=SHOWN, **FREEZE)
    else:
        hold = proposed(defects)
    if by == "releaseHold":
        decide(defects, "R1A", "confirmHold", hold["id"])
    state = hold["state"] if by == "placeHold" else decide(defects, "R1A", by, hold["id"])["state"]
    for verb in ("confirmHold", "dismissHold", *(() if state == "PLACED" else ("releaseHold",))):
        told = decide(defects, "R1A", verb, hold["id"])
        if state == "PLACED":
            assert (told["code"], told["currentState"], told["neededStates"]) == ("WRONG_STATE", "PLACED", ["PROPOSED"])
        else:
            assert told["code"] == "ALREADY_DECIDED"
            assert told["message"] == f"This hold was {state.lower()} before."
    if state == "PLACED":
        assert decide(defects, "R1A", "releaseHold", hold["id"])["state"] == "RELEASED"


def test_one_that_is_proposed_is_not_released(defects: Defects) -> None:
    told = decide(defects, "NATIONAL", "releaseHold", proposed(defects)["id"])
    assert (told["code"], told["currentState"], told["neededStates"]) == ("WRONG_STATE", "PROPOSED", ["PLACED"])


def test_posts_and_machines(defects: Defects) -> None:
    hold = proposed(defects)["id"]
    siro, officer = person("R1A", Role.TRUST_SIRO), person("R1A", Role.TRUST_CSO)
    assert decide(defects, siro, "confirmHold", hold)["needs"] == "hold:place"
    assert decide(defects, officer, "dismissHold", hold)["needs"] == "hold:release"
    assert decide(defects, caller("R1A"), "dismissHold", hold)["needs"] == "hold:release"
    stale = decide(defects, siro, "dismissHold", hold, expectedVersion=9)
    assert (stale["code"], stale["currentVersion"]) == ("VERSION_CONFLICT", 1)
    assert decide(defects, caller("R1A"), "confirmHold", hold)["confirmer"] == "r1a-client"
    document = 'mutation($id: ID!) { dismissHold(input: { hold: $id, reason: "No." }) { __typename } }'
    answer = defects.stage.answer(person("R1A", ago=901), document, id=proposed(defects)["id"])
    assert json.loads(answer.body)["errors"][0]["extensions"]["code"] == "INSUFFICIENT_USER_AUTHENTICATION"


def test_who_sees_it_and_what_the_ledger_says(fresh_stage: Stage) -> None:
    defects = Defects(fresh_stage)
    put_system(fresh_stage, "R1A", "LIVE")
    hold = proposed(defects)["id"]
    decide(defects, "Y60", "dismissHold", hold)
    for code in LISTED:
        shown = [each["id"] for each in holds(defects, code)]
        assert shown == ([hold] if code in SEES else []), code
    events = "{ activity(first: 200) { nodes { verb organisation { odsCode } owner { odsCode } objectId } } }"
    found = [each for each in fresh_stage.ask("R1A", events)["activity"]["nodes"] if each["objectId"] == hold]
    assert [(each["verb"], each["organisation"]["odsCode"]) for each in found] == [
        ("raiseDefect", "R1A"),
        ("dismissHold", "Y60"),
    ]
    assert {each["owner"]["odsCode"] for each in found} == {"R1A"}
