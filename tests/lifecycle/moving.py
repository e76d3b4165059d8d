"""Movement, tests and decisions in the model: the table of B.2, who does each step, and its guard."""

from functools import partial

from tests.lifecycle.acts import Act, Thing, first, told, unless
from tests.lifecycle.cast import EXEC, REGION, SIRO, Actor
from tests.lifecycle.facts import Hold, Report
from tests.lifecycle.model import DAY, Model

# verb: from which states, to which
STEPS: dict[str, tuple[set[str], str]] = {
    "beginRebuild": ({"OUTAGE", "ISOLATED"}, "REBUILDING"),
    "offerHandover": ({"REBUILDING"}, "AWAITING_HANDOVER"),
    "handOver": ({"AWAITING_HANDOVER"}, "HANDED_OVER"),
    "acknowledgeHandover": ({"HANDED_OVER"}, "IN_TRUST_TEST"),
    "acceptSystem": ({"IN_TRUST_TEST"}, "READY"),
    "beginReinstatement": ({"APPROVED"}, "REINSTATING"),
    "goLive": ({"REINSTATING"}, "LIVE"),
    "rollBack": ({"REINSTATING", "LIVE"}, "ROLLED_BACK"),
    "retest": ({"ROLLED_BACK"}, "IN_TRUST_TEST"),
    "declareRecovered": ({"LIVE"}, "LIVE"),
    "countersignRecovery": ({"LIVE"}, "RECOVERED"),
    "replaceSystem": (
        {
            "OPERATIONAL", "OUTAGE", "ISOLATED", "REBUILDING", "AWAITING_HANDOVER", "HANDED_OVER", "IN_TRUST_TEST",
            "READY", "APPROVED", "REINSTATING", "ROLLED_BACK",
        },
        "REPLACED",
    ),
    "retireSystem": ({"REPLACED", "OPERATIONAL"}, "RETIRED"),
}  # fmt: skip
SUPPLIERS = ("beginRebuild", "offerHandover", "handOver")
WORDS = {
    "rollBack": {"reason": "Alerts were missing."},
    "replaceSystem": {"replacedBy": "RiO", "archiveArrangement": "Read-only for ten years."},
}
CASES = {"planned": 20, "run": 20, "blocked": 0, "entryMet": True}
PASSED = {**CASES, "outcome": "PASSED", "passed": 20, "failed": 0, "exitMet": True}
FAILED = {**CASES, "outcome": "FAILED", "passed": 18, "failed": 2, "exitMet": False}


def step(model: Model, verb: str, who: Actor, trust: str) -> Act:
    """Return a step of a system."""
    system = model.systems[trust]
    side = "SUPPLIER" if verb in SUPPLIERS else REGION[trust] if verb == "countersignRecovery" else trust
    problem = first(
        None if who.code == side else "NotFound",
        None if system.state in STEPS[verb][0] else "WrongState",
        _guard(model, verb, trust),
    )
    given = {"system": Thing(f"system:{trust}"), **WORDS.get(verb, {})}
    holds = f"hold:{len(model.holds)}" if verb == "rollBack" else None
    return Act(verb, who, given, unless(problem, partial(_step, model, verb, trust)), holds=holds)


def report_state(model: Model, who: Actor, trust: str, state: str) -> Act:
    """Return the trust's word on what became of a system."""
    system = model.systems[trust]
    lawful = {"OUTAGE": "OPERATIONAL", "ISOLATED": "OUTAGE"}
    problem = first(
        None if state in lawful else "ValidationFailed",
        None if who.code == trust else "NotFound",
        None if system.state == lawful.get(state) else "WrongState",
    )
    given = {"system": Thing(f"system:{trust}"), "state": state}
    return Act("reportSystemState", who, given, unless(problem, partial(setattr, system, "state", state)))


def _guard(model: Model, verb: str, trust: str) -> str | None:
    system = model.systems[trust]
    unmet = {
        "offerHandover": not (model.builds and model.signed(None)),
        "handOver": not (model.builds and model.assured()),
        "acceptSystem": not (model.builds and model.tested(trust) and model.tolerable(trust)),
        "beginReinstatement": _may_not_begin(model, trust),
        "goLive": any(each.trust == trust and each.state == "PLANNED" for each in model.cohorts),
        "declareRecovered": bool(model.open_defects(trust, "S1", "S2")),
        "countersignRecovery": not system.declared or bool(model.open_defects(trust, "S1", "S2")),
    }
    held = {
        "handOver": model.held_over(trust),
        "beginReinstatement": model.held_over(trust),
        "retest": model.held({f"system:{trust}"}),
    }
    return first(
        "AlreadyDecided" if verb == "declareRecovered" and system.declared else None,
        "HeldBy" if held.get(verb) else None,
        "GateShut" if unmet.get(verb) else None,
    )


def _may_not_begin(model: Model, trust: str) -> bool:
    wave, slot = model.approved_in(trust), model.slot(trust)
    in_open_wave = wave is not None and model.waves[wave].state == "OPEN"
    booked = slot is not None and slot.state == "CONFIRMED"
    in_slot = booked and slot.starts <= model.now and not model.is_over(slot)
    return not in_open_wave or not in_slot or bool(model.shut(trust))


def _step(model: Model, verb: str, trust: str) -> None:
    system = model.systems[trust]
    system.state = STEPS[verb][1]
    if verb == "goLive":
        system.live_at = model.now
    if verb == "declareRecovered":
        system.declared = True
    if verb == "rollBack":
        model.holds.append(Hold(f"system:{trust}", trust, "TRUST"))
        system.rolled_back, system.live_at, system.declared = model.now, None, False
        for cohort in model.cohorts:
            if cohort.trust == trust and cohort.state == "LIVE":
                cohort.state = "PLANNED"


