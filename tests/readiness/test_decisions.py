"""Go or no-go: who decides, from which state, what a decision keeps, and what follows from it."""

import datetime as dt
import hashlib
import json
from typing import Any

import asyncpg
import pytest

from auth.caller import Caller
from auth.scope import Scope
from schema.people.account import Role
from schema.system import SystemState
from tests.ledger import as_superuser
from tests.readiness import ready as r
from tests.readiness.ready import Ready
from tests.stage import LISTED, caller, person
from tests.test_holds_in_sql import told_to

OUTCOMES = ("GO", "GO_WITH_CONDITIONS", "NO_GO", "DEFER")
DECIDES = {Role.TRUST_EXEC, Role.TRUST_SIRO}
SEES = {"R1A", "Y60", "SUPPLIER", "NATIONAL", "AUDITOR"}
TOMORROW = (dt.datetime.now(dt.UTC).date() + dt.timedelta(days=1)).isoformat()
CONDITION = {"text": "Train the night staff.", "dueOn": TOMORROW, "ownerRole": "TRUST_IT"}
CONDITIONS = {"GO_WITH_CONDITIONS": {"conditions": [CONDITION]}}
BEHIND = "set session_replication_role = replica"
DECIDED = """query($s: ID!) { node(id: $s) { ... on System { decisions(first: 5) { nodes { id outcome
    supersedes { outcome } records(first: 2) { nodes { rationale gates snapshotHash } }
    obligations(first: 5) { nodes { id text dueOn ownerRole metAt overdue } }
    dissents(first: 9) { nodes { role text } } } } } } }"""


@pytest.fixture(scope="module")
def decided(once: Ready) -> Ready:
    """The same, with a GO under one condition."""
    world = once.another()
    world.told["decision"] = world.decide(outcome="GO_WITH_CONDITIONS", conditions=[CONDITION])["id"]
    return world


def decisions(world: Ready, who: str | Caller = "R1A") -> list[dict[str, Any]]:
    """Give the decisions about the system that somebody sees, newest first."""
    system = world.stage.ask(who, DECIDED, s=world.system)["node"]
    return list(system["decisions"]["nodes"]) if system else []


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_each_outcome_by_each_who_decides_it_moves_the_system_or_not(ready: Ready, outcome: str) -> None:
    who = r.EXEC if outcome != "GO" else r.SIRO
    done = ready.decide(who, outcome, "outcome decider build { label }", **CONDITIONS.get(outcome, {}))
    assert done == {
        "__typename": "GoNoGoDecision", "outcome": outcome, "decider": who.subject, "build": {"label": "CN-R1"},
    }  # fmt: skip
    (system,) = ready.stage.ask("R1A", "{ systems { nodes { state } } }")["systems"]["nodes"]
    assert system["state"] == ("APPROVED" if outcome.startswith("GO") else "READY")


@pytest.mark.parametrize("code", LISTED)
def test_nobody_else_decides(once: Ready, code: str) -> None:
    for role in (role for role in Role if LISTED[code][1] in role.kinds):
        if code == "R1A" and role in DECIDES:
            continue
        refused = once.decide(person(code, role))
        expected = "NOT_FOUND" if role in DECIDES else "NOT_PERMITTED"  # another trust's executive
        assert refused["code"] == expected, (code, role)
    machine = once.decide(caller(code))
    assert (machine["code"], machine["needs"]) == ("NOT_PERMITTED", "decision:make")


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_no_other_state_is_decided_about(once: Ready, outcome: str) -> None:
    world = once.another()
    for state in SystemState:
        if state == SystemState.READY:
            continue
        as_superuser(world.stage, BEHIND, f"update system set state = '{state}' where tenant_ods = 'R1A'")  # noqa: S608 - our own
        refused = world.decide(outcome=outcome, select="id", **CONDITIONS.get(outcome, {}))
        assert (refused["code"], refused["currentState"], refused["neededStates"]) == ("WRONG_STATE", state, ["READY"])
        with pytest.raises(asyncpg.CheckViolationError, match="READY"):
            told_to(world.stage, "R1A", going(world, outcome), r.EXEC.subject)


def going(world: Ready, outcome: str = "GO", code: str = "R1A") -> str:
    """Give the statement that writes a decision past the rule."""
    (system,) = as_superuser(world.stage, "select id from system where tenant_ods = 'R1A'")
    return f"""insert into go_no_go_decision (tenant_ods, id, version, created_at, created_by, system_id, supplier_ods,
        outcome, decided_at, decider) values ('{code}', gen_random_uuid(), 1, now(), 'x', '{system[0]}', 'RIVAL',
        '{outcome}', '2022-01-01', 'nobody@R1A') returning decider || ' ' || supplier_ods"""  # noqa: S608 - our own


