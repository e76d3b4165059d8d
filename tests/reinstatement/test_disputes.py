"""Disputes: what one side claims of a system and the other did not find; who raises, settles and sees one."""

from typing import Any

import asyncpg
import pytest

from tests.ledger import as_superuser
from tests.reinstatement.placed import key
from tests.stage import LISTED, Stage, person
from tests.test_holds_in_sql import told_to

CLAIM = {"claimedState": "HANDED_OVER", "verifiedState": "AWAITING_HANDOVER", "reason": "Nobody can reach it."}
SIDES = {"R1A", "SUPPLIER"}
SEES = {*SIDES, "Y60", "NATIONAL", "AUDITOR"}
Told = dict[str, str]


@pytest.fixture
def told(fresh_stage: Stage) -> Told:
    """A system each of R1A and RNK."""
    return fresh_stage.tell("R1A", "RNK")


def claim(stage: Stage, who: str, told: Told, **given: Any) -> dict[str, Any]:
    """Dispute the state of R1A's system."""
    return stage.change(
        person(who), "raiseDispute", **{"system": told["R1A"], "select": "id version", **CLAIM, **given}
    )


def settle(stage: Stage, who: str, dispute: str, **given: Any) -> dict[str, Any]:
    """Settle a dispute."""
    select = "id state settledAt settlement"
    return stage.change(
        person(who), "settleDispute", dispute=dispute, settlement="Handed over on the 30th.", select=select, **given
    )


def test_either_side_raises_one_and_nobody_else(fresh_stage: Stage, told: Told) -> None:
    for code in LISTED:
        answer = claim(
            fresh_stage, code, told, select="id state raisedBy { odsCode } supplier { odsCode } system { id }"
        )
        if code in SIDES:
            assert answer["raisedBy"] == {"odsCode": code}
            assert (answer["state"], answer["supplier"], answer["system"]) == (
                "OPEN",
                {"odsCode": "SUPPLIER"},
                {"id": told["R1A"]},
            )
        elif LISTED[code][1] in (LISTED["R1A"][1], LISTED["SUPPLIER"][1]):
            assert answer["code"] == "NOT_FOUND"
        else:
            assert (answer["code"], answer["needs"]) == ("NOT_PERMITTED", "dispute:raise")


def test_its_raiser_settles_it_once(fresh_stage: Stage, told: Told) -> None:
    mine = claim(fresh_stage, "R1A", told)["id"]
    again = claim(fresh_stage, "R1A", told)
    assert (again["code"], again["existing"]) == ("ALREADY_REGISTERED", mine)
    for code in ("SUPPLIER", "RNK"):
        assert settle(fresh_stage, code, mine)["code"] == "NOT_FOUND"
    assert settle(fresh_stage, "R1A", mine, expectedVersion=7)["code"] == "VERSION_CONFLICT"
    settled = settle(fresh_stage, "R1A", mine, expectedVersion=1)
    assert (settled["state"], settled["settlement"]) == ("SETTLED", "Handed over on the 30th.")
    assert settle(fresh_stage, "R1A", mine)["code"] == "ALREADY_DECIDED"
    assert "id" in claim(fresh_stage, "R1A", told)


def test_what_is_not_different_is_no_dispute(fresh_stage: Stage, told: Told) -> None:
    assert claim(fresh_stage, "R1A", told, verifiedState="HANDED_OVER")["path"] == ["input", "verifiedState"]


def test_who_sees_it(fresh_stage: Stage, told: Told) -> None:
    mine = {claim(fresh_stage, code, told)["id"] for code in ("R1A", "SUPPLIER")}
    asked = (
        '{ disputes(product: "CARENOTES", state: OPEN) { nodes { id } } systems { nodes { disputes { totalCount } } } }'
    )
    for code in LISTED:
        answer = fresh_stage.ask(code, asked)
        assert {each["id"] for each in answer["disputes"]["nodes"]} == (mine if code in SEES else set()), code
        assert sum(each["disputes"]["totalCount"] for each in answer["systems"]["nodes"]) == (2 if code in SEES else 0)


def test_the_database_holds_it_too(fresh_stage: Stage, told: Told) -> None:
    claim(fresh_stage, "R1A", told)
    (row,) = as_superuser(fresh_stage, "select id from dispute")

    def changed(what: str) -> str:
        return f"update dispute set {what} where id = '{row['id']}' returning state::text"  # noqa: S608 - our own

    done = "state = 'SETTLED', settlement = 'Over.', settled_at = now(), version = version + 1"
    assert told_to(fresh_stage, "R1A", changed(done)) == "SETTLED"
    assert told_to(fresh_stage, "SUPPLIER", changed(done)) is None
    with pytest.raises(asyncpg.CheckViolationError):
        told_to(fresh_stage, "R1A", changed("version = 2, settlement = 'Over.'"))
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        told_to(fresh_stage, "R1A", changed("version = 2, reason = 'Other.'"))
    columns = "tenant_ods, id, version, created_at, created_by, claimed_state, verified_state, reason, trust_ods, system_id, supplier_ods, state"
    values = f"app.tenant(), gen_random_uuid(), 1, now(), 'x', 'LIVE', 'READY', 'Why.', 'R1A', '{key(told['R1A'])}', 'RIVAL', 'OPEN'"
    forged = f"insert into dispute ({columns}) values ({values}) returning supplier_ods"  # noqa: S608 - our own
    for code in ("RNK", "RIVAL", "Y60", "NATIONAL"):
        with pytest.raises((asyncpg.InsufficientPrivilegeError, asyncpg.NotNullViolationError)):
            told_to(fresh_stage, code, forged)
    assert told_to(fresh_stage, "SUPPLIER", forged) == "SUPPLIER"
