"""Safety sign-offs: who prepares and who signs, what bars a signature, who sees which part, and what a withdrawal does."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from schema.people.account import Role
from tests.readiness.assured import ACCEPTED, SAFE, SIGN_OFF, build_of, product_of, sign_off, system_of
from tests.readiness.moving import Move
from tests.stage import LISTED, Stage, caller, person

TESTED = {
    "test": "SMOKE", "outcome": "PASSED", "planned": 1, "run": 1, "passed": 1, "failed": 0, "blocked": 0, "entryMet": True,
    "exitMet": True,
}  # fmt: skip
OWNER = {"DCB0129": "SUPPLIER", "DCB0160": "R1A"}
STANDARDS = list(SIGN_OFF)
EVERY_STATE = list(itertools.chain(*([(name, state) for state in each.states] for name, each in SIGN_OFF.items())))
EVERY_MOVE = [pytest.param(name, move, id=f"{name} {move}") for name, each in SIGN_OFF.items() for move in each.moves]
NEAR = {"R1A", "Y60", "SUPPLIER", "NATIONAL", "AUDITOR"}
Told = dict[str, Any]


@pytest.fixture(scope="module")
def told(stage: Stage) -> Told:
    """A build whose supplier signed for it and handed three hazards over, and systems of R1A and RNK that use it."""
    made = stage.tell("R1A", "RNK")
    base = SIGN_OFF["DCB0129"].walk(stage, sign_off(stage, "SUPPLIER", made["build"]), "SIGNED")
    return {**made, "base": base, "other": product_of(stage)}


def begun(stage: Stage, told: Told, standard: str, **given: Any) -> str:
    """Draft a sign-off that could be signed: of another build of another product, or of another system."""
    if standard == "DCB0129":
        return sign_off(stage, "SUPPLIER", build_of(stage, told["other"]), **given)
    return sign_off(stage, "R1A", told["build"], system=system_of(stage, told), **{**ACCEPTED, **given})


def beginning(stage: Stage, told: Told, standard: str) -> Callable[[], str]:
    """Return how to draft one."""
    return lambda: begun(stage, told, standard)


@pytest.mark.parametrize(("standard", "state"), EVERY_STATE)
def test_it_moves_as_its_table_says_and_no_other_way(stage: Stage, told: Told, standard: str, state: str) -> None:
    SIGN_OFF[standard].hold_every_move(stage, beginning(stage, told, standard), state)


@pytest.mark.parametrize(("standard", "move"), EVERY_MOVE)
def test_nobody_else_moves_it(stage: Stage, told: Told, standard: str, move: Move) -> None:
    SIGN_OFF[standard].hold_every_stranger(stage, beginning(stage, told, standard), move)


@pytest.mark.parametrize("standard", STANDARDS)
@pytest.mark.parametrize("verb", ["giveSignOff", "declineSignOff", "withdrawSignOff"])
def test_the_safety_officer_decides_and_nobody_else_of_the_organisation(
    stage: Stage, told: Told, standard: str, verb: str
) -> None:
    machine, owner = SIGN_OFF[standard], OWNER[standard]
    move = next(move for move in machine.moves if move.verb == verb)
    stands = machine.walk(stage, begun(stage, told, standard), *move.begins)
    officer = {"DCB0129": Role.SUPPLIER_CSO, "DCB0160": Role.TRUST_CSO}[standard]
    for role in (role for role in Role if LISTED[owner][1] in role.kinds and role != officer):
        refused = machine.make(stage, move, stands, person(owner, role))
        assert (refused["code"], refused["needs"]) == ("NOT_PERMITTED", "safety:sign")
        forced = machine.make(stage, move, stands, person(owner, role, scopes=person(owner).scopes))
        assert (forced["code"], forced["needs"]) == ("NOT_PERMITTED", officer)
    assert machine.make(stage, move, stands, caller(owner))["needs"] == "safety:sign"
    assert machine.make(stage, move, stands, person(owner, officer))["state"] == move.ends


BARRED = {
    "HAZARDS_UNACCEPTABLE": {"level4": 1},
    "HAZARDS_UNACCEPTABLE ": {"level5": 1},
    "HAZARDS_UNJUSTIFIED": {"level3Justified": 1},
    "TRANSFERRED_NOT_CARRIED_OVER": {"transferredTotal": 2, "transferredAccepted": 2},
    "TRANSFERRED_NOT_ACCEPTED": {"transferredAccepted": 2},
}


@pytest.mark.parametrize("standard", STANDARDS)
@pytest.mark.parametrize("bar", BARRED)
def test_what_bars_a_signature(stage: Stage, told: Told, standard: str, bar: str) -> None:
    if standard == "DCB0129" and "TRANSFERRED" in bar:
        return
    mine = SIGN_OFF[standard].walk(stage, begun(stage, told, standard, **BARRED[bar]), "SUBMITTED")
    refused = stage.change(person(OWNER[standard]), "giveSignOff", signOff=mine)
    assert (refused["code"], refused["path"]) == ("GATE_SHUT", ["input", "signOff"])
    (gate,) = refused["obstacles"]
    assert (gate["code"], gate["about"]) == (bar.strip(), mine)
    assert gate["clears"].endswith(f" of {OWNER[standard]}")
    assert gate["what"]
    assert gate["nextStep"]


def test_everything_that_bars_it_is_told_at_once(fresh_stage: Stage) -> None:
    stage = fresh_stage
    made = stage.tell("R1A")
    unsafe = {**SAFE, "level5": 1, "level3Justified": 0, "transferredAccepted": 0}
    mine = sign_off(stage, "R1A", made["build"], system=made["R1A"], **unsafe)
    stage.change("R1A", "submitSignOff", signOff=mine)
    refused = stage.change(person("R1A"), "giveSignOff", signOff=mine)
    assert [(gate["code"], gate["clears"]) for gate in refused["obstacles"]] == [
        ("HAZARDS_UNACCEPTABLE", "TRUST_IT or TRUST_CSO of R1A"),
        ("HAZARDS_UNJUSTIFIED", "TRUST_IT or TRUST_CSO of R1A"),
        ("DCB0129_NOT_SIGNED", "SUPPLIER_CSO of SUPPLIER"),
        ("TRANSFERRED_NOT_ACCEPTED", "TRUST_IT or TRUST_CSO of R1A"),
    ]
    assert (
        stage.change(person("R1A"), "declineSignOff", signOff=mine, reason="Level 5.")["__typename"] == "SafetySignOff"
    )


def test_whoever_tested_a_system_does_not_sign_for_it(stage: Stage, told: Told) -> None:
    system = system_of(stage, told)
    both = person("R1A", Role.TRUST_IT, Role.TRUST_CSO)
    assert stage.change(both, "reportTest", system=system, build=told["build"], **TESTED)["__typename"] == "TestReport"
    mine = sign_off(stage, "R1A", told["build"], system=system, **ACCEPTED)
    stage.change("R1A", "submitSignOff", signOff=mine)
    refused = stage.change(both, "giveSignOff", signOff=mine)
    assert (refused["code"], refused["did"]) == ("SAME_HANDS", "reportTest")
    assert "TRUST_CSO" in refused["nextStep"]
    signed = stage.change(person("R1A", Role.TRUST_CSO), "giveSignOff", signOff=mine, select="state signer")
    assert (signed["state"], signed["signer"]) == ("SIGNED", "trust-cso@R1A")
    elsewhere = SIGN_OFF["DCB0160"].walk(stage, begun(stage, told, "DCB0160"), "SUBMITTED")
    assert stage.change(both, "giveSignOff", signOff=elsewhere, select="state")["state"] == "SIGNED"


def test_hazards_are_revised_until_they_are_submitted(stage: Stage, told: Told) -> None:
    mine = begun(stage, told, "DCB0160", level4=1)
    hazards = summary(stage, "R1A", mine)
    given = {"hazards": hazards["id"], **ACCEPTED, "select": "level4 version"}
    stale = stage.change("R1A", "reviseHazardSummary", **given, expectedVersion=5)
    assert (stale["code"], stale["currentVersion"]) == ("VERSION_CONFLICT", 1)
    revised = stage.change("R1A", "reviseHazardSummary", **given, expectedVersion=1)
    assert (revised["level4"], revised["version"]) == (0, 2)
    for stranger in ("RNK", "SUPPLIER"):
        assert stage.change(stranger, "reviseHazardSummary", **given)["code"] == "NOT_FOUND"
    for state in SIGN_OFF["DCB0160"].states[1:]:
        walked = SIGN_OFF["DCB0160"].walk(stage, begun(stage, told, "DCB0160"), state)
        late = stage.change("R1A", "reviseHazardSummary", **{**given, "hazards": summary(stage, "R1A", walked)["id"]})
        assert (late["code"], late["currentState"]) == ("WRONG_STATE", state)


def summary(stage: Stage, code: str, of: str) -> Told:
    """Give the hazards of a sign-off to somebody who sees them."""
    asked = (
        "query($id: ID!) { node(id: $id) { ... on SafetySignOff { hazards { nodes { id level3 decisionReason } } } } }"
    )
    (found,) = stage.ask(code, asked, id=of)["node"]["hazards"]["nodes"]
    return dict(found)


@pytest.mark.parametrize(
    "given",
    [
        {"level3Justified": 3}, {"transferredAccepted": 4}, {"level1": -1}, {"reportRef": ""},
        {"reportRef": "About 943 476 5919"},
    ],
    ids=str,
)  # fmt: skip
def test_hazards_that_cannot_be_are_refused(stage: Stage, told: Told, given: Told) -> None:
    stated = {**ACCEPTED, **given, "build": told["build"], "system": told["RNK"]}
    assert stage.change("RNK", "draftSignOff", **stated)["code"] == "VALIDATION_FAILED"


def test_what_is_drafted_is_of_ones_own(stage: Stage, told: Told) -> None:
    other = build_of(stage, product_of(stage), relevant=True)
    mine = {**ACCEPTED, "build": told["build"]}
    asked = {
        "trust without a system": ("R1A", mine, "VALIDATION_FAILED", "system"),
        "another trust's system": ("R1A", {**mine, "system": told["RNK"]}, "NOT_FOUND", "system"),
        "a trust's system by its supplier": ("SUPPLIER", {**mine, "system": told["RNK"]}, "NOT_FOUND", "system"),
        "another product's build": ("R1A", {**mine, "system": told["R1A"], "build": other}, "NOT_FOUND", "build"),
        "another supplier's build": ("RIVAL", {**SAFE, "build": other}, "NOT_FOUND", "build"),
        "a supplier that accepts": (
            "SUPPLIER",
            {**ACCEPTED, "build": other},
            "VALIDATION_FAILED",
            "transferredAccepted",
        ),
    }
    for why, (code, given, problem, field) in asked.items():
        answer = stage.change(code, "draftSignOff", **given)
        assert (answer["code"], answer["path"]) == (problem, ["input", field]), why
    for code in LISTED.keys() - {"R1A", "RNK", "RYG", "SUPPLIER", "RIVAL"}:
        assert stage.change(person(code), "draftSignOff", **mine)["needs"] == "safety:prepare"


def test_one_is_in_progress_at_a_time(stage: Stage, told: Told) -> None:
    mine = sign_off(stage, "RNK", told["build"], system=told["RNK"], **ACCEPTED)
    again = {**ACCEPTED, "build": told["build"], "system": told["RNK"]}
    twice = stage.change("RNK", "draftSignOff", **again)
    assert (twice["code"], twice["existing"]) == ("ALREADY_REGISTERED", mine)
    stage.change("RNK", "submitSignOff", signOff=mine)
    stage.change(person("RNK"), "declineSignOff", signOff=mine, reason="Not yet.")
    assert stage.change("RNK", "draftSignOff", **again)["__typename"] == "SafetySignOff"


def test_a_trusts_state_is_seen_near_and_its_hazards_by_itself_and_the_auditor(fresh_stage: Stage) -> None:
    stage = fresh_stage
    made = stage.tell("R1A", "RNK")
    SIGN_OFF["DCB0129"].walk(stage, sign_off(stage, "SUPPLIER", made["build"]), "SIGNED")
    mine = sign_off(stage, "R1A", made["build"], system=made["R1A"], **ACCEPTED)
    hazards = summary(stage, "R1A", mine)["id"]
    SIGN_OFF["DCB0160"].walk(stage, mine, "WITHDRAWN")
    near, own, published = set(), set(), set()
    for code in LISTED:
        found = stage.ask(code, "{ signOffs { nodes { id standard state hazards { nodes { id decisionReason } } } } }")
        nodes = {each["standard"]: each for each in found["signOffs"]["nodes"]}
        near |= {code} if "DCB0160" in nodes else set()
        own |= {code} if "DCB0160" in nodes and nodes["DCB0160"]["hazards"]["nodes"] else set()
        published |= {code} if nodes["DCB0129"]["hazards"]["nodes"] else set()
        assert (stage.ask(code, "query($id: ID!) { node(id: $id) { id } }", id=hazards)["node"] is None) == (
            code not in own
        )
        told = stage.ask(code, "{ activity(first: 200) { nodes { objectId } } }")["activity"]["nodes"]
        assert ({"objectId": hazards} in told) == (code in own), code
    assert (near, own, published) == (NEAR, {"R1A", "AUDITOR"}, set(LISTED))
    assert summary(stage, "R1A", mine)["decisionReason"] == "A hazard was missed."


def test_a_review_is_in_the_future(stage: Stage, told: Told) -> None:
    mine = SIGN_OFF["DCB0160"].walk(stage, begun(stage, told, "DCB0160"), "SUBMITTED")
    past = stage.change(person("R1A"), "giveSignOff", signOff=mine, nextReviewOn="2022-08-04")
    assert past["errors"] == [{"path": ["input", "nextReviewOn"], "message": "is not after today"}]
    signed = stage.change(person("R1A"), "giveSignOff", signOff=mine, nextReviewOn="2999-08-04", select="nextReviewOn")
    assert signed["nextReviewOn"] == "2999-08-04"
