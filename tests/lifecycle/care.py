"""Assurance, safety, defects and holds in the model: their states (B.2), and whose each step is (B.3)."""

from functools import partial

from schema.organisation import OrganisationKind as Kind
from tests.lifecycle.acts import Act, Thing, first, told, unless
from tests.lifecycle.cast import REGION, Actor
from tests.lifecycle.facts import Assurance, Defect, Hold, SignOff
from tests.lifecycle.model import AT_TRUSTS, DAY, RUNNING, Model

EVIDENCE = {"kind": "IOC_SWEEP", "title": "Sweep", "heldIn": "The supplier's safe", "sha256": "0" * 64}
HAZARDS = {"reportRef": "Safety case", "reportVersion": "1", "level1": 4, "level2": 2, "level3": 0, "level4": 0,
           "level5": 0, "level3Justified": 0, "transferredTotal": 3}  # fmt: skip
REASON = {"reason": "Because of what we saw."}


def draft_assurance(model: Model, who: Actor, on: int) -> Act:
    """Return a pack of evidence for a build."""
    number = len(model.assurances)
    given = {"build": Thing(f"build:{on}"), "reference": f"S{model.series}-SA-{number}"}
    problem = None if who.code == "SUPPLIER" else "NotFound"
    begin = partial(model.assurances.append, Assurance(on))
    return Act("draftAssurance", who, given, unless(problem, begin), makes=f"assurance:{number}")


def add_evidence(model: Model, who: Actor, number: int) -> Act:
    """Return a document for it."""
    assurance = model.assurances[number]
    problem = first(
        None if who.code == "SUPPLIER" else "NotFound",
        None if assurance.state in ("DRAFT", "MORE_EVIDENCE") else "WrongState",
    )
    given = {"assurance": Thing(f"assurance:{number}"), **EVIDENCE}
    return Act("addEvidence", who, given, unless(problem, partial(setattr, assurance, "founded", True)))


def move_assurance(model: Model, verb: str, who: Actor, number: int, **decided: str) -> Act:
    """Return its submission, review, decision or revocation. `decided`: verdict, confidence."""
    assurance = model.assurances[number]
    becomes, before = {
        "submitAssurance": ("SUBMITTED", ("DRAFT", "MORE_EVIDENCE")),
        "reviewAssurance": ("UNDER_REVIEW", ("SUBMITTED",)),
        "decideAssurance": (decided.get("verdict", ""), ("UNDER_REVIEW",)),
        "revokeAssurance": ("REVOKED", ("APPROVED",)),
    }[verb]
    until = model.now + int(decided.pop("days", "20")) * DAY

    def effect() -> None:
        assurance.state = becomes
        if verb == "submitAssurance":
            assurance.submitted = model.now
        if becomes == "APPROVED":
            assurance.confidence, assurance.until = decided["confidence"], until

    hidden = who.code != "SUPPLIER" if verb == "submitAssurance" else assurance.submitted is None
    problem = first(
        "NotFound" if hidden else None,
        None if assurance.state in before else "WrongState",
        "GateShut" if verb == "submitAssurance" and not assurance.founded else None,
    )
    given = {"assurance": Thing(f"assurance:{number}"), **decided}
    if becomes == "APPROVED":
        given["validUntil"] = told(until)
    if verb in ("decideAssurance", "revokeAssurance"):
        given.update(REASON)
    return Act(verb, who, given, unless(problem, effect))


def draft_sign_off(model: Model, who: Actor, trust: str | None, on: int, found: tuple[int, int] = (0, 3)) -> Act:
    """Return the sign-off of a build, or of its use in a trust's system. `found`: severe hazards, accepted ones."""
    severe, accepted = found
    number, owner = len(model.sign_offs), trust or "SUPPLIER"
    begun = any(
        each.trust == trust and each.build == on and each.state in ("DRAFT", "SUBMITTED") for each in model.sign_offs
    )
    stranger = "ValidationFailed" if trust is None and who.kind != Kind.SUPPLIER else "NotFound"
    problem = first(
        None if who.code == owner else stranger,
        None if model.counts(on) else "BuildSuperseded",
        "AlreadyRegistered" if begun else None,
    )
    given = {"build": Thing(f"build:{on}"), **HAZARDS, "level4": severe}
    if trust:
        given.update(system=Thing(f"system:{trust}"), transferredAccepted=accepted)
    made = SignOff(on, trust, severe, 3, accepted)
    begin = partial(model.sign_offs.append, made)
    return Act("draftSignOff", who, given, unless(problem, begin), makes=f"sign_off:{number}")