def test_whoever_filed_its_tests_decides_nothing(ready: Ready) -> None:
    both = person("R1A", Role.TRUST_IT, Role.TRUST_EXEC)
    ready.report("REGRESSION", both)
    for outcome in OUTCOMES:
        refused = ready.decide(both, outcome, **CONDITIONS.get(outcome, {}))
        assert (refused["code"], refused["did"]) == ("SAME_HANDS", "filed test reports of it")
        with pytest.raises(asyncpg.CheckViolationError, match="filed its test reports"):
            told_to(ready.stage, "R1A", going(ready, outcome), both.subject)
    assert ready.decide()["outcome"] == "GO"


def test_the_database_says_who_decided_when_and_of_whose(once: Ready) -> None:
    assert told_to(once.stage, "R1A", going(once), r.EXEC.subject) == f"{r.EXEC.subject} SUPPLIER"
    with pytest.raises(asyncpg.CheckViolationError, match="a person decides"):
        told_to(once.stage, "R1A", going(once), caller("R1A").subject)
    for code in ("RNK", "SUPPLIER", "Y60", "NATIONAL", "ASSURER"):
        with pytest.raises((asyncpg.CheckViolationError, asyncpg.InsufficientPrivilegeError)):
            told_to(once.stage, code, going(once))


@pytest.mark.parametrize(
    ("outcome", "conditions"),
    [
        ("GO_WITH_CONDITIONS", []),
        ("GO", [CONDITION]),
        ("NO_GO", [CONDITION]),
        ("GO_WITH_CONDITIONS", [{**CONDITION, "dueOn": "2022-12-01"}]),
        ("GO_WITH_CONDITIONS", [{**CONDITION, "ownerRole": "SUPPLIER_LEAD"}]),
    ],
    ids=str,
)
def test_conditions_belong_to_go_with_conditions(once: Ready, outcome: str, conditions: list[Any]) -> None:
    refused = once.decide(outcome=outcome, conditions=conditions)
    assert (refused["code"], refused["path"]) == ("VALIDATION_FAILED", ["input", "conditions"])


def test_a_person_decides_about_what_they_saw(ready: Ready) -> None:
    stale = ready.decide(expectedVersion=1)
    assert stale["code"] == "VERSION_CONFLICT"
    assert ready.decide(expectedVersion=stale["currentVersion"])["outcome"] == "GO"


def test_each_decision_supersedes_the_one_before(ready: Ready) -> None:
    for outcome in ("DEFER", "NO_GO", "GO"):
        ready.decide(outcome=outcome)
    told = [(each["outcome"], (each["supersedes"] or {}).get("outcome")) for each in decisions(ready)]
    assert told == [("GO", "NO_GO"), ("NO_GO", "DEFER"), ("DEFER", None)]


