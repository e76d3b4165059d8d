"""Where the gates stand: every way in which each of them is shut, and that no GO passes one that is."""

import json
from collections.abc import Callable
from typing import Any

import asyncpg
import pytest

from api.graphql.engine import Answer, Engine, Request, documents
from api.graphql.nodes import named
from auth.tenancy import Database
from tests.ledger import as_superuser, with_database
from tests.readiness import ready as r
from tests.readiness.ready import Ready
from tests.stage import LISTED, Stage, person
from tests.test_holds_in_sql import told_to

Act = Callable[[Ready], Any]
REASON = "Because of what we saw."
BEHIND = "set session_replication_role = replica"


@pytest.fixture(scope="module")
def once(stage: Stage) -> Ready:
    """A system that is ready, every gate open."""
    return Ready(stage).bring()


@pytest.fixture
def ready(once: Ready) -> Ready:
    """The same, of the test's own."""
    return once.another()


def key(id_: str) -> str:
    """Give the key in the database of an object by its id."""
    found = named(id_)
    assert found
    return str(found[1][0])


def aged(statement: str) -> Act:
    """Give the act of time: what a statement says past every rule and trigger."""
    return lambda world: as_superuser(world.stage, BEHIND, statement)


def submitted(world: Ready) -> None:
    """Submit another pack of evidence for the same build."""
    pack = world.do(r.SUPPLIER, "draftAssurance", build=world.told["build"], reference="CN-SA-AGAIN")["id"]
    evidence = {"kind": "OTHER", "title": "Sweep", "heldIn": "Library", "sha256": "1" * 64}
    world.do(r.SUPPLIER, "addEvidence", assurance=pack, **evidence)
    world.do(r.SUPPLIER, "submitAssurance", assurance=pack)


def reported(**given: Any) -> Act:
    """Give the act of another report of the smoke test."""
    return lambda world: world.report("SMOKE", **given)


def withdrawn(what: str, who: Any) -> Act:
    """Give the act of taking a signature back."""
    return lambda world: world.do(who, "withdrawSignOff", signOff=world.told[what], reason=REASON)


def declined(who: Any, **given: Any) -> Act:
    """Give the act of declining a newer sign-off."""

    def act(world: Ready) -> None:
        told = {**r.HAZARDS, **({"system": world.system, **given} if given else {})}
        draft = world.do(who, "draftSignOff", build=world.told["build"], **told)["id"]
        world.do(who, "submitSignOff", signOff=draft)
        world.do(who, "declineSignOff", signOff=draft, reason=REASON)

    return act


def raised(severity: str, *, accepted: bool = False) -> Act:
    """Give the act of raising a defect of the system; its workaround agreed and accepted."""

    def act(world: Ready) -> None:
        told = {
            "reference": "CN-114",
            "title": "Alerts",
            "area": "Alerts",
            "clinicalSafety": False,
            "description": "No.",
        }
        found = {"system": world.system, "build": world.told["build"], "severity": severity}
        defect = world.do(r.IT, "raiseDefect", **told, **found)["id"]
        if accepted:
            world.do(r.SUPPLIER, "triageDefect", defect=defect)
            world.do(r.SUPPLIER, "agreeWorkaround", defect=defect, workaround="Look on the second page.")
            world.do(r.CSO, "acceptWorkaround", defect=defect)

    return act


def assessed(outcome: str, **given: Any) -> Act:
    """Give the act of assessing the board's approval anew."""
    return lambda world: world.assess(outcome=outcome, note=REASON, **given)


def amended(code: str, then: str = "select 1") -> Act:
    """Give the act of letting a gate expire after a day, and of what happened before that."""

    def act(world: Ready) -> None:
        world.do(r.NATIONAL, "amendGate", gate=world.gate(code), maxAgeDays=1)
        if code == "BOARD_APPROVAL":
            world.assess()
        as_superuser(world.stage, BEHIND, then)

    return act


def built(world: Ready) -> None:
    """Register a build with a safety-relevant change."""
    world.build()


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
    assert [gate["code"] for gate in refused["gates"]] == [each for each in r.GATES if each in {code} | behind]
    for gate in refused["gates"]:
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