def move_sign_off(model: Model, verb: str, who: Actor, number: int) -> Act:
    """Return its submission, or what a clinical safety officer decides of it."""
    sign_off = model.sign_offs[number]
    becomes, before = {
        "submitSignOff": ("SUBMITTED", "DRAFT"),
        "giveSignOff": ("SIGNED", "SUBMITTED"),
        "declineSignOff": ("DECLINED", "SUBMITTED"),
        "withdrawSignOff": ("WITHDRAWN", "SIGNED"),
    }[verb]
    owner = sign_off.trust or "SUPPLIER"
    relying = [each for each in model.systems.values() if sign_off.trust in (None, each.trust)]
    holds = becomes == "WITHDRAWN" and any(each.state in RUNNING for each in relying)
    tested_it = sign_off.trust is not None and who.caller.subject in model.systems[sign_off.trust].testers

    def effect() -> None:
        sign_off.state = becomes
        if becomes in ("SIGNED", "DECLINED"):
            sign_off.decided, sign_off.signer = model.now, who.caller.subject
        if holds:
            over = f"system:{sign_off.trust}" if sign_off.trust else "product"
            model.holds.append(Hold(over, owner, str(who.kind)))

    problem = first(
        None if who.code == owner else "NotFound",
        None if sign_off.state == before else "WrongState",
        "SameHands" if becomes == "SIGNED" and tested_it else None,
        "GateShut" if becomes == "SIGNED" and _barred(model, sign_off) else None,
    )
    given = {"signOff": Thing(f"sign_off:{number}")}
    if becomes in ("DECLINED", "WITHDRAWN"):
        given.update(REASON)
    placed = f"hold:{len(model.holds)}" if holds else None
    return Act(verb, who, given, unless(problem, effect), holds=placed)


def _barred(model: Model, sign_off: SignOff) -> bool:
    """Whether hazards, the build, or the supplier's own sign-off are in the way of signing."""
    if sign_off.severe or not model.counts(sign_off.build):
        return True
    return sign_off.trust is not None and (model.signed(None) is None or sign_off.accepted < sign_off.transferred)


# Domain model, B.2: by whose hand a defect goes where from where.
DEFECT_STEPS: dict[str, tuple[str, set[str], str]] = {
    "triageDefect": ("TRIAGED", {"NEW", "DEFERRED"}, "SUPPLIER"),
    "acceptDefect": ("ACCEPTED", {"TRIAGED"}, "SUPPLIER"),
    "rejectDefect": ("REJECTED", {"TRIAGED"}, "SUPPLIER"),
    "deferDefect": ("DEFERRED", {"TRIAGED"}, "SUPPLIER"),
    "offerFix": ("FIX_READY", {"ACCEPTED"}, "SUPPLIER"),
    "retestDefect": ("RETEST", {"FIX_READY"}, "RAISER"),
    "failRetest": ("ACCEPTED", {"RETEST"}, "RAISER"),
    "contestDefect": ("NEW", {"REJECTED"}, "RAISER"),
    "closeDefect": ("CLOSED", {"RETEST", "REJECTED"}, "RAISER"),
}


def raise_defect(model: Model, who: Actor, found: Defect) -> Act:
    """Return a defect that a trust found; an unsafe one of severity 1 proposes a hold."""
    number, trust, severity, unsafe = len(model.defects), found.trust, found.severity, found.unsafe
    handed_over = model.systems[trust].state in AT_TRUSTS[:6]
    proposes = severity == "S1" and unsafe and handed_over

    def effect() -> None:
        model.defects.append(found)
        if proposes:
            model.holds.append(Hold(f"system:{trust}", trust, "TRUST", "PROPOSED"))

    stranger = "NotFound" if who.kind == Kind.TRUST else "ValidationFailed"
    given = {
        "reference": f"S{model.series}-{number}", "title": "Alerts are missing", "area": "Alerts", "severity": severity,
        "clinicalSafety": unsafe, "description": "An alert that was set is not shown.",
        "build": Thing(f"build:{len(model.builds) - 1}"), "system": Thing(f"system:{trust}"),
    }  # fmt: skip
    problem = None if who.code == trust else stranger
    placed = f"hold:{len(model.holds)}" if proposes else None
    return Act("raiseDefect", who, given, unless(problem, effect), makes=f"defect:{number}", holds=placed)