def test_where_the_gates_stood_is_kept_with_its_hash_and_nothing_alters_it(ready: Ready) -> None:
    ready.decide()
    (record,) = decisions(ready)[0]["records"]["nodes"]
    assert {gate["code"]: gate["standing"] for gate in record["gates"]} == ready.stands()
    assert [gate["code"] for gate in record["gates"]] == list(r.GATES)
    (row,) = as_superuser(ready.stage, "select gate_snapshot::text, snapshot_hash from decision_record")
    assert json.loads(row[0]) == record["gates"]
    assert hashlib.sha256(row[0].encode()).hexdigest() == row[1] == record["snapshotHash"]
    ready.do(r.ASSURER, "revokeAssurance", assurance=ready.told["assurance"], reason="It was wrong.")
    ready.build()
    assert decisions(ready)[0]["records"]["nodes"] == [record]
    for what in ("gate_snapshot = '[]'", "snapshot_hash = ''", "rationale = 'Another.'"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            told_to(ready.stage, "R1A", f"update decision_record set {what}")  # noqa: S608 - our own
    for statement in ("delete from decision_record", "update go_no_go_decision set outcome = 'NO_GO'"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            told_to(ready.stage, "R1A", statement)


def test_a_snapshot_is_the_databases_own_and_of_its_moment(ready: Ready) -> None:
    written = """insert into decision_record (tenant_ods, id, version, created_at, created_by, decision_id, rationale,
        gate_snapshot, snapshot_hash) select 'R1A', gen_random_uuid(), 1, now(), 'x', {decision}, 'Because.', '[]', 'x' {end}"""
    with_it = f"with d as ({going(ready).replace('returning decider', 'returning id, decider')}) "
    taken = written.format(decision="id", end="from d returning jsonb_array_length(gate_snapshot)")
    assert told_to(ready.stage, "R1A", with_it + taken, r.EXEC.subject) == len(r.GATES)  # whatever was written
    ready.decide(outcome="DEFER")
    later = written.format(decision="(select id from go_no_go_decision)", end="")
    with pytest.raises(asyncpg.NoDataFoundError):
        told_to(ready.stage, "R1A", later, r.EXEC.subject)


@pytest.mark.parametrize("code", LISTED)
def test_who_sees_what_of_a_decision(decided: Ready, code: str) -> None:
    found = decisions(decided, code)
    assert [each["outcome"] for each in found] == (["GO_WITH_CONDITIONS"] if code in SEES else [])
    if found:
        inner = len(found[0]["records"]["nodes"]), len(found[0]["obligations"]["nodes"])
        assert inner == ((0, 0) if code == "SUPPLIER" else (1, 1))
    events = decided.stage.ask(person(code), "{ activity(first: 200) { nodes { objectType } } }")["activity"]["nodes"]
    private = {"DecisionRecord", "Obligation"} & {event["objectType"] for event in events}
    assert private == ({"DecisionRecord", "Obligation"} if code in SEES - {"SUPPLIER"} else set())


def meet(world: Ready, who: Caller, **given: Any) -> dict[str, Any]:
    """Say that the condition is met."""
    (obligation,) = decisions(world)[0]["obligations"]["nodes"]
    told = {"obligation": obligation["id"], "how": "All were trained.", **given}
    return world.stage.change(who, "meetObligation", select="metBy how version", **told)


def test_an_obligation_is_met_once_in_the_role_that_owns_it(decided: Ready) -> None:
    world = decided.another()
    for code in LISTED:
        for role in (role for role in Role if LISTED[code][1] in role.kinds):
            if (code, role) == ("R1A", Role.TRUST_IT):
                continue
            refused = meet(world, person(code, role))
            own = code == "R1A" or Scope.OBLIGATION_MEET not in person(code, role).scopes
            assert refused["code"] == ("NOT_PERMITTED" if own else "NOT_FOUND"), (code, role)
    assert meet(world, r.IT, expectedVersion=4)["code"] == "VERSION_CONFLICT"
    done = meet(world, r.IT, expectedVersion=1)
    assert (done["metBy"], done["how"], done["version"]) == (r.IT.subject, "All were trained.", 2)
    assert meet(world, r.IT)["code"] == "ALREADY_DECIDED"
    undone = "update obligation set met_at = null, met_by = null, how = null, version = version + 1"
    with pytest.raises(asyncpg.CheckViolationError, match="never changes"):
        told_to(world.stage, "R1A", undone)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        told_to(world.stage, "R1A", "update obligation set due_on = due_on + 9, version = version + 1")


def test_an_obligation_is_overdue_by_itself(decided: Ready) -> None:
    world = decided.another()
    (obligation,) = decisions(world)[0]["obligations"]["nodes"]
    assert (obligation["overdue"], obligation["dueOn"], obligation["ownerRole"]) == (False, TOMORROW, "TRUST_IT")
    as_superuser(world.stage, BEHIND, "update obligation set due_on = current_date - 2")
    assert decisions(world)[0]["obligations"]["nodes"][0]["overdue"]
    meet(world, r.IT)
    assert not decisions(world)[0]["obligations"]["nodes"][0]["overdue"]


def test_who_dissents_for_the_record(decided: Ready) -> None:
    world, said = decided.another(), []
    for code in LISTED:
        for role in (role for role in Role if LISTED[code][1] in role.kinds):
            who = person(code, role)
            told = {
                "decision": world.told["decision"],
                "text": "Too early.",
                "select": "role text organisation { odsCode }",
            }
            answer = world.stage.change(who, "recordDissent", **told)
            if Scope.DISSENT_RECORD not in who.scopes:
                assert answer["code"] == "NOT_PERMITTED", (code, role)
            elif code in {"R1A", "Y60"}:
                assert (answer["role"], answer["organisation"]) == (role, {"odsCode": code})
                said.append(role)
            else:
                assert answer["code"] == "NOT_FOUND", (code, role)
    assert said == [Role.REGION, Role.TRUST_CSO, Role.TRUST_EXEC, Role.TRUST_IT, Role.TRUST_SIRO]
    assert [each["role"] for each in decisions(world)[0]["dissents"]["nodes"]] == said
    assert decisions(world, "SUPPLIER")[0]["dissents"]["nodes"] == []
    pretended = world.stage.change(r.IT, "recordDissent", decision=world.told["decision"], text="No.", role="TRUST_CSO")
    assert pretended["code"] == "NOT_PERMITTED"
    for statement in ("update dissent set text = 'Fine.'", "delete from dissent"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            told_to(world.stage, "R1A", statement)
