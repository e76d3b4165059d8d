"""Blockers: everything that a system on its way back waits for, whose act it is, and since when; for each who asks."""

import itertools
from typing import Any

import pytest

from auth.caller import Caller
from tests.readiness.ready import EXEC, IT, NATIONAL, SUPPLIER, Ready
from tests.reinstatement.placed import alter, key, put
from tests.stage import LISTED, Stage

BLOCKERS = """query($incident: String, $region: String, $waitsFor: String) {
  blockers(incident: $incident, region: $region, waitsFor: $waitsFor) {
    kind code what since hours about waitsForRoles waitsFor { odsCode } organisation { odsCode } system { id }
  }
}"""
SEES = {"R1A", "Y60", "SUPPLIER", "NATIONAL", "AUDITOR"}


@pytest.fixture(scope="module")
def lost(stage: Stage) -> Ready:
    """A system each of R1A and RNK, just lost."""
    return Ready(stage)


@pytest.fixture
def ready(fresh_stage: Stage) -> Ready:
    """A system of R1A's with every gate open, one of RNK's just lost."""
    return Ready(fresh_stage).bring()


def waiting(world: Ready, who: str | Caller = "NATIONAL", system: str | None = None, **given: Any) -> list[Any]:
    """Give what a system waits for, as somebody sees it."""
    found = world.stage.ask(who, BLOCKERS, **given)["blockers"]
    return [row for row in found if row["system"]["id"] == (system or world.system)]


def told(rows: list[Any]) -> list[tuple[str, str, Any]]:
    """Give of each what it is and whom it waits for."""
    return [(row["kind"], row["code"], row["waitsFor"] and row["waitsFor"]["odsCode"]) for row in rows]


def test_what_is_lost_waits_for_the_supplier_and_for_what_its_handover_needs(fresh_stage: Stage) -> None:
    world = Ready(fresh_stage)
    expected = {
        ("GATE", "SECURITY_ASSURANCE", "SUPPLIER"),
        ("GATE", "DCB0129", "SUPPLIER"),
        ("HANDOVER", "OUTAGE", "SUPPLIER"),
    }
    assert set(told(waiting(world))) == expected
    world.do(SUPPLIER, "beginRebuild", system=world.system)
    assert ("HANDOVER", "REBUILDING", "SUPPLIER") in told(waiting(world))


def test_a_ready_system_waits_for_its_executives_then_for_its_wave(ready: Ready) -> None:
    assert told(waiting(ready)) == [("DECISION", "READY", "R1A")]
    assert waiting(ready)[0]["waitsForRoles"] == ["TRUST_EXEC", "TRUST_SIRO"]
    ready.do(EXEC, "decideGoNoGo", system=ready.system, outcome="GO", rationale="All is done.")
    assert told(waiting(ready)) == [("WAVE", "APPROVED", "NATIONAL")]


def test_a_gate_that_shuts_again_says_who_opens_it(ready: Ready) -> None:
    ready.assess(outcome="FAILED", note="Not yet.")
    ((kind, code, whose),) = told(waiting(ready))
    assert (kind, code, whose) == ("GATE", "BOARD_APPROVAL", "R1A")
    (row,) = waiting(ready)
    assert set(row["waitsForRoles"]) == {"TRUST_EXEC", "TRUST_SIRO"}
    assert row["about"] == ready.gate("BOARD_APPROVAL")


def test_holds_say_who_releases_them(ready: Ready) -> None:
    for who, held in ((IT, ready.system), (SUPPLIER, ready.told["product"]), (NATIONAL, ready.told["incident"])):
        ready.do(who, "placeHold", held=held, reasonCode="OPERATIONAL", reason="Wait.")
    holds = [row for row in waiting(ready) if row["kind"] == "HOLD"]
    assert {(row["waitsFor"]["odsCode"], *row["waitsForRoles"]) for row in holds} == {
        ("R1A", "TRUST_EXEC", "TRUST_SIRO"),
        ("SUPPLIER", "SUPPLIER_LEAD"),
        ("NATIONAL", "NATIONAL_IMT"),
    }


@pytest.mark.parametrize(
    ("state", "kind", "whose"),
    [("HANDED_OVER", "ACKNOWLEDGEMENT", "R1A"), ("ROLLED_BACK", "RETEST", "R1A")],
)
def test_the_trust_s_own_turn(ready: Ready, state: str, kind: str, whose: str) -> None:
    put(ready.stage, ready.system, state)
    assert (kind, state, whose) in told(waiting(ready))


@pytest.mark.parametrize("state", ["OPERATIONAL", "LIVE", "RECOVERED", "REPLACED", "RETIRED"])
def test_whoever_is_not_on_the_way_back_waits_for_nobody(fresh_stage: Stage, state: str) -> None:
    world = Ready(fresh_stage)
    put(fresh_stage, world.system, state)
    assert waiting(world) == []


def test_the_longest_waits_stand_first(ready: Ready) -> None:
    rows = ready.stage.ask("NATIONAL", BLOCKERS)["blockers"]
    assert len(rows) > 1
    assert all(one["since"] <= other["since"] for one, other in itertools.pairwise(rows))
    old = ready.do(IT, "placeHold", held=ready.system, reasonCode="SECURITY", reason="Wait.")["id"]
    alter(ready.stage, "hold", key(old), effective_from="2022-08-04T06:00:00Z")
    first = ready.stage.ask("NATIONAL", BLOCKERS)["blockers"][0]
    assert (first["kind"], first["about"]) == ("HOLD", old)
    assert first["hours"] > 24 * 365


@pytest.mark.parametrize("code", LISTED)
def test_everybody_sees_what_is_in_the_way_of_the_systems_they_see(lost: Ready, code: str) -> None:
    seen = {row["organisation"]["odsCode"] for row in lost.stage.ask(code, BLOCKERS)["blockers"]}
    assert ("R1A" in seen) == (code in SEES)
    if code in SEES:
        assert told(waiting(lost, code)) == told(waiting(lost))


def test_filters(ready: Ready) -> None:
    rnk = ready.told["RNK"]
    assert waiting(ready, system=rnk, region="Y56")
    assert waiting(ready, region="Y56") == []
    assert waiting(ready, system=rnk, waitsFor="SUPPLIER")
    assert waiting(ready, system=rnk, waitsFor="RNK") == []
    assert waiting(ready, incident="ANOTHER-2022") == []
    assert waiting(ready, incident="CARENOTES-2022")
