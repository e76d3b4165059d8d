"""Gates of a wave itself: no wave opens past one that is shut, and no proposer passes its own."""

import pytest

from schema.people.account import Role
from tests.readiness.moving import key_of, tried
from tests.readiness.ready import NATIONAL, SUPPLIER, Ready
from tests.stage import Stage, person

REVIEW = {
    "code": "PILOT_REVIEW", "title": "The pilot is reviewed", "scope": "WAVE", "position": 20, "mandatory": True,
    "ownerRoles": ["NATIONAL_IMT", "REGION", "SUPPLIER_LEAD"], "quorum": 2,
}  # fmt: skip
REGION = person("Y60", Role.REGION)


@pytest.fixture
def ready(fresh_stage: Stage) -> Ready:
    """A wave approved, and a gate of waves that two organisations have to pass."""
    world = Ready(fresh_stage).bring()
    world.told["gate PILOT_REVIEW"] = world.do(NATIONAL, "defineGate", incident=world.told["incident"], **REVIEW)["id"]
    return world


def opened(world: Ready) -> dict[str, object]:
    """Try to open the wave."""
    return world.stage.change(NATIONAL, "openWave", wave=world.told["wave"], select="state")


def test_a_wave_opens_when_others_than_its_proposer_have_passed_its_gate(ready: Ready) -> None:
    for who in (None, SUPPLIER, REGION):
        if who:
            ready.assess(who, code="PILOT_REVIEW", subject=ready.told["wave"])
        refused = opened(ready)
        (gate,) = refused["obstacles"]  # type: ignore[misc] # a list of gates
        assert (refused["code"], gate["code"], gate["about"]) == (
            "GATE_SHUT",
            "PILOT_REVIEW",
            ready.gate("PILOT_REVIEW"),
        )
    ready.assess(NATIONAL, code="PILOT_REVIEW", subject=ready.told["wave"])
    assert opened(ready)["state"] == "OPEN"


def test_the_database_opens_none_either(ready: Ready) -> None:
    move = f"update wave set state = 'OPEN', version = version + 1 where id = '{key_of(ready.told['wave'])}'"  # noqa: S608 - our own
    (refused,) = tried(ready.stage, "NATIONAL", [move])
    assert "gates of the wave are shut" in refused
