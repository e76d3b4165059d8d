"""Gates: the catalogue an incident begins with, who defines and amends it, who assesses a gate, and who waives one."""

from typing import Any

import pytest

from auth.caller import Caller
from auth.scope import Scope
from schema.people.account import Role
from tests.ledger import as_superuser
from tests.readiness import ready as r
from tests.readiness.ready import Ready
from tests.stage import ATTACK, LISTED, Stage, caller, person

NEVER = {"SECURITY_ASSURANCE", "DCB0129", "DCB0160", "BOARD_APPROVAL", "SLOT"}
OWNERS = {
    Role.ASSURER, Role.NATIONAL_IMT, Role.REGION, Role.SUPPLIER_CSO, Role.SUPPLIER_LEAD,
    Role.TRUST_CSO, Role.TRUST_EXEC, Role.TRUST_IT, Role.TRUST_SIRO,
}  # fmt: skip
SEES = {"R1A", "Y60", "SUPPLIER", "NATIONAL", "AUDITOR"}
MACHINES = {"R1A": Role.TRUST_IT, "Y60": Role.REGION, "SUPPLIER": Role.SUPPLIER_LEAD, "NATIONAL": Role.NATIONAL_IMT}
CATALOGUE = '{ gates(incident: "CARENOTES-2022") { code mandatory waivable basis ownerRoles scope quorum position } }'
LATER = "2999-01-01T00:00:00Z"


@pytest.fixture(scope="module")
def world(stage: Stage) -> Ready:
    """An incident with its catalogue, and a system of R1A and of RNK lost to it."""
    made = Ready(stage)
    found = stage.ask("NATIONAL", '{ gates(incident: "CARENOTES-2022") { id code } }')["gates"]
    made.told |= {f"gate {gate['code']}": gate["id"] for gate in found}
    return made


def define(world: Ready, code: str, who: Caller = r.NATIONAL, **given: Any) -> dict[str, Any]:
    """Define a gate of the incident; note it by its code."""
    told = {"title": "Another", "ownerRoles": ["TRUST_IT"], "position": 20, "incident": world.told["incident"]}
    done = world.stage.change(who, "defineGate", code=code, **{**told, **given})
    if "id" in done:
        world.told[f"gate {code}"] = done["id"]
    return done


def test_an_incident_begins_with_the_catalogue(world: Ready) -> None:
    gates = world.stage.ask("RNK", CATALOGUE)["gates"]
    assert [gate["code"] for gate in gates if gate["code"] in r.GATES] == list(r.GATES)
    for gate in gates[: len(r.GATES)]:
        assert gate["mandatory"]
        assert gate["waivable"] == (gate["code"] not in NEVER)
        assert gate["basis"] == ("ASSESSED" if gate["code"] == "BOARD_APPROVAL" else gate["code"])


@pytest.mark.parametrize("code", ["NATIONAL", "Y60", "R1A"])
def test_whoever_opens_an_incident_has_its_gates_and_nobody_else_amends_them(stage: Stage, code: str) -> None:
    reference = f"OWN-{code}"
    opened = stage.change(person(code), "openIncident", **{**ATTACK, "reference": reference})["id"]
    asked = f'{{ gates(incident: "{reference}") {{ id code }} }}'
    gates = {gate["code"]: gate["id"] for gate in stage.ask(code, asked)["gates"]}
    assert list(gates) == list(r.GATES)
    for other in LISTED:
        gave = stage.change(person(other), "amendGate", gate=gates["DEFECTS"], title="Mine", select="title")
        made = stage.change(
            person(other), "defineGate", incident=opened, code="MINE", title="Mine", ownerRoles=["TRUST_IT"], position=9
        )
        if other == code:
            assert (gave["title"], made["__typename"]) == ("Mine", "Gate")
        else:
            expected = "NOT_FOUND" if Scope.GATE_DEFINE in person(other).scopes else "NOT_PERMITTED"
            assert (gave["code"], made["code"]) == (expected, expected)


@pytest.mark.parametrize("code", r.GATES)
@pytest.mark.parametrize("what", [{"mandatory": False}, {"waivable": True}], ids=str)
def test_what_is_never_optional_and_never_waived(world: Ready, code: str, what: dict[str, bool]) -> None:
    gate = world.gate(code)
    done = world.stage.change(r.NATIONAL, "amendGate", gate=gate, select="mandatory waivable", **what)
    (name,) = what
    if code in NEVER:
        assert (done["code"], done["path"]) == ("VALIDATION_FAILED", ["input", name])
    else:
        assert done[name] == what[name]
        world.do(r.NATIONAL, "amendGate", gate=gate, mandatory=True)


