"""Waves: who moves one from which state to which, who is in it, when it opens and when it is complete."""

import datetime as dt
from typing import Any

import pytest

from auth.scope import Scope
from schema.reinstatement.wave import MOVES, WaveState
from tests.ledger import as_superuser
from tests.reinstatement.waves import PATHS, STEPS, TODAY, WAVE, WHY, Waves, put
from tests.stage import LISTED, Stage, person

BECOMES = {
    "proposeWave": "PROPOSED", "approveWave": "APPROVED", "returnWave": "DRAFT", "openWave": "OPEN",
    "completeWave": "COMPLETE", "cancelWave": "CANCELLED", "callOffWave": "CANCELLED",
}  # fmt: skip
KIND = {code: listed[1] for code, listed in LISTED.items()}


@pytest.fixture(scope="module")
def waves(stage: Stage) -> Waves:
    """A story with a system of R1A to put in waves."""
    return Waves(stage, stage.tell("R1A", "RNK"))


@pytest.fixture
def fresh(fresh_stage: Stage) -> Waves:
    """The same, of the test's own, with three trusts."""
    return Waves(fresh_stage, fresh_stage.tell("R1A", "RYG", "RNK"))


def lawful(verb: str, state: str) -> bool:
    """Tell whether an operation moves a wave from a state."""
    return (WaveState(state), WaveState(BECOMES[verb]), KIND[STEPS[verb][0]]) in MOVES


def test_the_operations_make_every_move_there_is() -> None:
    made = {(state, BECOMES[verb], STEPS[verb][0]) for verb in STEPS for state in PATHS if lawful(verb, state)}
    assert made == {(was, becomes, who.name) for was, becomes, who in MOVES}


@pytest.mark.parametrize("state", PATHS)
@pytest.mark.parametrize("verb", STEPS)
def test_a_wave_moves_from_the_right_states_alone(waves: Waves, verb: str, state: str) -> None:
    system = waves.system()
    wave = waves.draft(system)
    if state == "COMPLETE" or verb == "completeWave":
        put(waves.stage, system, "LIVE", fully_live_at="now()")
    waves.bring(wave, state)
    answer = waves.step(verb, wave)
    if lawful(verb, state):
        assert answer["state"] == BECOMES[verb]
    else:
        assert (answer["code"], answer["currentState"]) == ("WRONG_STATE", state)
        needed = [each for each in PATHS if lawful(verb, each)]
        assert sorted(answer["neededStates"]) == sorted(needed)
        assert answer["nextStep"]
        assert shown(waves, "AUDITOR", wave)["state"] == state


@pytest.mark.parametrize("verb", STEPS)
def test_nobody_else_moves_a_wave(waves: Waves, verb: str) -> None:
    whose = STEPS[verb][0]
    scope = Scope.WAVE_PROPOSE if whose == "SUPPLIER" else Scope.WAVE_APPROVE
    wave = waves.draft(waves.system())
    for code in LISTED.keys() - {whose}:
        answer = waves.step(verb, wave, code)
        if code == "RIVAL" and whose == "SUPPLIER":
            assert (answer["code"], answer["path"]) == ("NOT_FOUND", ["input", "wave"])
        else:
            assert (answer["code"], answer["needs"]) == ("NOT_PERMITTED", scope)
            assert answer["nextStep"]
    assert shown(waves, "SUPPLIER", wave)["state"] == "DRAFT"


def shown(waves: Waves, code: str, wave: str, select: str = "state") -> Any:
    """Give what somebody sees of a wave."""
    found = waves.stage.ask(code, f"query($id: ID!) {{ node(id: $id) {{ ... on Wave {{ {select} }} }} }}", id=wave)
    return found["node"]


def test_a_draft_is_its_suppliers_alone_and_a_proposal_everybodys(waves: Waves) -> None:
    wave = waves.draft(waves.system())
    seen = {code for code in LISTED if shown(waves, code, wave)}
    assert seen == {"SUPPLIER", "NATIONAL", "AUDITOR"}
    waves.bring(wave, "PROPOSED")
    assert all(shown(waves, code, wave) for code in LISTED)
    returned = waves.step("returnWave", wave)
    assert returned["state"] == "DRAFT"
    assert all(shown(waves, code, wave) for code in LISTED)  # what was published stays published


