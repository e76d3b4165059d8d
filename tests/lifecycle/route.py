"""The way back: which act brings a system nearer to its users, by whoever has to do it."""

from collections.abc import Callable

from tests.lifecycle import care, moving, plans
from tests.lifecycle.acts import Act
from tests.lifecycle.cast import (
    ASSURING,
    NATIONAL_TEAM,
    REGION,
    REGIONS,
    SUPPLIER_IT,
    SUPPLIER_LEAD,
    SUPPLIER_OFFICER,
    TRUST_CSO,
    TRUST_EXEC,
    TRUST_IT,
)
from tests.lifecycle.facts import MANDATORY, Report, SignOff
from tests.lifecycle.model import Model

Way = Callable[[Model, str], Act | None]


def onward(model: Model, trust: str) -> Act | None:
    """Return the next act on the way of a system, None where only time helps or it is at its end."""
    way = WAYS.get(model.systems[trust].state)
    return way(model, trust) if way else None


def _rebuild(model: Model, trust: str) -> Act | None:
    return moving.step(model, "beginRebuild", SUPPLIER_IT, trust)


def _offer(model: Model, trust: str) -> Act | None:
    if not model.builds:
        return moving.build(model, SUPPLIER_IT, safety=True)
    return _sign(model, None) or moving.step(model, "offerHandover", SUPPLIER_IT, trust)


def _sign(model: Model, trust: str | None) -> Act | None:
    """Sign for a build, or for a trust's use of it, unless it stands."""
    if model.deployed_safely(trust) if trust else model.signed(None):
        return None
    if trust and (first := _sign(model, None)):
        return first
    prepares, officer = (TRUST_IT[trust], TRUST_CSO[trust]) if trust else (SUPPLIER_IT, SUPPLIER_OFFICER)
    begun = ("DRAFT", "SUBMITTED")
    mine = [
        each for each in model.sign_offs if each.trust == trust and model.counts(each.build) and each.state in begun
    ]
    if not mine:
        return care.draft_sign_off(model, prepares, trust, len(model.builds) - 1)
    number = next(place for place, each in enumerate(model.sign_offs) if each is mine[0])
    if mine[0].state == "DRAFT":
        return care.move_sign_off(model, "submitSignOff", prepares, number)
    return care.move_sign_off(model, "declineSignOff" if _flawed(mine[0]) else "giveSignOff", officer, number)


def _flawed(sign_off: SignOff) -> bool:
    return sign_off.severe > 0 or (sign_off.trust is not None and sign_off.accepted < sign_off.transferred)


def _assure(model: Model) -> Act | None:
    if model.assured():
        return None
    pending = ("DRAFT", "MORE_EVIDENCE", "SUBMITTED", "UNDER_REVIEW")
    mine = [n for n, each in enumerate(model.assurances) if model.counts(each.build) and each.state in pending]
    if not mine:
        return care.draft_assurance(model, SUPPLIER_IT, len(model.builds) - 1)
    number, assurance = mine[0], model.assurances[mine[0]]
    if assurance.state == "SUBMITTED":
        return care.move_assurance(model, "reviewAssurance", ASSURING, number)
    if assurance.state == "UNDER_REVIEW":
        return care.move_assurance(model, "decideAssurance", ASSURING, number, verdict="APPROVED", confidence="HIGH")
    if not assurance.founded:
        return care.add_evidence(model, SUPPLIER_IT, number)
    return care.move_assurance(model, "submitAssurance", SUPPLIER_IT, number)


def _release(model: Model, *names: str) -> Act | None:
    for number, hold in enumerate(model.holds):
        if hold.state == "PLACED" and hold.over in names:
            return care.end_hold(model, "releaseHold", NATIONAL_TEAM, number)
    return None


def _release_all(model: Model, trust: str) -> Act | None:
    waves = [f"wave:{number}" for number in range(len(model.waves))]
    return _release(model, f"system:{trust}", *model.wide(), *waves)


def _hand_over(model: Model, trust: str) -> Act | None:
    return _assure(model) or _release_all(model, trust) or moving.step(model, "handOver", SUPPLIER_IT, trust)


def _acknowledge(model: Model, trust: str) -> Act | None:
    return moving.step(model, "acknowledgeHandover", TRUST_IT[trust], trust)


def _test(model: Model, trust: str) -> Act | None:
    latest = {
        each.stage: each.passed for each in model.reports[trust] if model.counts(each.build) and not each.corrected
    }
    stage = next((stage for stage in MANDATORY if not latest.get(stage)), None)
    on = len(model.builds) - 1
    return moving.report(model, TRUST_IT[trust], trust, Report(stage, on, passed=True)) if stage else None


