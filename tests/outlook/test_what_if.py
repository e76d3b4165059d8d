"""What if: changes are tried by their own rules and kept nowhere; whoever may not make one may not try it."""

from typing import Any

import pytest

from auth.caller import Caller
from tests.ledger import as_superuser
from tests.readiness.ready import EXEC, FAILED, IT, NATIONAL, SUPPLIER, Ready
from tests.stage import Stage, caller

OUTLOOK = """unmoved moved { system organisationOds stateBefore stateAfter expectedOnBefore expectedOnAfter
  gatesShut gatesOpened holdsBefore holdsAfter }"""
HELD = {"reasonCode": "DEFECT", "reason": "Wait."}


@pytest.fixture
def ready(fresh_stage: Stage) -> Ready:
    """A system of R1A's with every gate open, in a wave; one of RNK's just lost."""
    return Ready(fresh_stage).bring()


def tried(world: Ready, who: str | Caller, *changes: dict[str, Any], **given: Any) -> dict[str, Any]:
    """Try changes as somebody."""
    told = {"incident": world.told["incident"], "changes": list(changes), **given}
    return world.stage.change(who, "whatIf", select=OUTLOOK, **told)


def everything(stage: Stage) -> list[Any]:
    """Give a digest of every table."""
    tables = as_superuser(
        stage, "select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace"
    )
    digest = "select '{0}', count(*), md5(string_agg(t::text, '|' order by t::text)) from {0} t"
    hashed = [digest.format(name) for (name,) in tables]
    return [tuple(row) for row in as_superuser(stage, " union all ".join(hashed))]


def test_a_safety_relevant_build_would_move_ready_systems_back(ready: Ready) -> None:
    build = {"product": ready.told["product"], "label": "CN-R2", "builtAt": "2022-11-26T12:00:00Z"}
    before = everything(ready.stage)
    outlook = tried(ready, SUPPLIER, {"registerBuild": {**build, "safetyRelevantChange": True}})
    lost, moved = sorted(outlook["moved"], key=lambda row: row["stateBefore"])
    assert (lost["stateAfter"], set(lost["gatesShut"])) == ("OUTAGE", {"DCB0129", "SECURITY_ASSURANCE"})
    assert (moved["system"], moved["stateBefore"], moved["stateAfter"]) == (ready.system, "READY", "IN_TRUST_TEST")
    assert {"DCB0129", "DCB0160", "SECURITY_ASSURANCE", "TRUST_TESTING", "BOARD_APPROVAL"} <= set(moved["gatesShut"])
    assert outlook["unmoved"] == 0
    assert everything(ready.stage) == before
    assert tried(ready, SUPPLIER, {"registerBuild": {**build, "safetyRelevantChange": False}})["moved"] == []


def test_a_hold_would_take_the_day_away(ready: Ready) -> None:
    outlook = tried(ready, NATIONAL, {"placeHold": {"held": ready.told["incident"], **HELD}})
    moved = {row["organisationOds"]: row for row in outlook["moved"]}
    assert moved.keys() == {"R1A", "RNK"}
    assert (moved["R1A"]["holdsBefore"], moved["R1A"]["holdsAfter"]) == (0, 1)
    assert moved["R1A"]["expectedOnBefore"]
    assert moved["R1A"]["expectedOnAfter"] is None
    assert ready.stage.ask("R1A", "{ holds { totalCount } }") == {"holds": {"totalCount": 0}}


def test_a_trust_tries_a_failure_and_a_defect(ready: Ready) -> None:
    report = {"system": ready.system, "build": ready.told["build"], "test": "UAT", **FAILED}
    (moved,) = tried(ready, IT, {"reportTest": report})["moved"]
    assert moved["gatesShut"] == ["TRUST_TESTING"]
    defect = {
        "system": ready.system, "build": ready.told["build"], "reference": "CN-1", "title": "Alerts", "area": "Alerts",
        "severity": "S1", "clinicalSafety": True, "description": "Not shown.",
    }  # fmt: skip
    (moved,) = tried(ready, IT, {"reportTest": report}, {"raiseDefect": defect})["moved"]
    assert moved["gatesShut"] == ["TRUST_TESTING", "DEFECTS"]


def test_whoever_may_not_make_a_change_may_not_try_it(ready: Ready) -> None:
    held = {"placeHold": {"held": ready.told["product"], **HELD}}
    for who, code in (
        (EXEC, "NOT_PERMITTED"),
        (caller("AUDITOR"), "NOT_PERMITTED"),
        (caller("RIVAL"), "NOT_PERMITTED"),
    ):
        refused = tried(ready, who, held)
        assert (refused["code"], refused["problem"], refused["at"]) == ("PLAN_REFUSED", code, 0)
        assert refused["nextStep"]
    refused = tried(ready, "RNK", {"placeHold": {"held": ready.system, **HELD}})
    assert (refused["problem"], refused["path"]) == ("NOT_FOUND", ["input", "changes", "0", "held"])


def test_the_first_refusal_ends_the_trial(ready: Ready) -> None:
    fine = {"placeHold": {"held": ready.told["product"], **HELD}}
    build = {"product": ready.told["product"], "label": "CN-R1", "builtAt": "2022-11-26T12:00:00Z"}
    refused = tried(ready, SUPPLIER, fine, {"registerBuild": {**build, "safetyRelevantChange": False}}, fine)
    assert (refused["at"], refused["problem"]) == (1, "ALREADY_REGISTERED")


@pytest.mark.parametrize("changes", [[], [{}], [{"placeHold": None}]], ids=str)
def test_exactly_one_change_at_a_time(ready: Ready, changes: list[Any]) -> None:
    assert tried(ready, SUPPLIER, *changes)["code"] == "VALIDATION_FAILED"


def test_strangers_find_no_incident_and_a_key_keeps_nothing(ready: Ready) -> None:
    held = {"placeHold": {"held": ready.told["product"], **HELD}}
    assert tried(ready, SUPPLIER, held, incident=ready.system)["code"] == "NOT_FOUND"
    for _ in range(2):
        told = {"incident": ready.told["incident"], "changes": [held]}
        answer = ready.stage.change(SUPPLIER, "whatIf", "a-key-for-what-if", select=OUTLOOK, **told)
        assert len(answer["moved"]) == 2
    assert as_superuser(ready.stage, "select count(*) from given_answer")[0][0] == 0
