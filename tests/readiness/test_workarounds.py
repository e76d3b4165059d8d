"""Workarounds: agreed by the supplier, accepted by the trust's clinical safety officer as they read then."""

import json
from typing import Any

import pytest

from auth.scope import Scope
from schema.people.account import Role
from tests.readiness.defect_story import STATES, SUPPLIER, Defects
from tests.stage import LISTED, Stage, caller, person

OFFICER = person("R1A", Role.TRUST_CSO)
SHOWN = "workaround workaroundAgreedAt workaroundAcceptedAt workaroundAcceptedBy state"
AGREED = {"workaround": "Read the alerts on the second page.", "select": SHOWN}


@pytest.fixture(scope="module")
def defects(stage: Stage) -> Defects:
    """A stage with defects."""
    return Defects(stage)


def accept(defects: Defects, who: Any, defect: str, **given: Any) -> dict[str, Any]:
    """Accept a defect's workaround."""
    return defects.move(who, "acceptWorkaround", defect, **{"select": SHOWN, **given})


@pytest.mark.parametrize("state", STATES)
def test_it_is_agreed_and_accepted_until_the_defect_is_closed(defects: Defects, state: str) -> None:
    defect = defects.at(state)
    agreed = defects.move(SUPPLIER, "agreeWorkaround", defect, **AGREED)
    accepted = accept(defects, OFFICER, defect)
    if state == "CLOSED":
        for refused in (agreed, accepted):
            assert (refused["code"], refused["currentState"]) == ("WRONG_STATE", "CLOSED")
            assert refused["neededStates"] == [each for each in STATES if each != "CLOSED"]
        return
    assert (agreed["workaround"], agreed["workaroundAcceptedAt"]) == (AGREED["workaround"], None)
    assert agreed["workaroundAgreedAt"] is not None
    assert (accepted["workaroundAcceptedBy"], accepted["state"]) == (OFFICER.subject, state)
    assert accept(defects, OFFICER, defect)["code"] == "ALREADY_DECIDED"


def test_another_workaround_is_accepted_anew(defects: Defects) -> None:
    defect = defects.at("ACCEPTED")
    told = accept(defects, OFFICER, defect)
    assert (told["code"], told["path"]) == ("VALIDATION_FAILED", ["input", "defect"])
    defects.move(SUPPLIER, "agreeWorkaround", defect, **AGREED)
    accept(defects, OFFICER, defect)
    same = defects.move(SUPPLIER, "agreeWorkaround", defect, **AGREED)
    assert same["workaroundAcceptedBy"] == OFFICER.subject
    other = defects.move(SUPPLIER, "agreeWorkaround", defect, **{**AGREED, "workaround": "Do without."})
    assert (other["workaroundAcceptedAt"], other["workaroundAcceptedBy"]) == (None, None)
    stale = accept(defects, OFFICER, defect, expectedVersion=1)
    assert stale["code"] == "VERSION_CONFLICT"


@pytest.mark.parametrize("code", LISTED)
def test_who_agrees_and_who_accepts(defects: Defects, code: str) -> None:
    defect = defects.at("TRIAGED")
    refused = defects.move(code, "agreeWorkaround", defect, **AGREED)
    if code == SUPPLIER:
        assert refused["workaround"] == AGREED["workaround"]
    elif Scope.DEFECT_TRIAGE in person(code).scopes:
        assert refused["code"] == "NOT_FOUND"
    else:
        assert (refused["code"], refused["needs"]) == ("NOT_PERMITTED", "defect:triage")
    defects.move(SUPPLIER, "agreeWorkaround", defect, **AGREED)
    told = accept(defects, code, defect)
    if code == "R1A":
        assert told["workaroundAcceptedBy"] == person("R1A").subject
    elif Scope.SAFETY_SIGN not in person(code).scopes:
        assert (told["code"], told["needs"]) == ("NOT_PERMITTED", "safety:sign")
    elif code == SUPPLIER:
        assert (told["code"], told["needs"]) == ("NOT_PERMITTED", "TRUST_CSO of R1A")
    else:
        assert told["code"] == "NOT_FOUND"


@pytest.mark.parametrize("role", [role for role in Role if LISTED["R1A"][1] in role.kinds])
def test_no_other_post_of_the_trust_accepts_it(defects: Defects, role: Role) -> None:
    defect = defects.at("TRIAGED")
    defects.move(SUPPLIER, "agreeWorkaround", defect, **AGREED)
    told = accept(defects, person("R1A", role), defect)
    assert told.get("needs") == (None if role == Role.TRUST_CSO else "safety:sign")


def test_a_suppliers_own_defect_has_no_officer_of_a_trust(defects: Defects) -> None:
    defect = defects.at("TRIAGED", SUPPLIER)
    defects.move(SUPPLIER, "agreeWorkaround", defect, **AGREED)
    told = accept(defects, SUPPLIER, defect)
    assert (told["code"], told["needs"]) == ("NOT_PERMITTED", "TRUST_CSO of a trust, and this defect is of none")


def test_no_machine_accepts_it_and_no_person_who_signed_in_long_ago(defects: Defects) -> None:
    defect = defects.at("TRIAGED")
    defects.move(SUPPLIER, "agreeWorkaround", defect, **AGREED)
    assert accept(defects, caller("R1A"), defect)["needs"] == "safety:sign"
    document = "mutation($id: ID!) { acceptWorkaround(input: { defect: $id }) { __typename } }"
    for who in (caller("R1A", scopes=frozenset(Scope)), person("R1A", Role.TRUST_CSO, ago=901)):
        answer = defects.stage.answer(who, document, id=defect)
        (error,) = json.loads(answer.body)["errors"]
        assert error["extensions"]["code"] == "INSUFFICIENT_USER_AUTHENTICATION"
