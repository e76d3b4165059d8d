"""Where the gates stand: every way in which each of them is shut, and that no GO passes one that is."""

import datetime as dt

import asyncpg
import pytest

from tests.ledger import as_superuser
from tests.readiness import ready as r
from tests.readiness.acts import (
    BEHIND,
    REASON,
    Act,
    aged,
    amended,
    assessed,
    built,
    declined,
    key,
    raised,
    reported,
    submitted,
    withdrawn,
)
from tests.readiness.ready import Ready
from tests.stage import person
from tests.test_holds_in_sql import told_to

WAYS: dict[str, tuple[str, Act, str]] = {
    "assurance revoked": (
        "SECURITY_ASSURANCE",
        lambda w: w.do(r.ASSURER, "revokeAssurance", assurance=w.told["assurance"], reason=REASON),
        "FAILED",
    ),
    "another pack of evidence": ("SECURITY_ASSURANCE", submitted, "IN_REVIEW"),
    "another pack, rejected": (
        "SECURITY_ASSURANCE",
        lambda w: w.assure(verdict="REJECTED", confidence=None, validUntil=None),
        "FAILED",
    ),
    "another pack, more asked for": (
        "SECURITY_ASSURANCE",
        lambda w: w.assure(verdict="MORE_EVIDENCE", confidence=None, validUntil=None),
        "IN_REVIEW",
    ),
    "low confidence": ("SECURITY_ASSURANCE", lambda w: w.assure(confidence="LOW"), "FAILED"),
    "assurance run out": (
        "SECURITY_ASSURANCE",
        aged(
            "update security_assurance set valid_until = now() - interval '1 second', decided_at = now() - interval '9 days'"
        ),
        "EXPIRED",
    ),
    "assurance too old": (
        "SECURITY_ASSURANCE",
        amended("SECURITY_ASSURANCE", "update security_assurance set decided_at = now() - interval '25 hours'"),
        "EXPIRED",
    ),
    "0129 withdrawn": ("DCB0129", withdrawn("dcb0129", r.SUPPLIER_CSO), "FAILED"),
    "0129 declined": ("DCB0129", declined(r.SUPPLIER_CSO), "FAILED"),
    "0129 past its review": (
        "DCB0129",
        aged("update safety_sign_off set next_review_on = current_date - 2 where standard = 'DCB0129'"),
        "EXPIRED",
    ),
    "0160 withdrawn": ("DCB0160", withdrawn("dcb0160", r.CSO), "FAILED"),
    "0160 declined": ("DCB0160", declined(r.CSO, transferredAccepted=4), "FAILED"),
    "0160 past its review": (
        "DCB0160",
        aged("update safety_sign_off set next_review_on = current_date - 2 where standard = 'DCB0160'"),
        "EXPIRED",
    ),
    "a test failed": ("TRUST_TESTING", reported(**r.FAILED), "FAILED"),
    "a test not done": ("TRUST_TESTING", reported(exitMet=False), "IN_REVIEW"),
    "tests too old": (
        "TRUST_TESTING",
        amended("TRUST_TESTING", "update test_report set as_of = now() - interval '25 hours' where test = 'SMOKE'"),
        "EXPIRED",
    ),
    "an S1": ("DEFECTS", raised("S1"), "FAILED"),
    "an S2": ("DEFECTS", raised("S2"), "FAILED"),
    "the board thinks again": ("BOARD_APPROVAL", assessed("IN_REVIEW"), "IN_REVIEW"),
    "the board refuses": ("BOARD_APPROVAL", assessed("FAILED"), "FAILED"),
    "the SIRO refuses": ("BOARD_APPROVAL", lambda w: w.assess(r.SIRO, "FAILED", note=REASON), "FAILED"),
    "the board's approval too old": (
        "BOARD_APPROVAL",
        amended("BOARD_APPROVAL", "update gate_assessment set expires_at = now() - interval '1 second'"),
        "EXPIRED",
    ),
    "slot handed back": (
        "SLOT",
        lambda w: w.do(r.IT, "handBackSlot", slot=w.told["slot"], reason=REASON),
        "NOT_ASSESSED",
    ),
    "slot over": (
        "SLOT",
        aged(
            "update reinstatement_slot set starts_at = now() - interval '3 days', ends_at = now() - interval '2 days'"
        ),
        "EXPIRED",
    ),
    "back-entry asked for": (
        "BACK_ENTRY",
        lambda w: w.do(r.NATIONAL, "amendGate", gate=w.gate("BACK_ENTRY"), mandatory=True),
        "NOT_REPORTED",
    ),
}
STILL_OPEN: dict[str, tuple[str, Act, str]] = {
    "an S2 with a workaround": ("DEFECTS", raised("S2", accepted=True), "PASSED_WITH_CONDITIONS"),
    "an S3": ("DEFECTS", raised("S3"), "PASSED"),
    "conditions": ("BOARD_APPROVAL", assessed("PASSED_WITH_CONDITIONS"), "PASSED_WITH_CONDITIONS"),
    "the SIRO in review": ("BOARD_APPROVAL", lambda w: w.assess(r.SIRO, "IN_REVIEW"), "PASSED"),
    "an optional test failed": ("TRUST_TESTING", lambda w: w.report("PERFORMANCE", **r.FAILED), "PASSED"),
    "a build without safety relevance": ("DCB0160", lambda w: w.build(relevant=False), "PASSED"),
    "a withdrawn 0129 signed again": (
        "DCB0129",
        lambda w: (withdrawn("dcb0129", r.SUPPLIER_CSO)(w), w.sign(r.SUPPLIER_CSO)),
        "PASSED",
    ),
}
GO = """insert into go_no_go_decision (tenant_ods, id, version, created_at, created_by, system_id, supplier_ods, outcome,
    decided_at, decider) values ('R1A', gen_random_uuid(), 1, now(), 'x', '{system}', 'SUPPLIER', '{outcome}',
    '2022-01-01', 'nobody@R1A') returning decider"""


