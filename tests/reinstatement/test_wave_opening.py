"""Opening: what the wave before and what holds have to say about it, and when a wave is complete."""

from typing import Any

import pytest

from tests.reinstatement.waves import Waves, put
from tests.stage import Stage, person
from tests.test_holds import FREEZE, decider, place, release

LIVE = {"fully_live_at": "now() - interval '3 days'"}


@pytest.fixture
def waves(fresh_stage: Stage) -> Waves:
    """A story of the test's own."""
    return Waves(fresh_stage, fresh_stage.tell("R1A", "RYG", "RNK"))


def codes(answer: dict[str, Any]) -> list[str]:
    """Give what is in the way of a wave, each told whole."""
    gates: list[dict[str, Any]] = answer["obstacles"]
    assert answer["code"] == "GATE_SHUT"
    assert all(gate["what"] and gate["clears"] and gate["nextStep"] for gate in gates)
    return [gate["code"] for gate in gates]


def test_a_wave_waits_for_the_one_before(waves: Waves) -> None:
    pilot = waves.draft(waves.ids["R1A"])
    second = waves.draft(waves.ids["RYG"], predecessor=pilot, soakDays=7)
    waves.bring(second, "APPROVED")
    assert codes(waves.step("openWave", second)) == ["PREDECESSOR"]
    waves.bring(pilot, "OPEN")
    assert codes(waves.step("openWave", second)) == ["NOT_BACK"]
    put(waves.stage, waves.ids["R1A"], "LIVE", **LIVE)
    assert codes(waves.step("openWave", second)) == ["SOAK"]
    put(waves.stage, waves.ids["R1A"], "LIVE", fully_live_at="now() - interval '8 days'")
    assert waves.step("openWave", second)["state"] == "OPEN"


def test_a_complete_wave_is_waited_for_no_longer(waves: Waves) -> None:
    pilot = waves.bring(waves.draft(waves.ids["R1A"]), "OPEN")
    second = waves.bring(waves.draft(waves.ids["RYG"], predecessor=pilot, soakDays=90), "APPROVED")
    assert codes(waves.step("completeWave", pilot)) == ["NOT_BACK"]
    put(waves.stage, waves.ids["R1A"], "LIVE", **LIVE)
    assert waves.step("completeWave", pilot)["state"] == "COMPLETE"
    assert waves.step("openWave", second)["state"] == "OPEN"


@pytest.mark.parametrize("state", ["RECOVERED", "REPLACED"])
def test_what_has_its_end_is_back(waves: Waves, state: str) -> None:
    pilot = waves.bring(waves.draft(waves.ids["R1A"]), "OPEN")
    put(waves.stage, waves.ids["R1A"], state, **LIVE)
    assert waves.step("completeWave", pilot)["state"] == "COMPLETE"


def test_what_is_struck_out_is_waited_for_no_longer(waves: Waves) -> None:
    pilot = waves.bring(waves.draft(waves.ids["R1A"], waves.ids["RYG"]), "OPEN")
    put(waves.stage, waves.ids["R1A"], "LIVE", **LIVE)
    assert codes(waves.step("completeWave", pilot)) == ["NOT_BACK"]
    found = waves.stage.ask("NATIONAL", "{ waves { nodes { members { nodes { id trust { odsCode } } } } } }")
    (wave,) = found["waves"]["nodes"]
    members = {each["trust"]["odsCode"]: each["id"] for each in wave["members"]["nodes"]}
    struck = waves.act("NATIONAL", "strikeWaveMember", member=members["RYG"], reason="Went to another record.")
    assert struck["state"] == "REMOVED"
    assert waves.step("completeWave", pilot)["state"] == "COMPLETE"


def test_an_unsafe_product_opens_no_next_wave(waves: Waves) -> None:
    pilot = waves.bring(waves.draft(waves.ids["R1A"]), "OPEN")
    second = waves.bring(waves.draft(waves.ids["RYG"], predecessor=pilot), "APPROVED")
    put(waves.stage, waves.ids["R1A"], "LIVE", **LIVE)
    unsafe = {"severity": "S1", "clinicalSafety": True, "reference": "ZZ-1", "title": "Wrong notes", "area": "Notes"}
    raised = waves.stage.change(
        person("R1A"),
        "raiseDefect",
        **unsafe,
        description="Notes of another.",
        system=waves.ids["R1A"],
        build=waves.ids["build"],
    )
    assert raised["__typename"] == "Defect", raised
    assert codes(waves.step("openWave", second)) == ["UNSAFE_DEFECT"]


