"""Safety sign-offs: which one stands, until when, and what a withdrawal does to what is live."""

from typing import Any

import pytest

from tests.ledger import as_superuser
from tests.readiness.assured import ACCEPTED, SIGN_OFF, build_of, sign_off
from tests.readiness.moving import key_of
from tests.readiness.test_safety import OWNER, STANDARDS
from tests.stage import Stage, person


def test_a_safety_relevant_build_makes_it_stale(fresh_stage: Stage) -> None:
    stage = fresh_stage
    made = stage.tell("R1A")
    base = SIGN_OFF["DCB0129"].walk(stage, sign_off(stage, "SUPPLIER", made["build"]), "SIGNED")
    mine = sign_off(stage, "R1A", made["build"], system=made["R1A"], **ACCEPTED)
    assert stands(stage, made) == (key_of(base), None)
    waiting = SIGN_OFF["DCB0160"].walk(stage, mine, "SIGNED")
    late = SIGN_OFF["DCB0129"].walk(stage, sign_off(stage, "SUPPLIER", made["build"]), "SUBMITTED")
    build_of(stage, made["product"])
    assert stands(stage, made) == (key_of(base), key_of(waiting))
    current = build_of(stage, made["product"], relevant=True)
    assert stands(stage, made) == (None, None)
    gates = stage.change(person("SUPPLIER"), "giveSignOff", signOff=late)["obstacles"]
    assert [gate["code"] for gate in gates] == ["BUILD_SUPERSEDED"]
    stale = stage.change("R1A", "draftSignOff", build=made["build"], system=made["R1A"], **ACCEPTED)
    assert (stale["code"], stale["currentBuild"]) == ("BUILD_SUPERSEDED", current)


def stands(stage: Stage, made: dict[str, str]) -> tuple[Any, Any]:
    """Give the keys of the sign-offs that stand for the product, and for the system."""
    calls = f"app.signed_dcb0129('SUPPLIER', '{key_of(made['product'])}'), app.signed_dcb0160('R1A', '{key_of(made['R1A'])}')"
    return tuple(as_superuser(stage, f"select {calls}")[0])


def test_the_latest_decision_counts(fresh_stage: Stage) -> None:
    stage = fresh_stage
    made = stage.tell("R1A")
    machine = SIGN_OFF["DCB0129"]
    first = machine.walk(stage, sign_off(stage, "SUPPLIER", made["build"]), "SIGNED")
    later = machine.walk(stage, sign_off(stage, "SUPPLIER", made["build"]), "SUBMITTED")
    assert stands(stage, made)[0] == key_of(first)
    stage.change(person("SUPPLIER"), "declineSignOff", signOff=later, reason="A hazard was missed.")
    assert stands(stage, made)[0] is None
    last = machine.walk(stage, sign_off(stage, "SUPPLIER", made["build"]), "SIGNED")
    assert stands(stage, made)[0] == key_of(last)


def test_it_stands_until_its_review_day_is_over(fresh_stage: Stage) -> None:
    stage = fresh_stage
    made = stage.tell("R1A")
    base = SIGN_OFF["DCB0129"].walk(stage, sign_off(stage, "SUPPLIER", made["build"]), "SIGNED")
    for days, found in ((0, key_of(base)), (-1, None)):
        day = f"(now() at time zone 'Europe/London')::date + {days}"
        late = f"update safety_sign_off set next_review_on = {day}"  # noqa: S608 - our own
        as_superuser(stage, "set session_replication_role = replica", late)
        assert stands(stage, made)[0] == found


@pytest.mark.parametrize("standard", STANDARDS)
@pytest.mark.parametrize("state", ["IN_TRUST_TEST", "READY", "REINSTATING", "LIVE"])
def test_a_withdrawal_on_what_is_live_places_a_hold(fresh_stage: Stage, standard: str, state: str) -> None:
    stage = fresh_stage
    made = stage.tell("R1A")
    base = SIGN_OFF["DCB0129"].walk(stage, sign_off(stage, "SUPPLIER", made["build"]), "SIGNED")
    mine = base
    if standard == "DCB0160":
        drafted = sign_off(stage, "R1A", made["build"], system=made["R1A"], **ACCEPTED)
        mine = SIGN_OFF["DCB0160"].walk(stage, drafted, "SIGNED")
    as_superuser(stage, "set session_replication_role = replica", f"update system set state = '{state}'")  # noqa: S608 - our own
    asked = {"signOff": mine, "reason": "A hazard was missed.", "select": "state withdrawnAt signer"}
    withdrawn = stage.change(person(OWNER[standard]), "withdrawSignOff", **asked)
    assert (withdrawn["state"], withdrawn["signer"]) == ("WITHDRAWN", f"everything@{OWNER[standard]}")
    shown = "query($id: ID!) { holds(system: $id) { nodes { scope reasonCode reason placedBy { odsCode } state } } }"
    holds = stage.ask("Y60", shown, id=made["R1A"])["holds"]["nodes"]
    if state in ("REINSTATING", "LIVE"):
        (hold,) = holds
        assert hold["scope"] == {"DCB0129": "PRODUCT", "DCB0160": "SYSTEM"}[standard]
        assert (hold["reasonCode"], hold["state"]) == ("CLINICAL_SAFETY", "PLACED")
        assert hold["placedBy"] == {"odsCode": OWNER[standard]}
        assert "missed" not in hold["reason"]
    else:
        assert holds == []