def test_a_gate_is_amended_as_it_was_seen(world: Ready) -> None:
    gate = define(world, "SEEN")["id"]
    amended = world.do(
        r.NATIONAL, "amendGate", gate=gate, maxAgeDays=30, expectedVersion=1, select="version maxAgeDays"
    )
    assert amended == {"__typename": "Gate", "version": 2, "maxAgeDays": 30}
    stale = world.stage.change(r.NATIONAL, "amendGate", gate=gate, maxAgeDays=3, expectedVersion=1)
    assert (stale["code"], stale["currentVersion"]) == ("VERSION_CONFLICT", 2)
    assert world.do(r.NATIONAL, "amendGate", gate=gate, ageless=True, select="maxAgeDays")["maxAgeDays"] is None
    again = define(world, "SEEN")
    assert (again["code"], again["existing"]) == ("ALREADY_REGISTERED", gate)


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"ownerRoles": ["ASSURER"]}, "ownerRoles"),  # it sees no system
        ({"ownerRoles": ["ADMINISTRATOR"]}, "ownerRoles"),
        ({"ownerRoles": ["TRUST_IT"], "scope": "WAVE"}, "ownerRoles"),  # a wave is no one trust's
        ({"ownerRoles": ["TRUST_IT", "TRUST_CSO"], "quorum": 2}, "quorum"),
        ({"ownerRoles": ["TRUST_IT", "SUPPLIER_LEAD"], "quorum": 2}, "quorum"),
        ({"ownerRoles": ["TRUST_IT", "ASSURER"], "quorum": 2}, "quorum"),
    ],
    ids=str,
)
def test_a_gate_that_nobody_could_pass_is_none(world: Ready, given: dict[str, Any], path: str) -> None:
    refused = define(world, "HOPELESS", **given)
    assert (refused["code"], refused["path"]) == ("VALIDATION_FAILED", ["input", path])


def may_assess(code: str, role: Role, owner: Role) -> bool:
    """Tell whether somebody's role assesses a gate of this owner for R1A's system."""
    return role == owner and code in SEES and code != "AUDITOR"


@pytest.mark.parametrize("owner", sorted(OWNERS - {Role.ASSURER}))
def test_who_assesses_what(world: Ready, owner: Role) -> None:
    define(world, f"OF_{owner}", ownerRoles=[owner])
    callers = [(code, role, person(code, role)) for code in LISTED for role in Role if LISTED[code][1] in role.kinds]
    callers += [(code, role, caller(code)) for code, role in MACHINES.items()]
    for code, role, who in callers:
        if Scope.GATE_ASSESS not in who.scopes:
            continue
        answer = world.assess(who, code=f"OF_{owner}")
        if may_assess(code, role, owner):
            assert answer["assessorRole"] == owner, (code, role)
        elif code in SEES:
            assert (answer["code"], answer["needs"]) == ("NOT_PERMITTED", owner), (code, role)
        else:
            assert (answer["code"], answer["path"]) == ("NOT_FOUND", ["input", "subject"]), (code, role)


def test_a_machine_acts_in_no_persons_role(world: Ready) -> None:
    for code in MACHINES:
        everything = caller(code, scopes=frozenset(Scope))
        for owner in OWNERS - {Role.ASSURER} - set(MACHINES.values()):
            define(world, f"OF_{owner}", ownerRoles=[owner])
            assert world.assess(everything, code=f"OF_{owner}")["code"] == "NOT_PERMITTED"


def test_the_supplier_passes_no_gate_of_a_trusts(world: Ready) -> None:
    everything = person("SUPPLIER", *(role for role in Role), scopes=frozenset(Scope))
    refused = world.assess(everything)
    assert (refused["code"], refused["needs"]) == ("NOT_PERMITTED", "TRUST_EXEC or TRUST_SIRO")


def test_what_is_assessed_says_why_and_facts_are_not_assessed(world: Ready) -> None:
    for outcome in ("FAILED", "PASSED_WITH_CONDITIONS"):
        assert world.assess(outcome=outcome)["path"] == ["input", "note"]
    assert world.assess(code="DEFECTS")["path"] == ["input", "gate"]
    assert world.assess(r.SIRO, role="TRUST_EXEC")["code"] == "NOT_PERMITTED"
    both = person("R1A", Role.TRUST_EXEC, Role.TRUST_SIRO)
    assert world.assess(both, role="TRUST_SIRO")["assessorRole"] == "TRUST_SIRO"
    other = world.stage.change(person("Y60"), "openIncident", **{**ATTACK, "reference": "ELSEWHERE"})["id"]
    alien = define(world, "ALIEN", person("Y60"), incident=other)
    assert alien["__typename"] == "Gate"
    assert world.assess(r.IT, code="ALIEN")["path"] == ["input", "subject"]