def build(model: Model, who: Actor, *, safety: bool) -> Act:
    """Return a new release of the product."""

    def effect() -> None:
        model.builds.append(safety)
        for system in model.systems.values():
            if safety and system.state in ("READY", "APPROVED"):
                system.state = "IN_TRUST_TEST"

    number = len(model.builds)
    stated = {"label": f"CN-R{number}", "builtAt": told(model.now), "safetyRelevantChange": safety}
    problem = None if who.code == "SUPPLIER" else "NotFound"
    given = {"product": Thing("product"), **stated}
    return Act("registerBuild", who, given, unless(problem, effect), makes=f"build:{number}")


def report(model: Model, who: Actor, trust: str, found: Report) -> Act:
    """Return a result of a test stage, on the current build or one that was superseded."""

    def effect() -> None:
        model.reports[trust].append(found)
        model.systems[trust].testers.add(who.caller.subject)

    problem = first(
        None if who.code == trust else "NotFound",
        None if found.build == len(model.builds) - 1 else "BuildSuperseded",
        "SameHands" if who.caller.subject in model.bound(trust) else None,
    )
    things = {"system": Thing(f"system:{trust}"), "build": Thing(f"build:{found.build}"), "test": found.stage}
    made = f"report:{trust}:{len(model.reports[trust])}"
    given = {**things, **(PASSED if found.passed else FAILED)}
    return Act("reportTest", who, given, unless(problem, effect), makes=made)


def correct(model: Model, who: Actor, trust: str, number: int, *, passed: bool) -> Act:
    """Return a correction of a report."""
    wrong = model.reports[trust][number]

    def effect() -> None:
        wrong.corrected = True
        model.reports[trust].append(Report(wrong.stage, wrong.build, passed))
        model.systems[trust].testers.add(who.caller.subject)

    problem = first(
        None if who.code == trust else "NotFound",
        "AlreadyDecided" if wrong.corrected else None,
        "SameHands" if who.caller.subject in model.bound(trust) else None,
    )
    given = {
        "corrects": Thing(f"report:{trust}:{number}"), "reason": "Miscounted.", "asOf": told(model.now),
        **(PASSED if passed else FAILED),
    }  # fmt: skip
    made = f"report:{trust}:{len(model.reports[trust])}"
    return Act("correctTestReport", who, given, unless(problem, effect), makes=made)


def decide(model: Model, who: Actor, trust: str, outcome: str) -> Act:
    """Return a trust's decision about a system that is ready."""
    system, shut = model.systems[trust], model.shut(trust)
    goes = outcome in ("GO", "GO_WITH_CONDITIONS")

    def effect() -> None:
        if goes:
            system.state = "APPROVED"
            system.went[who.caller.subject] = len(model.builds) - 1

    problem = first(
        None if who.code == trust else "NotFound",
        None if system.state == "READY" else "WrongState",
        "SameHands" if who.caller.subject in system.testers else None,
        "GateShut" if goes and shut else None,
    )
    given = {"system": Thing(f"system:{trust}"), "outcome": outcome, "rationale": "As the gates stand."}
    if outcome == "GO_WITH_CONDITIONS":
        due = (model.now + 7 * DAY).date().isoformat()
        given["conditions"] = [{"text": "Watch the extract.", "dueOn": due, "ownerRole": "TRUST_IT"}]
    return Act("decideGoNoGo", who, given, unless(problem, effect), gates=shut if problem == "GateShut" else None)


def assess(model: Model, who: Actor, trust: str, outcome: str) -> Act:
    """Return the board's word on a system; nobody else gives it, and never the supplier."""
    system = model.systems[trust]

    def effect() -> None:
        system.board = outcome, len(model.builds) - 1

    owns = who.code == trust and bool(who.roles & {EXEC, SIRO}) and who.caller.person is not None
    problem = None if owns else "NotPermitted" if model.sees(who, trust) else "NotFound"
    note = {"note": "See the minute."} if outcome in ("FAILED", "PASSED_WITH_CONDITIONS") else {}
    given = {"gate": Thing("gate:BOARD_APPROVAL"), "subject": Thing(f"system:{trust}"), "outcome": outcome, **note}
    return Act("assessGate", who, given, unless(problem, effect))


def waive(model: Model, who: Actor, trust: str, gate: str, days: int) -> Act:
    """Return the national team's waiver of a gate for a system; security, safety and the board are never waived."""
    system, until = model.systems[trust], model.now + days * DAY
    never = ("SECURITY_ASSURANCE", "DCB0129", "DCB0160", "BOARD_APPROVAL", "SLOT")  # a slot by the catalogue

    def effect() -> None:
        system.waived[gate] = until
        model.waivers.append((gate, trust))

    problem = first(
        "NotPermitted" if gate in never else None,
        "AlreadyDecided" if system.waived.get(gate, model.now) > model.now else None,
    )
    given = {
        "gate": Thing(f"gate:{gate}"),
        "system": Thing(f"system:{trust}"),
        "until": told(until),
        "reason": "Agreed.",
    }
    return Act("waiveGate", who, given, unless(problem, effect), makes=f"waiver:{len(model.waivers)}")


def revoke_waiver(model: Model, who: Actor, number: int) -> Act:
    """Return the revocation of the latest waiver, or of one that no longer matters."""
    gate, trust = model.waivers[number]

    def effect() -> None:
        model.waivers[number] = "revoked", trust
        if all(each != (gate, trust) for each in model.waivers):
            model.systems[trust].waived.pop(gate, None)

    given = {"waiver": Thing(f"waiver:{number}"), "reason": "No longer."}
    return Act("revokeWaiver", who, given, unless("AlreadyDecided" if gate == "revoked" else None, effect))