def test_a_member_is_seen_by_its_trust_its_region_and_those_who_see_all(waves: Waves) -> None:
    wave = waves.bring(waves.draft(waves.system("R1A"), waves.system("RNK")), "PROPOSED")
    select = "members { nodes { trust { odsCode } reason position } totalCount }"
    sees = {code: shown(waves, code, wave, select)["members"]["totalCount"] for code in LISTED}
    assert {code: count for code, count in sees.items() if count} == {
        "SUPPLIER": 2, "NATIONAL": 2, "AUDITOR": 2, "R1A": 1, "RNK": 1, "Y60": 1, "Y56": 1,
    }  # fmt: skip
    (mine,) = shown(waves, "RNK", wave, select)["members"]["nodes"]
    assert mine == {"trust": {"odsCode": "RNK"}, "reason": WHY["reason"], "position": 2}


def test_who_is_in_a_draft_is_its_suppliers_to_know(fresh: Waves) -> None:
    wave = fresh.draft(fresh.system())
    everyone = ("R1A", "RNK", "Y60", "Y56", "SUPPLIER", "RIVAL", "NATIONAL", "AUDITOR", "ASSURER", "QGH")
    select = """query($then: DateTime) { systems(asKnownAt: $then) { nodes { memberships { totalCount } } }
        activity(first: 200) { nodes { objectType } } }"""

    def knowing(then: str | None = None) -> set[str]:
        told = {code: str(fresh.stage.ask(code, select, then=then)) for code in everyone}
        return {code for code, text in told.items() if "'totalCount': 1" in text and "'WaveMember'" in text}

    assert knowing() == {"SUPPLIER", "NATIONAL", "AUDITOR"}
    before = as_superuser(fresh.stage, "select max(recorded_at) from event")[0][0].isoformat()
    fresh.bring(wave, "PROPOSED")
    assert knowing() == {"SUPPLIER", "NATIONAL", "AUDITOR", "R1A", "Y60"}
    assert knowing(before) == {"SUPPLIER", "NATIONAL", "AUDITOR"}
    later = fresh.system()
    fresh.step("returnWave", wave)
    fresh.add(wave, later)  # to what was published: it is a proposal at once
    told = fresh.stage.ask("R1A", "{ activity(first: 200) { nodes { objectType } } }")
    assert str(told).count("'WaveMember'") == 2


def test_small_numbers_are_nobodys_and_are_in_no_event(fresh: Waves) -> None:
    wave = fresh.draft(fresh.ids["R1A"], fresh.ids["RYG"])
    fresh.bring(wave, "APPROVED")
    assert shown(fresh, "QGH", wave, "membersTotal membersLive") == {"membersTotal": None, "membersLive": None}
    member = fresh.add(wave, fresh.ids["RNK"])
    assert member["state"] == "PROPOSED"
    assert fresh.act("NATIONAL", "approveWaveMember", member=member["id"])["state"] == "APPROVED"
    assert shown(fresh, "QGH", wave, "membersTotal membersLive") == {"membersTotal": 3, "membersLive": None}
    rows = fresh.stage.ask("AUDITOR", "{ activity(first: 200) { nodes { objectType after } } }")["activity"]["nodes"]
    told = [row["after"] for row in rows if row["objectType"] == "Wave"]
    assert len(told) == 3
    assert not any({"member_count", "live_count"} & set(row) for row in told)


def test_a_wave_is_stated_whole(waves: Waves) -> None:
    given = {**WAVE, "product": waves.ids["product"], "incident": waves.ids["incident"], "number": 900}
    early = str(TODAY - dt.timedelta(days=99))
    refused = waves.act("SUPPLIER", "draftWave", **{**given, "closesOn": early})
    assert (refused["code"], refused["path"]) == ("VALIDATION_FAILED", ["input", "closesOn"])
    first = waves.act("SUPPLIER", "draftWave", **given)
    again = waves.act("SUPPLIER", "draftWave", **given)
    assert (again["code"], again["existing"]) == ("ALREADY_REGISTERED", first["id"])
    later = waves.act("SUPPLIER", "draftWave", **{**given, "number": 901, "predecessor": first["id"]})
    assert later["state"] == "DRAFT"
    backwards = waves.act("SUPPLIER", "draftWave", **{**given, "number": 899, "predecessor": later["id"]})
    assert (backwards["code"], backwards["path"]) == ("NOT_FOUND", ["input", "predecessor"])
    stranger = waves.act("RIVAL", "draftWave", **given)
    assert (stranger["code"], stranger["path"]) == ("NOT_FOUND", ["input", "product"])
    empty = waves.step("proposeWave", first["id"])
    assert (empty["code"], empty["path"]) == ("VALIDATION_FAILED", ["input", "wave"])


