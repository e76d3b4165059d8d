"""Slots: who books, confirms, declines, hands back and exchanges one, from which state, and how many fit in a day."""

import datetime as dt
from typing import Any

import pytest

from auth.scope import Scope
from schema.organisation import OrganisationKind as Kind
from schema.reinstatement.slot import MOVES, SlotState
from tests.reinstatement.waves import TODAY, WHY, Slots, put
from tests.stage import LISTED, Stage

OF_SLOT = {"confirmSlot": "SUPPLIER", "declineSlot": "SUPPLIER", "handBackSlot": "R1A", "offerSlotSwap": "R1A"}
SAID: dict[str, dict[str, Any]] = {"declineSlot": WHY, "handBackSlot": WHY}
STATES = ("REQUESTED", "CONFIRMED", "DECLINED", "HANDED_BACK")
LAWFUL = {
    ("confirmSlot", "REQUESTED"): "CONFIRMED",
    ("declineSlot", "REQUESTED"): "DECLINED",
    ("handBackSlot", "REQUESTED"): "HANDED_BACK",
    ("handBackSlot", "CONFIRMED"): "HANDED_BACK",
    ("offerSlotSwap", "CONFIRMED"): "CONFIRMED",
}


@pytest.fixture(scope="module")
def slots(stage: Stage) -> Slots:
    """A story whose waves take two a day."""
    return Slots(stage, stage.tell("R1A", "RYG", "RNK"))


@pytest.fixture
def fresh(fresh_stage: Stage) -> Slots:
    """The same, of the test's own."""
    return Slots(fresh_stage, fresh_stage.tell("R1A", "RYG", "RNK"))


def in_state(slots: Slots, state: str) -> str:
    """Bring a slot of R1A to a state."""
    system = slots.system()
    slots.approved(system)
    slot = slots.request(system)["id"]
    for verb in {"REQUESTED": [], "CONFIRMED": ["confirmSlot"], "DECLINED": ["declineSlot"]}.get(
        state, ["handBackSlot"]
    ):
        slots.act(OF_SLOT[verb], verb, slot=slot, **SAID.get(verb, {}))
    return str(slot)


def test_the_moves_of_a_member_are_all_but_one_there_are() -> None:
    kinds = {"SUPPLIER": Kind.SUPPLIER, "R1A": Kind.TRUST}
    made = {
        (SlotState(state), SlotState(becomes), kinds[OF_SLOT[verb]])
        for (verb, state), becomes in LAWFUL.items()
        if verb != "offerSlotSwap"
    }
    assert made == MOVES - {(SlotState.CONFIRMED, SlotState.DECLINED, Kind.SUPPLIER)}


@pytest.mark.parametrize("verb", OF_SLOT)
@pytest.mark.parametrize("state", STATES)
def test_a_slot_moves_by_its_party_from_the_right_state_alone(slots: Slots, verb: str, state: str) -> None:
    slot = in_state(slots, state)
    scope = Scope.SLOT_CONFIRM if OF_SLOT[verb] == "SUPPLIER" else Scope.SLOT_REQUEST
    for code in LISTED.keys() - {OF_SLOT[verb]}:
        refused = slots.act(code, verb, slot=slot, **SAID.get(verb, {}))
        if LISTED[code][1] == LISTED[OF_SLOT[verb]][1]:
            assert (refused["code"], refused["path"]) == ("NOT_FOUND", ["input", "slot"])
        else:
            assert (refused["code"], refused["needs"]) == ("NOT_PERMITTED", scope)
    answer = slots.act(OF_SLOT[verb], verb, slot=slot, **SAID.get(verb, {}))
    if becomes := LAWFUL.get((verb, state)):
        assert answer["state"] == becomes
    else:
        assert (answer["code"], answer["currentState"]) == ("WRONG_STATE", state)
        assert answer["nextStep"]
        assert set(answer["neededStates"]) <= {each for name, each in LAWFUL if name == verb} | {"CONFIRMED"}


