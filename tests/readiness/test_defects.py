"""Defects: who raises one, whose every move is, and from which state."""

from typing import Any

import pytest

from auth.scope import Scope
from schema.people.account import Role
from tests.readiness.defect_story import CN_114, MOVES, RAISER, STATES, SUPPLIER, SUPPLIER_CLOSES, Defects
from tests.stage import LISTED, Stage, caller, person

SEES_THE_TRUSTS = {"R1A", "Y60", "SUPPLIER", "NATIONAL", "AUDITOR"}
SEES_THE_SUPPLIERS = {"SUPPLIER", "NATIONAL", "AUDITOR"}
SEEN_BY = {"R1A": SEES_THE_TRUSTS, "SUPPLIER": SEES_THE_SUPPLIERS}
SCOPES = {verb: "defect:triage" if hand == SUPPLIER else "defect:raise" for verb, (_, _, hand) in MOVES.items()}
GRADES = ("S1", "S2", "S3", "S4")
# Who closes one hangs on its severity, nothing else does.
CASES = [
    (raiser, grade, verb)
    for raiser in SEEN_BY
    for verb in MOVES
    for grade in (GRADES if verb == "closeDefect" else GRADES[1:3])
]


@pytest.fixture(scope="module")
def defects(stage: Stage) -> Defects:
    """A stage with defects."""
    return Defects(stage)


@pytest.fixture(scope="module")
def shelf(defects: Defects) -> dict[tuple[str, str, str], str]:
    """A defect in each state, of each raiser and severity, that only refusals are tried on."""
    return {
        (raiser, grade, state): defects.at(state, raiser, grade)
        for raiser in SEEN_BY
        for grade in GRADES
        for state in STATES
    }


def lawful(raiser: str, grade: str, verb: str, who: str) -> set[str]:
    """Give the states from which an organisation may make a move, by the table of the story."""
    _, states, hand = MOVES[verb]
    if who == (raiser if hand == RAISER else SUPPLIER):
        return states
    return SUPPLIER_CLOSES if verb == "closeDefect" and who == SUPPLIER and grade in ("S3", "S4") else set()


@pytest.mark.parametrize(("raiser", "grade", "verb"), CASES)
def test_every_lawful_move_is_made_by_whose_it_is(defects: Defects, raiser: str, grade: str, verb: str) -> None:
    for who in {raiser, SUPPLIER}:
        for state in lawful(raiser, grade, verb, who):
            moved = defects.move(who, verb, defects.at(state, raiser, grade))
            assert moved["state"] == MOVES[verb][0], (who, state)


@pytest.mark.parametrize(("raiser", "grade", "verb"), CASES)
def test_it_is_made_from_no_other_state_and_by_nobody_else_who_sees_it(
    defects: Defects, shelf: dict[tuple[str, str, str], str], raiser: str, grade: str, verb: str
) -> None:
    needs = SCOPES[verb]
    for who in {raiser, SUPPLIER}:
        may = lawful(raiser, grade, verb, who)
        for state in (state for state in STATES if state not in may):
            refused = defects.move(who, verb, shelf[raiser, grade, state])
            if may:
                assert (refused["code"], refused["currentState"]) == ("WRONG_STATE", state)
                assert refused["neededStates"] == [each for each in STATES if each in may]
                assert "do first" in refused["nextStep"]
            elif needs not in person(who).scopes:
                assert (refused["code"], refused["needs"]) == ("NOT_PERMITTED", needs)
            else:
                assert (refused["code"], refused["needs"]) == ("NOT_PERMITTED", raiser)
                assert refused["nextStep"] == f"Ask {raiser}."


@pytest.mark.parametrize("code", sorted(LISTED.keys() - {"R1A", "SUPPLIER"}))
@pytest.mark.parametrize("verb", MOVES)
def test_nobody_apart_moves_it(defects: Defects, shelf: dict[tuple[str, str, str], str], verb: str, code: str) -> None:
    for raiser, seen in SEEN_BY.items():
        for state in MOVES[verb][1]:
            refused = defects.move(code, verb, shelf[raiser, "S3", state])
            if SCOPES[verb] not in person(code).scopes:
                assert (refused["code"], refused["needs"]) == ("NOT_PERMITTED", SCOPES[verb])
            else:
                assert code not in seen
                assert (refused["code"], refused["path"]) == ("NOT_FOUND", ["input", "defect"])