@pytest.mark.parametrize("way", WAYS)
def test_a_gate_that_is_shut_lets_no_go_pass(ready: Ready, way: str) -> None:
    code, act, standing = WAYS[way]
    act(ready)
    behind = {"DCB0160"} if code == "DCB0129" else set()  # a trust's safety case stands on its supplier's
    stands = ready.stands()
    assert stands[code] == standing
    assert set(ready.shut()) == {code} | behind
    refused = ready.decide()
    assert refused["code"] == "GATE_SHUT"
    assert [gate["code"] for gate in refused["obstacles"]] == [each for each in r.GATES if each in {code} | behind]
    for gate in refused["obstacles"]:
        assert all(gate[name] for name in ("what", "clears", "nextStep", "since", "about"))
    with pytest.raises(asyncpg.CheckViolationError, match=f"gates are shut: {code}"):
        told_to(ready.stage, "R1A", GO.format(system=key(ready.system), outcome="GO"), r.EXEC.subject)
    assert ready.decide(outcome="DEFER")["outcome"] == "DEFER"


@pytest.mark.parametrize("way", STILL_OPEN)
def test_a_gate_that_still_is_open_lets_go_pass(ready: Ready, way: str) -> None:
    code, act, standing = STILL_OPEN[way]
    act(ready)
    assert (ready.stands()[code], ready.shut()) == (standing, [])
    assert told_to(ready.stage, "R1A", GO.format(system=key(ready.system), outcome="GO"), r.EXEC.subject)
    assert ready.decide()["outcome"] == "GO"


def test_a_safety_relevant_build_makes_all_that_was_found_before_it_stale(ready: Ready) -> None:
    built(ready)
    stands = ready.stands()
    facts = ("SECURITY_ASSURANCE", "DCB0129", "DCB0160", "TRUST_TESTING", "BOARD_APPROVAL")
    assert {code: stands[code] for code in facts} == dict.fromkeys(facts, "STALE")
    assert (stands["SLOT"], stands["DEFECTS"]) == ("PASSED", "PASSED")
    assert ready.decide()["code"] == "WRONG_STATE"
    ready.sign(r.SUPPLIER_CSO)
    ready.assure()
    for stage in r.STAGES:
        ready.report(stage)
    ready.sign(r.CSO, system=ready.system, transferredAccepted=4)
    ready.assess()
    assert ready.shut() == []
    ready.do(r.IT, "acceptSystem", system=ready.system)
    assert ready.decide()["outcome"] == "GO"


def test_it_is_known_how_they_stood(ready: Ready) -> None:
    before = ready.stands()
    moment = as_superuser(ready.stage, "select max(recorded_at) from event")[0][0]
    withdrawn("dcb0129", r.SUPPLIER_CSO)(ready)
    raised("S1")(ready)
    built(ready)
    asked = "query($s: ID!, $then: DateTime) { explainGate(system: $s, asKnownAt: $then) { code standing asOf } }"
    then = ready.stage.ask("R1A", asked, s=ready.system, then=moment.isoformat())["explainGate"]
    assert {gate["code"]: gate["standing"] for gate in then} == before
    assert {dt.datetime.fromisoformat(gate["asOf"]) for gate in then} == {moment}
    assert ready.stands() != before


def test_a_roll_back_makes_the_trusts_signature_stale(ready: Ready) -> None:
    as_superuser(ready.stage, BEHIND, "update system set state = 'REINSTATING' where tenant_ods = 'R1A'")
    ready.do(person("R1A"), "rollBack", system=ready.system, reason=REASON)
    assert ready.stands()["DCB0160"] == "STALE"
    assert ready.stands()["DCB0129"] == "PASSED"
