"""Races: what one may do only while something holds, against whoever changes that, in transactions that overlap."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.lifecycle import care, moving, plans
from tests.lifecycle.acts import Act
from tests.lifecycle.cast import (
    ASSURING,
    NATIONAL_TEAM,
    SUPPLIER_IT,
    SUPPLIER_OFFICER,
    TRUST_CSO,
    TRUST_EXEC,
    TRUST_IT,
    TRUSTS,
)
from tests.lifecycle.facts import Defect, Report
from tests.lifecycle.ground import Kept
from tests.lifecycle.model import Model
from tests.lifecycle.races import Race, Track, kept_for_bookings, kept_for_races
from tests.stage import Stage

DECISIONS, BOOKINGS, HOLDS, ACCEPTANCES = 4_000, 1_000, 1_000, 300  # races of each kind


@pytest.fixture(scope="module")
def track(stage: Stage) -> Iterator[Track]:
    """The ground of the races."""
    made = Track(stage)
    yield made
    assert made.deadlocks() == 0
    assert made.answers["never met"] == 0
    made.close()


@pytest.fixture(scope="module")
def kept(track: Track) -> dict[str, Kept]:
    """Where races begin."""
    return {**kept_for_bookings(track), **kept_for_races(track)}


# What turns the last gate red, of one system or of all of them.
def _test_fails(model: Model, trust: str) -> Act:
    return moving.report(model, TRUST_IT[trust], trust, Report("SMOKE", 0, passed=False))


def _board_fails(model: Model, trust: str) -> Act:
    return moving.assess(model, TRUST_EXEC[trust], trust, "FAILED")


def _withdraws(model: Model, trust: str) -> Act:
    number = next(place for place, each in enumerate(model.sign_offs) if each.trust == trust)
    return care.move_sign_off(model, "withdrawSignOff", TRUST_CSO[trust], number)


def _supplier_withdraws(model: Model, _: str) -> Act:
    number = next(place for place, each in enumerate(model.sign_offs) if each.trust is None)
    return care.move_sign_off(model, "withdrawSignOff", SUPPLIER_OFFICER, number)


def _revokes(model: Model, _: str) -> Act:
    return care.move_assurance(model, "revokeAssurance", ASSURING, 0)


def _hands_back(model: Model, trust: str) -> Act:
    number = next(place for place, each in enumerate(model.slots) if each.trust == trust)
    return plans.move_slot(model, "handBackSlot", TRUST_IT[trust], number)


def _raises(model: Model, trust: str) -> Act:
    return care.raise_defect(model, TRUST_IT[trust], Defect(trust, "S1", unsafe=True))


def _builds(model: Model, _: str) -> Act:
    return moving.build(model, SUPPLIER_IT, safety=True)


OF_ONE = (_test_fails, _board_fails, _withdraws, _hands_back, _raises)
OF_ALL = (_supplier_withdraws, _revokes, _builds)


def _go(model: Model, trust: str) -> Act:
    return moving.decide(model, TRUST_EXEC[trust], trust, "GO")


def _against_go(model: Model, number: int) -> list[Act]:
    """One turns a gate of one system red, or of all three, while all three decide."""
    reds = (*OF_ONE, *OF_ALL)
    red = reds[number % len(reds)]
    trust = TRUSTS[number // len(reds) % len(TRUSTS)]
    deciding = TRUSTS if red in OF_ALL else (trust,)
    return [red(model, trust), *(_go(model, code) for code in deciding)]


def test_no_go_passes_a_gate_that_turns_red(track: Track, kept: dict[str, Kept]) -> None:
    pairs = 0
    outcomes: dict[str, int] = {}
    reds, most = len(OF_ONE) + len(OF_ALL), len(OF_ONE) + len(TRUSTS) * len(OF_ALL)
    for race in _of(track, kept["ready"], _against_go, (DECISIONS // most + 1) * reds):
        red, *decided = race.answers
        assert red == "DONE", race
        states = track.states(race)
        for place, answer in enumerate(decided, 1):
            pairs += 1
            trust = race.acts[place].who.code
            assert answer in ("DONE", "GateShut", "WrongState"), (race.acts, race.answers)
            assert (answer == "DONE") == race.was_first_if_done(place, 0), (race.acts, race.answers, race.written)
            went = answer == "DONE" and race.acts[0].verb != "registerBuild"
            back = "IN_TRUST_TEST" if race.acts[0].verb == "registerBuild" else "READY"
            assert states[f"system:{trust}"] == ("APPROVED" if went else back), (race.acts, race.answers)
            outcomes[answer] = outcomes.get(answer, 0) + 1
        assert track.broken(race.story.product) == []
    assert pairs >= DECISIONS
    assert min(outcomes["DONE"], outcomes["GateShut"]) > pairs // 10, outcomes  # either was first, again and again


def test_no_decision_misses_an_acceptance(track: Track, kept: dict[str, Kept]) -> None:
    def course(model: Model, number: int) -> list[Act]:
        trust = TRUSTS[number % len(TRUSTS)]
        return [moving.step(model, "acceptSystem", TRUST_IT[trust], trust), _go(model, trust)]

    for race in _of(track, kept["tested"], course, ACCEPTANCES):
        assert race.answers[0] == "DONE", race.answers
        assert race.answers[1] in ("DONE", "WrongState"), race.answers
        trust = race.acts[0].who.code
        assert track.states(race)[f"system:{trust}"] == ("APPROVED" if race.answers[1] == "DONE" else "READY")


def test_a_day_takes_no_more_slots_than_it_has(track: Track, kept: dict[str, Kept]) -> None:
    def confirming(model: Model, _: int) -> list[Act]:
        asked = [place for place, each in enumerate(model.slots) if each.state == "REQUESTED"]
        return [plans.move_slot(model, "confirmSlot", SUPPLIER_IT, place) for place in asked]

    def handed_back(model: Model, number: int) -> list[Act]:
        return [*confirming(model, number), _hands_back(model, model.slots[0].trust)]

    asked = [*_of(track, kept["asked"], confirming, BOOKINGS // 6)]
    full = [*_of(track, kept["full"], handed_back, BOOKINGS // 4 + 1)]
    for race in (*asked, *full):
        confirmed = [answer for act, answer in zip(race.acts, race.answers, strict=True) if act.verb == "confirmSlot"]
        assert set(confirmed) <= {"DONE", "FullyBooked"}, race.answers
        assert confirmed.count("DONE") <= 1, race.answers
        assert track.broken(race.story.product) == []
    assert all(race.answers.count("DONE") == 1 for race in asked)
    assert all(race.answers[-1] == "DONE" for race in full)
    assert sum(len(race.acts) for race in (*asked, *full)) >= BOOKINGS
    assert {race.answers.count("DONE") for race in full} == {
        1,
        2,
    }  # the place that was handed back was taken, or too late


OVER_WAVE = ("product", "incident", "wave:0", "build:0")


def _placing(model: Model, over: str) -> Act:
    who: Any = {"product": SUPPLIER_IT, "wave:0": SUPPLIER_IT, "build:0": ASSURING, "incident": NATIONAL_TEAM}.get(over)
    return care.place(model, who or TRUST_IT[over.partition(":")[2]], over)


def test_nothing_goes_on_past_a_hold(track: Track, kept: dict[str, Kept]) -> None:
    def opening(model: Model, number: int) -> list[Act]:
        over = OVER_WAVE[number % len(OVER_WAVE)]
        return [_placing(model, over), plans.move_wave(model, "openWave", NATIONAL_TEAM, 0)]

    def beginning(model: Model, number: int) -> list[Act]:
        trust = TRUSTS[number % len(TRUSTS)]
        over = (*OVER_WAVE, f"system:{trust}")[number // len(TRUSTS) % (len(OVER_WAVE) + 1)]
        return [_placing(model, over), moving.step(model, "beginReinstatement", TRUST_IT[trust], trust)]

    races = [
        *_of(track, kept["approved"], opening, HOLDS // 2),
        *_of(track, kept["open"], beginning, HOLDS // 2),
    ]
    outcomes: dict[str, int] = {}
    for race in races:
        held, went = race.answers
        assert held == "DONE", race.answers
        assert went in ("DONE", "HeldBy"), race.answers
        assert (went == "DONE") == race.was_first_if_done(1, 0), (race.acts, race.answers, race.written)
        assert track.broken(race.story.product) == []
        outcomes[went] = outcomes.get(went, 0) + 1
    assert len(races) >= HOLDS
    assert min(outcomes["DONE"], outcomes["HeldBy"]) > HOLDS // 10, outcomes


def _of(track: Track, kept: Kept, course: Any, races: int) -> Iterator[Race]:
    """Run races by the hundred: so many stories are copied at once."""
    for begun in range(0, races, 100):
        yield from track.run(kept, range(begun, min(begun + 100, races)), course)