@pytest.mark.parametrize("role", Role)
def test_a_role_says_who_raises_and_who_answers(role: Role) -> None:
    for code in (code for code, listed in LISTED.items() if listed[1] in role.kinds):
        held = person(code, role).scopes
        assert (Scope.DEFECT_RAISE in held) == (role in {Role.SUPPLIER_LEAD, Role.TRUST_CSO, Role.TRUST_IT})
        assert (Scope.DEFECT_TRIAGE in held) == (role == Role.SUPPLIER_LEAD)


@pytest.mark.parametrize("code", LISTED)
def test_who_raises_one(defects: Defects, code: str) -> None:
    answer = defects.raised(code, "raisedBy { odsCode } system { id } build { label } product { code } state open")
    if code in ("R1A", "RNK", "SUPPLIER"):
        where = None if code == "SUPPLIER" else {"id": defects.told[code]}
        assert (answer["raisedBy"], answer["system"]) == ({"odsCode": code}, where)
        assert (answer["build"], answer["product"]) == ({"label": "CN-R1"}, {"code": "CARENOTES"})
        assert (answer["state"], answer["open"]) == ("NEW", True)
    elif code == "RYG":
        assert (answer["code"], answer["path"]) == ("NOT_FOUND", ["input", "system"])
    elif code == "RIVAL":
        assert (answer["code"], answer["path"]) == ("VALIDATION_FAILED", ["input", "system"])
        nobodys = {**CN_114, "reference": "X-1", "build": defects.told["build"]}
        assert defects.stage.change("RIVAL", "raiseDefect", **nobodys)["path"] == ["input", "build"]
    else:
        assert (answer["code"], answer["needs"]) == ("NOT_PERMITTED", "defect:raise")


def test_a_machine_raises_and_answers_one(defects: Defects) -> None:
    told = {**CN_114, "reference": "M-1", "build": defects.told["build"], "system": defects.told["R1A"]}
    defect = defects.stage.change("R1A", "raiseDefect", select="id createdBy", **told)
    assert defect["createdBy"] == "r1a-client"
    assert defects.move(caller("SUPPLIER"), "triageDefect", defect["id"])["state"] == "TRIAGED"


def test_what_does_not_fit_is_refused(defects: Defects) -> None:
    assert defects.raised("R1A", system=None)["path"] == ["input", "system"]
    assert defects.raised("R1A", system=defects.told["RNK"])["path"] == ["input", "system"]
    assert defects.raised("R1A", build=defects.told["R1A"])["path"] == ["input", "build"]
    assert defects.raised("SUPPLIER", system=defects.told["R1A"])["path"] == ["input", "system"]
    other = defects.stage.change("SUPPLIER", "registerProduct", code="ADASTRA", name="Adastra", category="URGENT_CARE")
    built = {"label": "AD-R1", "builtAt": "2022-11-07T12:00:00Z", "safetyRelevantChange": True}
    build = defects.stage.change("SUPPLIER", "registerBuild", product=other["id"], **built)["id"]
    assert defects.raised("R1A", build=build)["path"] == ["input", "build"]
    accepted = defects.at("ACCEPTED")
    assert defects.move("SUPPLIER", "offerFix", accepted, build=build)["path"] == ["input", "build"]
    triaged = defects.at("TRIAGED")
    assert defects.move("SUPPLIER", "deferDefect", triaged, until="2022-01-01")["path"] == ["input", "until"]
    assert defects.move("SUPPLIER", "markDefectDuplicate", triaged, duplicateOf=triaged)["code"] == "NOT_FOUND"
    strangers = defects.raised("RNK")["id"]
    told = defects.move("SUPPLIER", "markDefectDuplicate", triaged, duplicateOf=strangers)
    assert (told["code"], told["path"]) == ("VALIDATION_FAILED", ["input", "duplicateOf"])
    assert "another trust" in told["message"]


def test_a_reference_is_its_raisers_once(defects: Defects) -> None:
    first = defects.raised("R1A", reference="CN-1")["id"]
    again = defects.raised("R1A", reference="CN-1")
    assert (again["code"], again["existing"]) == ("ALREADY_REGISTERED", first)
    assert defects.raised("RNK", reference="CN-1")["id"] != first


