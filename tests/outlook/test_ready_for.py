"""Ready for a wave: one line a member, the one gate that blocks it; and how long the way back took, never of a few."""

import pytest

from tests.ledger import as_superuser
from tests.readiness.ready import IT, NATIONAL, SUPPLIER, Ready
from tests.reinstatement.placed import key, put
from tests.stage import Stage

READY = """query($wave: ID!) { readyFor(wave: $wave) {
  organisation { odsCode } state position ready shutGates lastGate openHolds expectedOn slot { state } wave { number }
} }"""
TIMES = """query($product: String) { recoveryTimes(incident: "CARENOTES-2022", product: $product) {
  trustsCounted medianHours shortestHours longestHours
} }"""


@pytest.fixture
def ready(fresh_stage: Stage) -> Ready:
    """A system of R1A's with every gate open, in a wave."""
    return Ready(fresh_stage).bring()


def test_a_member_is_ready_until_a_gate_shuts_or_a_hold_is_placed(ready: Ready) -> None:
    (line,) = ready.stage.ask("SUPPLIER", READY, wave=ready.told["wave"])["readyFor"]
    assert (line["state"], line["position"], line["ready"], line["shutGates"]) == ("READY", 1, True, [])
    assert (line["slot"], line["wave"], line["lastGate"]) == ({"state": "CONFIRMED"}, {"number": 0}, None)
    assert line["expectedOn"]
    ready.assess(outcome="FAILED", note="Not yet.")
    (line,) = ready.stage.ask("R1A", READY, wave=ready.told["wave"])["readyFor"]
    assert (line["ready"], line["shutGates"], line["lastGate"]) == (False, ["BOARD_APPROVAL"], "BOARD_APPROVAL")
    ready.assess()
    ready.do(SUPPLIER, "placeHold", held=ready.told["wave"], reasonCode="DEFECT", reason="Wait.")
    (line,) = ready.stage.ask("Y60", READY, wave=ready.told["wave"])["readyFor"]
    assert (line["ready"], line["openHolds"], line["expectedOn"]) == (False, 1, None)


def test_a_stranger_s_wave_and_a_made_up_one_have_no_lines(ready: Ready) -> None:
    for who, wave in (("RIVAL", ready.told["wave"]), ("RNK", ready.told["wave"]), ("SUPPLIER", ready.system)):
        assert ready.stage.ask(who, READY, wave=wave) == {"readyFor": []}
    assert ready.stage.ask("SUPPLIER", READY, wave="nonsense") == {"readyFor": []}


def test_times_are_told_of_three_trusts_and_not_of_fewer(fresh_stage: Stage) -> None:
    told = fresh_stage.tell("R1A", "RYG", "RNK")
    for number, code in enumerate(("R1A", "RYG", "RNK"), 1):
        put(
            fresh_stage, told[code], "LIVE",
            handed_over_at="2022-12-01T09:00:00Z", first_live_at=f"2022-12-{1 + number * number:02}T21:00:00Z",
        )  # fmt: skip
    nothing = dict.fromkeys(("trustsCounted", "medianHours", "shortestHours", "longestHours"))
    figures = {"trustsCounted": 3, "medianHours": 108, "shortestHours": 36, "longestHours": 228}
    for who, expected in (("NATIONAL", figures), ("SUPPLIER", figures), ("Y60", nothing), ("R1A", nothing)):
        assert fresh_stage.ask(who, TIMES) == {"recoveryTimes": expected}
    assert fresh_stage.ask("NATIONAL", TIMES, product="OTHER") == {"recoveryTimes": nothing}
    put(fresh_stage, told["RNK"], "HANDED_OVER", first_live_at=None)
    assert fresh_stage.ask("NATIONAL", TIMES) == {"recoveryTimes": nothing}


def test_since_when_a_system_is_in_its_state_is_kept_by_the_database(ready: Ready) -> None:
    since = "{ systems(first: 1) { nodes { state stateSince acceptedAt } } }"
    (system,) = ready.stage.ask("R1A", since)["systems"]["nodes"]
    assert system["stateSince"] == system["acceptedAt"]
    ready.do(IT, "placeHold", held=ready.system, reasonCode="SECURITY", reason="Wait.")
    assert ready.stage.ask("R1A", since)["systems"]["nodes"] == [system]
    (row,) = as_superuser(ready.stage, f"select state_since = accepted_at from system where id = '{key(ready.system)}'")  # noqa: S608 - our own
    assert row[0]


def test_as_known_at_an_instant(ready: Ready) -> None:
    document = """query($at: DateTime!, $wave: ID!) {
      then: readyFor(wave: $wave, asKnownAt: $at) { ready shutGates }
      blockers(asKnownAt: $at) { kind code organisation { odsCode } }
    }"""
    at = str(as_superuser(ready.stage, "select clock_timestamp()")[0][0].isoformat())
    before = ready.stage.ask("NATIONAL", document, at=at, wave=ready.told["wave"])
    ready.assess(outcome="FAILED", note="Not yet.")
    ready.do(NATIONAL, "placeHold", held=ready.told["incident"], reasonCode="DEFECT", reason="Wait.")
    assert ready.stage.ask("NATIONAL", document, at=at, wave=ready.told["wave"]) == before