def test_a_wave_is_amended_until_it_is_approved(waves: Waves) -> None:
    wave = waves.draft(waves.system())
    amended = waves.act("SUPPLIER", "amendWave", "slotsADay soakDays version", wave=wave, slotsADay=5)
    assert (amended["slotsADay"], amended["soakDays"], amended["version"]) == (5, 0, 2)
    stale = waves.act("SUPPLIER", "amendWave", wave=wave, slotsADay=6, expectedVersion=1)
    assert (stale["code"], stale["currentVersion"]) == ("VERSION_CONFLICT", 2)
    early = str(TODAY - dt.timedelta(days=99))
    assert waves.act("SUPPLIER", "amendWave", wave=wave, closesOn=early)["code"] == "VALIDATION_FAILED"
    waves.bring(wave, "PROPOSED")
    assert waves.act("SUPPLIER", "amendWave", wave=wave, soakDays=7)["state"] == "PROPOSED"
    waves.step("approveWave", wave)
    refused = waves.act("SUPPLIER", "amendWave", wave=wave, slotsADay=6)
    assert (refused["code"], refused["neededStates"]) == ("WRONG_STATE", ["DRAFT", "PROPOSED"])
    assert waves.act("RIVAL", "amendWave", wave=wave, slotsADay=6)["code"] == "NOT_FOUND"


def test_an_approval_tells_who_made_it_and_why(waves: Waves) -> None:
    wave = waves.bring(waves.draft(waves.system()), "APPROVED")
    told = shown(waves, "RYG", wave, "approver approvalReason approvedBy { odsCode } approvedAt")
    assert (told["approver"], told["approvedBy"]) == (person("NATIONAL").subject, {"odsCode": "NATIONAL"})
    assert told["approvalReason"] == WHY["reason"]
    assert told["approvedAt"]


def test_a_system_is_in_one_wave_at_a_time(waves: Waves) -> None:
    system = waves.system()
    first, second = waves.draft(system), waves.draft()
    taken = waves.add(second, system)
    assert taken["code"] == "ALREADY_REGISTERED"
    removed = waves.act("SUPPLIER", "removeWaveMember", member=taken["existing"], **WHY)
    assert removed["state"] == "REMOVED"
    assert waves.add(second, system)["state"] == "PROPOSED"
    place = waves.add(second, waves.system(), position=1)
    assert (place["code"], place["path"]) == ("VALIDATION_FAILED", ["input", "position"])
    assert waves.step("cancelWave", second)["state"] == "CANCELLED"
    assert waves.add(first, system)["state"] == "PROPOSED"  # who was in it is free again
    refused = waves.add(second, waves.system())
    assert (refused["code"], refused["currentState"]) == ("WRONG_STATE", "CANCELLED")


OF_MEMBER = {"removeWaveMember": "SUPPLIER", "approveWaveMember": "NATIONAL", "strikeWaveMember": "NATIONAL"}
MEMBER_MOVES = {
    ("PROPOSED", "removeWaveMember"): "REMOVED",
    ("PROPOSED", "approveWaveMember"): "APPROVED",
    ("PROPOSED", "strikeWaveMember"): "REMOVED",
    ("APPROVED", "strikeWaveMember"): "REMOVED",
}


@pytest.mark.parametrize("verb", OF_MEMBER)
@pytest.mark.parametrize("state", ["PROPOSED", "APPROVED", "REMOVED"])
def test_who_moves_a_membership_from_where(waves: Waves, verb: str, state: str) -> None:
    wave = waves.bring(waves.draft(waves.system()), "APPROVED")
    member = waves.add(wave, waves.system())["id"]
    said = {} if verb == "approveWaveMember" else WHY
    if state == "APPROVED":
        waves.act("NATIONAL", "approveWaveMember", member=member)
    elif state == "REMOVED":
        waves.act("NATIONAL", "strikeWaveMember", member=member, **WHY)
    for code in {"SUPPLIER", "RIVAL", "NATIONAL", "R1A", "Y60"} - {OF_MEMBER[verb]}:
        refused = waves.act(code, verb, member=member, **said)["code"]
        assert refused == ("NOT_FOUND" if code == "RIVAL" and OF_MEMBER[verb] == "SUPPLIER" else "NOT_PERMITTED")
    answer = waves.act(OF_MEMBER[verb], verb, member=member, **said)
    if becomes := MEMBER_MOVES.get((state, verb)):
        assert answer["state"] == becomes
    else:
        assert (answer["code"], answer["currentState"]) == ("WRONG_STATE", state)