def move_defect(model: Model, verb: str, who: Actor, number: int) -> Act:
    """Return a step of a defect; "only the raising trust closes S1/S2"."""
    defect = model.defects[number]
    becomes, before, hand = DEFECT_STEPS[verb]
    hands = {"SUPPLIER"} if hand == "SUPPLIER" else {defect.trust}
    if verb == "closeDefect" and defect.severity in ("S3", "S4"):
        hands.add("SUPPLIER")
    problem = first(
        None if model.sees(who, defect.trust) else "NotFound",
        None if who.code in hands else "NotPermitted",
        None if defect.state in before else "WrongState",
    )
    given = {"defect": Thing(f"defect:{number}")}
    if verb == "offerFix":
        given["build"] = Thing(f"build:{len(model.builds) - 1}")
    if verb == "deferDefect":
        given["until"] = (model.now + 30 * DAY).date().isoformat()
    if verb in ("rejectDefect", "deferDefect", "failRetest", "contestDefect", "closeDefect"):
        given.update(REASON)
    return Act(verb, who, given, unless(problem, partial(setattr, defect, "state", becomes)))


def work_around(model: Model, verb: str, who: Actor, number: int) -> Act:
    """Return a workaround: agreed by the supplier, accepted by the trust's clinical safety officer."""
    defect = model.defects[number]
    agrees = verb == "agreeWorkaround"

    def effect() -> None:
        if agrees:
            defect.accepted = False
            defect.workaround = True
        else:
            defect.accepted = True

    problem = first(
        None if model.sees(who, defect.trust) else "NotFound",
        None if who.code == ("SUPPLIER" if agrees else defect.trust) else "NotPermitted",
        "WrongState" if defect.state == "CLOSED" else None,
        "ValidationFailed" if not agrees and not defect.workaround else None,
        "AlreadyDecided" if not agrees and defect.accepted else None,
    )
    given = {"defect": Thing(f"defect:{number}")}
    if agrees:
        given["workaround"] = f"Ask by telephone, as of {model.now:%d %B %H:%M:%S}."
    return Act(verb, who, given, unless(problem, effect))


def place(model: Model, who: Actor, over: str) -> Act:
    """Return a hold: a trust's or region's on a system, a supplier's on its product or wave, the assurer's on a build."""
    scope, _, name = over.partition(":")
    allowed = {
        "system": {name, REGION.get(name, "")}, "product": {"SUPPLIER"}, "wave": {"SUPPLIER"}, "build": {"ASSURER"},
        "incident": set[str](),
    }[scope]  # fmt: skip
    hidden = (scope == "system" and not model.sees(who, name)) or (
        scope == "wave" and not model.waves[int(name)].proposed
    )
    problem = first(
        "NotFound" if hidden else None,
        None if who.kind == Kind.NATIONAL or who.code in allowed else "NotPermitted",
    )
    given = {"held": Thing(over), "reasonCode": "OPERATIONAL", **REASON}
    effect = partial(model.holds.append, Hold(over, who.code, str(who.kind)))
    return Act("placeHold", who, given, unless(problem, effect), makes=f"hold:{len(model.holds)}")


def end_hold(model: Model, verb: str, who: Actor, number: int) -> Act:
    """Return its release, or the confirmation or dismissal of a proposed one: by the same tier or a higher one."""
    hold = model.holds[number]
    needs, becomes = {
        "releaseHold": ("PLACED", "RELEASED"), "confirmHold": ("PROPOSED", "PLACED"),
        "dismissHold": ("PROPOSED", "DISMISSED"),
    }[verb]  # fmt: skip
    scope, _, name = hold.over.partition(":")
    above = {REGION[name]} if scope == "system" and hold.tier in ("TRUST", "REGION") else set()
    problem = first(
        "NotFound" if scope == "system" and not model.sees(who, name) and who.code != hold.placer else None,
        None if who.kind == Kind.NATIONAL or who.code in {hold.placer, *above} else "NotPermitted",
        "AlreadyDecided" if hold.state in ("RELEASED", "DISMISSED") else None,
        None if hold.state == needs else "WrongState",
    )
    given = {"hold": Thing(f"hold:{number}"), **({} if verb == "confirmHold" else REASON)}
    return Act(verb, who, given, unless(problem, partial(setattr, hold, "state", becomes)))