def test_it_is_graded_by_its_raiser_until_it_is_decided_about(defects: Defects) -> None:
    graded = {"severity": "S4", "clinicalSafety": False, "select": "severity clinicalSafety state"}
    for state in STATES:
        defect = defects.at(state)
        refused = defects.move("SUPPLIER", "regradeDefect", defect, **graded)
        assert (refused["code"], refused["needs"]) == ("NOT_PERMITTED", "R1A")
        assert defects.move("RNK", "regradeDefect", defect, **graded)["code"] == "NOT_FOUND"
        answer = defects.move("R1A", "regradeDefect", defect, **graded)
        if state in ("NEW", "TRIAGED"):
            assert answer == {"__typename": "Defect", "severity": "S4", "clinicalSafety": False, "state": state}
        else:
            assert (answer["code"], answer["currentState"], answer["neededStates"]) == (
                "WRONG_STATE",
                state,
                ["NEW", "TRIAGED"],
            )


def test_a_stale_screen_is_refused(defects: Defects) -> None:
    defect = defects.at("TRIAGED")
    stale = defects.move("SUPPLIER", "acceptDefect", defect, expectedVersion=1)
    assert (stale["code"], stale["currentVersion"]) == ("VERSION_CONFLICT", 2)
    assert defects.move("SUPPLIER", "acceptDefect", defect, expectedVersion=2)["version"] == 3


def test_an_s1_or_s2_stands_in_the_way_until_its_raiser_closes_it(
    defects: Defects, shelf: dict[tuple[str, str, str], str]
) -> None:
    settled = {"CLOSED", "DUPLICATE", "REJECTED", "DEFERRED"}
    asked = "query($id: ID!) { node(id: $id) { ... on Defect { open state severity } } }"
    for (raiser, grade, state), defect in shelf.items():
        told = defects.stage.ask(raiser, asked, id=defect)["node"]
        closed = {"CLOSED"} if grade in ("S1", "S2") else settled
        assert told == {"open": state not in closed, "state": state, "severity": grade}


def test_who_sees_a_defect_and_how_it_is_found(fresh_stage: Stage) -> None:
    defects = Defects(fresh_stage)
    mine, other = defects.at("FIX_READY", severity="S1"), defects.at("REJECTED", "RNK", "S3")
    both = '{ defects(product: "CARENOTES") { nodes { id } } }'
    for code in LISTED:
        seen = {each["id"] for each in fresh_stage.ask(code, both)["defects"]["nodes"]}
        everything = {defects.original, mine, other}
        expected = {"R1A": {mine}, "Y60": {mine}, "RNK": {other}, "Y56": {other}}
        wide = dict.fromkeys(("SUPPLIER", "NATIONAL", "AUDITOR"), everything)
        assert seen == {**expected, **wide}.get(code, set()), code
    asked = """query($id: ID!) { a: defects(system: $id) { nodes { id } } b: defects(severity: S3) { nodes { id } }
        c: defects(state: FIX_READY) { nodes { id } } d: defects(open: false) { nodes { id } }
        e: defects(open: true) { totalCount } f: defects(product: "NONE") { totalCount } }"""
    found = fresh_stage.ask("SUPPLIER", asked, id=defects.told["R1A"])
    assert [found[name]["nodes"] for name in "abcd"] == [
        [{"id": mine}],
        [{"id": other}],
        [{"id": mine}],
        [{"id": other}],
    ]
    assert (found["e"]["totalCount"], found["f"]["totalCount"]) == (2, 0)
    related = "{ systems { nodes { defects { nodes { id } } product { defects { totalCount } currentBuild { defects { totalCount } } } } } }"
    (system,) = fresh_stage.ask("R1A", related)["systems"]["nodes"]
    one: Any = {"totalCount": 1}
    assert system == {
        "defects": {"nodes": [{"id": mine}]},
        "product": {"defects": one, "currentBuild": {"defects": one}},
    }


def test_the_ledger_tells_who_moved_it_and_whose_it_is(fresh_stage: Stage) -> None:
    defects = Defects(fresh_stage)
    defect = defects.at("CLOSED")
    asked = "{ activity(first: 200) { nodes { verb organisation { odsCode } owner { odsCode } objectId } } }"
    events = [each for each in fresh_stage.ask("Y60", asked)["activity"]["nodes"] if each["objectId"] == defect]
    assert {each["owner"]["odsCode"] for each in events} == {"R1A"}
    assert [(each["verb"], each["organisation"]["odsCode"]) for each in events] == [
        ("raiseDefect", "R1A"), ("triageDefect", "SUPPLIER"), ("acceptDefect", "SUPPLIER"), ("offerFix", "SUPPLIER"),
        ("retestDefect", "R1A"), ("closeDefect", "R1A"),
    ]  # fmt: skip