def test_who_sees_a_slot(slots: Slots) -> None:
    slot = in_state(slots, "CONFIRMED")
    document = (
        "query($id: ID!) { node(id: $id) { ... on ReinstatementSlot { place queuePosition wave { orderRationale } } } }"
    )
    seen = {code: slots.stage.ask(code, document, id=slot)["node"] for code in LISTED}
    assert {code for code, found in seen.items() if found} == {"R1A", "Y60", "SUPPLIER", "NATIONAL", "AUDITOR"}
    assert seen["R1A"] == {"place": 1, "queuePosition": 1, "wave": {"orderRationale": "Smallest first."}}


def test_a_slot_is_of_a_system_in_an_approved_wave(slots: Slots) -> None:
    system = slots.system()
    outside = slots.request(system)
    assert (outside["code"], outside["currentState"]) == ("WRONG_STATE", "NOT_A_MEMBER")
    assert "SUPPLIER" in outside["nextStep"]
    wave = slots.bring(slots.draft(system), "PROPOSED")
    assert slots.request(system)["code"] == "WRONG_STATE"
    slots.step("approveWave", wave)
    first = slots.request(system)
    assert (first["state"], first["queuePosition"]) == ("REQUESTED", 1)
    again = slots.request(system)
    assert (again["code"], again["existing"]) == ("ALREADY_REGISTERED", first["id"])
    slots.act("R1A", "handBackSlot", slot=first["id"], **WHY)
    assert slots.request(system)["state"] == "REQUESTED"
    assert slots.request(system, "RYG")["code"] == "NOT_FOUND"
    slots.step("callOffWave", wave)
    assert slots.request(system)["code"] == "WRONG_STATE"


def test_a_slot_lies_within_its_wave_by_the_days_in_london(slots: Slots) -> None:
    system = slots.system()
    winter, summer = "2023-01-16", "2023-06-16"
    slots.approved(system, opensOn=winter, closesOn=summer)
    times = {
        ("2023-01-15T23:59:00Z", "2023-01-16T01:00:00Z"): "startsAt",
        ("2023-06-16T22:00:00Z", "2023-06-16T23:30:00Z"): "endsAt",  # past midnight in summer time
        ("2023-06-16T12:00:00Z", "2023-06-16T12:00:00Z"): "endsAt",
        ("2023-06-15T23:00:00Z", "2023-06-16T22:59:00Z"): None,
    }
    for (starts, ends), field in times.items():
        answer = slots.request(system, startsAt=starts, endsAt=ends)
        if field:
            assert (answer["code"], answer["path"]) == ("VALIDATION_FAILED", ["input", field])
        else:
            assert answer["onDay"] == summer


def test_a_day_takes_what_its_wave_takes_a_day(fresh: Slots) -> None:
    fresh.approved(
        *(fresh.ids[code] for code in ("R1A", "RYG", "RNK")), slotsADay=1, closesOn=str(TODAY + dt.timedelta(days=2))
    )
    first = fresh.confirmed(fresh.ids["R1A"], "R1A", 0)
    fresh.confirmed(fresh.ids["RYG"], "RYG", 1)
    third = fresh.request(fresh.ids["RNK"], "RNK", 0)["id"]
    refused = fresh.act("SUPPLIER", "confirmSlot", slot=third)
    assert (refused["code"], refused["retryable"]) == ("FULLY_BOOKED", True)
    assert refused["nextFreeOn"] == str(TODAY + dt.timedelta(days=2))
    fresh.act("R1A", "handBackSlot", slot=first, **WHY)
    assert fresh.act("SUPPLIER", "confirmSlot", slot=third)["state"] == "CONFIRMED"