@pytest.mark.parametrize("what", ["product", "build", "incident", "pilot", "second"])
def test_a_wave_is_not_opened_while_it_is_held(waves: Waves, what: str) -> None:
    pilot = waves.bring(waves.draft(waves.ids["R1A"]), "OPEN")
    put(waves.stage, waves.ids["R1A"], "LIVE", **LIVE)
    second = waves.bring(waves.draft(waves.ids["RYG"], predecessor=pilot), "APPROVED")
    held = {**waves.ids, "pilot": pilot, "second": second}[what]
    hold = place(waves.stage, "NATIONAL", held)
    refused = waves.step("openWave", second)
    assert refused["code"] == "HELD_BY"
    (obstacle,) = refused["obstacles"]
    assert (obstacle["about"], obstacle["code"]) == (hold["id"], FREEZE["reasonCode"])
    assert "the national team" in obstacle["clears"]
    release(waves.stage, "NATIONAL", hold["id"])
    assert waves.step("openWave", second)["state"] == "OPEN"


@pytest.mark.parametrize("what", ["later", "system", "announced"])
def test_a_hold_that_does_not_cover_it_stops_no_wave(waves: Waves, what: str) -> None:
    wave = waves.bring(waves.draft(waves.ids["R1A"]), "APPROVED")
    later = waves.bring(waves.draft(waves.ids["RYG"]), "APPROVED")
    ahead = {"effectiveFrom": "2999-01-01T00:00:00Z"} if what == "announced" else {}
    place(waves.stage, "NATIONAL", {"later": later, "system": waves.ids["R1A"], "announced": wave}[what], **ahead)
    assert waves.step("openWave", wave)["state"] == "OPEN"


OVER = "query($id: ID!) { holds(system: $id) { nodes { scope wave { number } } } }"
LINES = "{ progress { organisation { odsCode } openHolds } }"


def test_a_hold_of_a_wave_covers_its_members_and_those_of_later_waves(waves: Waves) -> None:
    first = waves.draft(waves.ids["R1A"])
    second = waves.draft(waves.ids["RYG"])
    third = waves.draft(waves.ids["RNK"])
    for wave in (first, second, third):
        waves.bring(wave, "APPROVED")
    hold = place(waves.stage, "SUPPLIER", second, "id scope tier wave { number }")
    assert (hold["scope"], hold["tier"], hold["wave"]) == ("WAVE", "SUPPLIER", {"number": 1})
    lines = {
        line["organisation"]["odsCode"]: line["openHolds"] for line in waves.stage.ask("NATIONAL", LINES)["progress"]
    }
    assert lines == {"R1A": 0, "RYG": 1, "RNK": 1}
    for trust, count in lines.items():
        found = waves.stage.ask(trust, OVER, id=waves.ids[trust])["holds"]["nodes"]
        assert found == [{"scope": "WAVE", "wave": {"number": 1}}] * count
        (mine,) = waves.stage.ask(trust, LINES)["progress"]
        assert mine["openHolds"] == count
    assert release(waves.stage, "SUPPLIER", hold["id"])["state"] == "RELEASED"


def test_who_may_hold_a_wave(waves: Waves) -> None:
    draft = waves.draft(waves.ids["R1A"])
    assert place(waves.stage, "SUPPLIER", draft)["code"] == "NOT_FOUND"  # nothing waits for a draft
    waves.bring(draft, "PROPOSED")
    for code in ("SUPPLIER", "NATIONAL"):
        assert "id" in place(waves.stage, code, draft)
    for code in ("R1A", "Y60", "RIVAL", "ASSURER"):
        refused = place(waves.stage, decider(code), draft)
        assert (refused["code"], refused["needs"]) == ("NOT_PERMITTED", "its supplier, or the national team")