NOTES = '{ gates(incident: "CARENOTES-2022") { code assessments { nodes { outcome notes { nodes { note evidenceRef } } } } } }'


def test_the_supplier_sees_what_was_found_and_not_why(world: Ready) -> None:
    define(world, "NOTED", ownerRoles=["TRUST_IT"])
    world.assess(r.IT, code="NOTED", note="Two wards are not ready.", evidenceRef="Minute 12")
    for code in LISTED:
        gates = {gate["code"]: gate["assessments"]["nodes"] for gate in world.stage.ask(code, NOTES)["gates"]}
        told = [{"note": "Two wards are not ready.", "evidenceRef": "Minute 12"}]
        notes = {"nodes": told if code in SEES - {"SUPPLIER"} else []}
        assert gates["NOTED"] == ([{"outcome": "PASSED", "notes": notes}] if code in SEES else []), code


def waive(world: Ready, code: str, who: Caller = r.NATIONAL, **given: Any) -> dict[str, Any]:
    """Waive a gate for the system."""
    told = {"gate": world.gate(code), "system": world.system, "reason": "Agreed by phone.", "until": LATER}
    return world.stage.change(who, "waiveGate", select="id version", **{**told, **given})


@pytest.mark.parametrize("code", r.GATES)
def test_a_waiver_is_lawful_or_it_is_refused(world: Ready, code: str) -> None:
    before = world.stands()[code]
    if code in NEVER:
        refused = waive(world, code)
        assert (refused["code"], refused["needs"]) == ("NOT_PERMITTED", "nobody, ever")
        return
    waiver = waive(world, code)
    assert waive(world, code)["code"] == "ALREADY_DECIDED"
    open_already = before == "PASSED"
    assert world.stands()[code] == ("PASSED" if open_already else "WAIVED")
    assert code not in world.shut()
    stale = world.stage.change(r.NATIONAL, "revokeWaiver", waiver=waiver["id"], reason="No more.", expectedVersion=5)
    assert stale["code"] == "VERSION_CONFLICT"
    world.do(r.NATIONAL, "revokeWaiver", waiver=waiver["id"], reason="No more.", expectedVersion=1)
    assert world.stands()[code] == before
    again = world.stage.change(r.NATIONAL, "revokeWaiver", waiver=waiver["id"], reason="No more.")
    assert again["code"] == "ALREADY_DECIDED"


@pytest.mark.parametrize("code", [code for code in LISTED if code != "NATIONAL"])
def test_nobody_else_waives(world: Ready, code: str) -> None:
    for who in (person(code), caller("NATIONAL")):
        refused = waive(world, "BACK_ENTRY", who)
        assert (refused["code"], refused["needs"]) == ("NOT_PERMITTED", "gate:waive")


def test_a_waiver_ends_with_its_time(world: Ready) -> None:
    assert waive(world, "BACK_ENTRY", until="2022-01-01T00:00:00Z")["path"] == ["input", "until"]
    waiver = waive(world, "BACK_ENTRY")["id"]
    assert world.stands()["BACK_ENTRY"] == "WAIVED"
    past = "update gate_waiver set waived_at = now() - interval '2 days', until = now() - interval '1 day'"
    as_superuser(world.stage, "set session_replication_role = replica", past)
    assert world.stands()["BACK_ENTRY"] == "NOT_REPORTED"
    world.do(r.NATIONAL, "revokeWaiver", waiver=waiver, reason="It is over.")


def test_a_quorum_is_of_different_organisations_in_different_roles(world: Ready) -> None:
    owners = ["TRUST_IT", "TRUST_CSO", "REGION", "NATIONAL_IMT", "SUPPLIER_LEAD"]
    assert define(world, "TOGETHER", ownerRoles=owners, quorum=3)["__typename"] == "Gate"
    stood = [world.stands()["TOGETHER"]]
    for who in (r.IT, r.CSO, r.SUPPLIER, person("Y60", Role.REGION), r.NATIONAL):
        assert "id" in world.assess(who, code="TOGETHER")
        stood.append(world.stands()["TOGETHER"])
    assert stood == ["NOT_ASSESSED", "IN_REVIEW", "IN_REVIEW", "IN_REVIEW", "IN_REVIEW", "PASSED"]
    assert "id" in world.assess(r.CSO, "FAILED", "TOGETHER", note="Not yet.")
    assert world.stands()["TOGETHER"] == "FAILED"
    world.assess(r.CSO, "IN_REVIEW", "TOGETHER")
    world.assess(r.IT, "IN_REVIEW", "TOGETHER")
    assert world.stands()["TOGETHER"] == "IN_REVIEW"