EXPLAINED = """query($s: ID!) { explainGate(system: $s) { code standing shut since expiresAt detail waitsFor { odsCode }
    waitsForRoles gate { code } conditions { totalCount nodes { part code what standing counts since about
    waitsFor { odsCode } waitsForRoles } } } systems { nodes { id gates { nodes { code standing } } } } }"""


def test_what_a_gates_standing_is_made_of(ready: Ready) -> None:
    raised("S1")(ready)
    reported(**r.FAILED)(ready)
    told = ready.stage.ask("R1A", EXPLAINED, s=ready.system)
    gates = {gate["code"]: gate for gate in told["explainGate"]}
    assert list(gates) == list(r.GATES)
    assert [gate["code"] for gate in told["systems"]["nodes"][0]["gates"]["nodes"]] == list(r.GATES)
    tests = gates["TRUST_TESTING"]["conditions"]["nodes"]
    assert [each["code"] for each in tests] == [f"TEST_{stage}" for stage in r.STAGES]
    (failed,) = [each for each in tests if each["standing"] != "PASSED"]
    assert (failed["code"], failed["standing"], failed["waitsForRoles"]) == ("TEST_SMOKE", "FAILED", ["TRUST_IT"])
    assert named(failed["about"])
    (defect,) = gates["DEFECTS"]["conditions"]["nodes"]
    assert defect["what"] == "S1 CN-114 is open: Alerts"
    assert (defect["waitsFor"], defect["waitsForRoles"]) == ({"odsCode": "SUPPLIER"}, ["SUPPLIER_LEAD"])
    assurance = gates["SECURITY_ASSURANCE"]["conditions"]["nodes"]
    assert [each["code"] for each in assurance] == ["ASSURANCE", "CONFIDENCE", "VALIDITY"]
    assert [each["code"] for each in gates["DCB0160"]["conditions"]["nodes"]] == ["DCB0129", "DCB0160"]
    assert gates["BOARD_APPROVAL"]["detail"] == "It is passed"


def test_everybody_who_sees_the_system_sees_the_gates_stand_alike(ready: Ready) -> None:
    raised("S2")(ready)
    reported(**r.FAILED)(ready)
    mine = ready.stands()
    for code in LISTED:
        seen = ready.stands(code)
        assert seen == (mine if code in {"R1A", "Y60", "SUPPLIER", "NATIONAL", "AUDITOR"} else {}), code


def test_it_is_known_how_they_stood(ready: Ready) -> None:
    before = ready.stands()
    moment = as_superuser(ready.stage, "select max(recorded_at) from event")[0][0].isoformat()
    withdrawn("dcb0129", r.SUPPLIER_CSO)(ready)
    raised("S1")(ready)
    built(ready)
    asked = "query($s: ID!, $then: DateTime) { explainGate(system: $s, asKnownAt: $then) { code standing asOf } }"
    then = ready.stage.ask("R1A", asked, s=ready.system, then=moment)["explainGate"]
    assert {gate["code"]: gate["standing"] for gate in then} == before
    assert {gate["asOf"] for gate in then} == {moment}
    assert ready.stands() != before


def test_the_tree_is_one_compiled_statement(once: Ready) -> None:
    variables = {"s": once.system}
    prepared = documents.read(EXPLAINED).operation(None, variables)
    request = Request(EXPLAINED, variables, None, "tree")

    async def compiled(database: Database) -> Answer:
        return await Engine(database).compiled(request, prepared, person("R1A"))

    told = json.loads(with_database(once.stage, compiled).body)["data"]
    assert [gate["code"] for gate in told["explainGate"]] == list(r.GATES)


def test_a_roll_back_makes_the_trusts_signature_stale(ready: Ready) -> None:
    as_superuser(ready.stage, BEHIND, "update system set state = 'REINSTATING' where tenant_ods = 'R1A'")
    ready.do(person("R1A"), "rollBack", system=ready.system, reason=REASON)
    assert ready.stands()["DCB0160"] == "STALE"
    assert ready.stands()["DCB0129"] == "PASSED"