def test_a_confirmed_slot_of_no_member_is_its_suppliers_to_decline(slots: Slots) -> None:
    slot = in_state(slots, "CONFIRMED")
    kept = slots.act("SUPPLIER", "declineSlot", slot=slot, **WHY)
    assert (kept["code"], "R1A" in kept["nextStep"]) == ("WRONG_STATE", True)
    wave = slots.stage.ask(
        "R1A", "query($id: ID!) { node(id: $id) { ... on ReinstatementSlot { wave { id } } } }", id=slot
    )
    slots.step("callOffWave", wave["node"]["wave"]["id"])
    assert slots.act("SUPPLIER", "declineSlot", slot=slot, **WHY)["state"] == "DECLINED"


@pytest.mark.parametrize("state", ["REINSTATING", "LIVE", "RECOVERED"])
def test_a_slot_in_use_is_not_handed_back(slots: Slots, state: str) -> None:
    system = slots.system()
    slots.approved(system)
    slot = slots.confirmed(system)
    put(slots.stage, system, state)
    refused = slots.act("R1A", "handBackSlot", slot=slot, **WHY)
    assert (refused["code"], refused["currentState"]) == ("WRONG_STATE", state)


def test_two_trusts_exchange_their_slots(fresh: Slots) -> None:
    fresh.approved(fresh.ids["R1A"], fresh.ids["RYG"], slotsADay=1)
    mine, theirs = fresh.confirmed(fresh.ids["R1A"], "R1A", 0, 9), fresh.confirmed(fresh.ids["RYG"], "RYG", 3, 14)
    pair = {"one": mine, "other": theirs}
    refused = fresh.act("SUPPLIER", "swapSlots", **pair)
    assert (refused["code"], "R1A" in refused["nextStep"]) == ("WRONG_STATE", True)
    fresh.act("R1A", "offerSlotSwap", slot=mine)
    refused = fresh.act("SUPPLIER", "swapSlots", **pair)
    assert (refused["code"], "RYG" in refused["nextStep"]) == ("WRONG_STATE", True)
    fresh.act("RYG", "offerSlotSwap", slot=theirs)
    assert fresh.act("RIVAL", "swapSlots", **pair)["code"] == "NOT_FOUND"
    assert fresh.act("SUPPLIER", "swapSlots", one=mine, other=mine)["code"] == "VALIDATION_FAILED"
    swapped = fresh.act("SUPPLIER", "swapSlots", "onDay place swapOffered version", **pair)
    later = str(TODAY + dt.timedelta(days=3))
    assert swapped == {
        "__typename": "ReinstatementSlot", "onDay": later, "place": 1, "swapOffered": False, "version": 4,
    }  # fmt: skip
    found = fresh.stage.ask(
        "SUPPLIER", "{ slots(state: CONFIRMED) { nodes { system { organisation { odsCode } } onDay startsAt } } }"
    )
    days = {each["system"]["organisation"]["odsCode"]: each["onDay"] for each in found["slots"]["nodes"]}
    assert days == {"R1A": later, "RYG": str(TODAY)}
    events = fresh.stage.ask("SUPPLIER", "{ activity(first: 200) { nodes { verb objectType } } }")["activity"]["nodes"]
    assert [each["objectType"] for each in events if each["verb"] == "swapSlots"] == ["ReinstatementSlot"] * 2


def test_slots_are_found_by_wave_system_and_state(fresh: Slots) -> None:
    wave = fresh.approved(fresh.ids["R1A"], fresh.ids["RYG"])
    fresh.confirmed(fresh.ids["R1A"])
    fresh.request(fresh.ids["RYG"], "RYG")
    document = """query($wave: ID, $system: ID, $state: SlotState) { slots(wave: $wave, system: $system, state: $state) {
        totalCount } }"""
    for given, count in (
        ({"wave": wave}, 2),
        ({"system": fresh.ids["RYG"]}, 1),
        ({"state": "CONFIRMED"}, 1),
        ({"wave": "x"}, 0),
    ):
        assert fresh.stage.ask("SUPPLIER", document, **given)["slots"]["totalCount"] == count
    assert fresh.stage.ask("RYG", document)["slots"]["totalCount"] == 1