def _mend(model: Model, trust: str) -> Act | None:
    """Bring a defect that is in the way nearer to its end."""
    for number, each in enumerate(model.defects):
        if each.trust != trust or not each.open or each.severity not in ("S1", "S2"):
            continue
        for verb, (_, before, hand) in care.DEFECT_STEPS.items():
            if each.state in before and verb not in ("rejectDefect", "deferDefect", "failRetest", "contestDefect"):
                who = SUPPLIER_LEAD if hand == "SUPPLIER" else TRUST_IT[trust]
                return care.move_defect(model, verb, who, number)
    return None


def _accept(model: Model, trust: str) -> Act | None:
    return _test(model, trust) or _mend(model, trust) or moving.step(model, "acceptSystem", TRUST_IT[trust], trust)


def _wave(model: Model, trust: str) -> Act | None:
    """Have a system in an approved wave."""
    member = model.member(trust)
    if member is None:
        number = next(
            (n for n, w in enumerate(model.waves) if w.state in ("DRAFT", "PROPOSED", "APPROVED", "OPEN")), None
        )
        if number is None:
            return plans.draft_wave(model, SUPPLIER_IT, 1, 2, None)
        return plans.add_member(model, SUPPLIER_IT, number, trust)
    state = model.waves[member.wave].state
    if state == "DRAFT":
        return plans.move_wave(model, "proposeWave", SUPPLIER_IT, member.wave)
    if state == "PROPOSED":
        return plans.move_wave(model, "approveWave", NATIONAL_TEAM, member.wave)
    if member.state == "PROPOSED":
        return plans.move_member(model, "approveWaveMember", NATIONAL_TEAM, model.members.index(member))
    return None


def _book(model: Model, trust: str) -> Act | None:
    slot = model.slot(trust)
    if slot is None:
        return plans.request(model, TRUST_IT[trust], trust, len(model.slots) % 3, days=4)
    elsewhere = slot.wave != model.approved_in(trust) or model.is_over(slot)
    if slot.state == "CONFIRMED" and not elsewhere:
        return None
    number = model.slots.index(slot)
    if elsewhere or plans.full(model, slot):
        return plans.move_slot(model, "handBackSlot", TRUST_IT[trust], number)
    return plans.move_slot(model, "confirmSlot", SUPPLIER_IT, number)


def prepare_decision(model: Model, trust: str) -> Act | None:
    """Return what a decision about a system still needs, besides that it is ready."""
    board = None if model.board(trust) else moving.assess(model, TRUST_EXEC[trust], trust, "PASSED")
    fact = _sign(model, trust) or _assure(model) or _test(model, trust) or _mend(model, trust)
    return fact or board or _wave(model, trust) or _book(model, trust)


def _decide(model: Model, trust: str) -> Act | None:
    return prepare_decision(model, trust) or moving.decide(model, TRUST_EXEC[trust], trust, "GO")


def _begin(model: Model, trust: str) -> Act | None:
    """Open its wave and begin; a gate that turned red since is cleared again."""
    wave = model.approved_in(trust)
    if red := prepare_decision(model, trust):
        return red
    if held := _release_all(model, trust):
        return held
    if wave is not None and model.waves[wave].state == "APPROVED":
        return plans.move_wave(model, "openWave", NATIONAL_TEAM, wave)
    return moving.step(model, "beginReinstatement", TRUST_IT[trust], trust)


def _return(model: Model, trust: str) -> Act | None:
    """Bring its cohorts live; plan them first where nobody did."""
    mine = [number for number, each in enumerate(model.cohorts) if each.trust == trust]
    planned = sum(model.cohorts[number].teams for number in mine)
    system, runs = model.systems[trust], TRUST_IT[trust]
    if not system.final and planned in (0, 3):
        return plans.plan(model, runs, trust, 2 if planned else 3)
    if not system.final and planned == system.teams:
        return plans.finalise(model, runs, trust)
    left = next((number for number in mine if model.cohorts[number].state == "PLANNED"), None)
    onward = (
        moving.step(model, "goLive", runs, trust)
        if left is None
        else plans.move_cohort(model, "bringCohortLive", runs, left)
    )
    return _release_all(model, trust) or onward


def _recover(model: Model, trust: str) -> Act | None:
    if model.systems[trust].declared:
        return _mend(model, trust) or moving.step(model, "countersignRecovery", REGIONS[REGION[trust]], trust)
    return _mend(model, trust) or moving.step(model, "declareRecovered", TRUST_EXEC[trust], trust)


def _again(model: Model, trust: str) -> Act | None:
    return _release(model, f"system:{trust}") or moving.step(model, "retest", TRUST_IT[trust], trust)


WAYS: dict[str, Way] = {
    "OUTAGE": _rebuild, "ISOLATED": _rebuild, "REBUILDING": _offer, "AWAITING_HANDOVER": _hand_over,
    "HANDED_OVER": _acknowledge, "IN_TRUST_TEST": _accept, "READY": _decide, "APPROVED": _begin,
    "REINSTATING": _return, "LIVE": _recover, "ROLLED_BACK": _again,
}  # fmt: skip
