"""Signing: a clinical safety officer signs, declines, or takes a signature back. People alone decide so.

The officer is of the organisation whose sign-off it is: the supplier's for DCB0129, the trust's for DCB0160.
"""

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import TEXT, Boolean, func
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import col, select

from auth.caller import Caller
from auth.tenancy import Transaction
from schema.hold import Hold, HoldReason, HoldScope
from schema.kept.instant import LONDON
from schema.people.account import Role
from schema.problem import (
    GateShut,
    NotFound,
    NotPermitted,
    SameHands,
    ValidationFailed,
    VersionConflict,
    WrongState,
)
from schema.readiness.safety import (
    DeclineSignOff,
    GiveSignOff,
    HazardSummary,
    SafetySignOff,
    SafetyStandard,
    SignOffState,
    WithdrawSignOff,
)
from schema.system import System, SystemState
from trusts.readiness.bars import told
from trusts.readiness.moves import not_from, take_safety_turn

OFFICER = {SafetyStandard.DCB0129: Role.SUPPLIER_CSO, SafetyStandard.DCB0160: Role.TRUST_CSO}
RUNNING = (SystemState.REINSTATING, SystemState.LIVE)


async def give(
    db: Transaction, caller: Caller, input: GiveSignOff
) -> SafetySignOff | NotFound | NotPermitted | ValidationFailed | VersionConflict | WrongState | SameHands | GateShut:
    """Sign: the build, or the trust's use of it, is acceptably safe (domain model, B.2).

    No hazard of level 4 or 5 is left, each of level 3 is justified; for DCB0160 the supplier's DCB0129 is signed, its
    transferred hazards are carried over and all accepted. Whoever filed a test report of the system does not sign.
    """
    if input.next_review_on and input.next_review_on <= _today(db):
        return ValidationFailed.of("nextReviewOn", "is not after today")
    found = await _to_decide(db, caller, input.sign_off)
    if not isinstance(found, SafetySignOff):
        return found
    if refused := not_from(found, input, SignOffState.SUBMITTED) or await _barred(db, found):
        return refused
    found.state = SignOffState.SIGNED
    found.next_review_on = input.next_review_on
    found.signer = caller.subject
    found.signed_at = db.now
    return await db.keep(found)


async def decline(
    db: Transaction, caller: Caller, input: DeclineSignOff
) -> SafetySignOff | NotFound | NotPermitted | VersionConflict | WrongState:
    """Decline to sign, with the reason. It stays declined: another is drafted."""
    found = await _to_decide(db, caller, input.sign_off)
    if not isinstance(found, SafetySignOff):
        return found
    if refused := not_from(found, input, SignOffState.SUBMITTED):
        return refused
    await _reason(db, found, input.reason)
    found.state = SignOffState.DECLINED
    found.signer = caller.subject
    found.signed_at = db.now
    return await db.keep(found)


async def withdraw(
    db: Transaction, caller: Caller, input: WithdrawSignOff
) -> SafetySignOff | NotFound | NotPermitted | VersionConflict | WrongState:
    """Take a signature back, at any time, with the reason.

    Where a system that relies on it is being reinstated or is live, a hold for clinical safety is placed with it: on
    that system, or on the product for DCB0129. It switches nothing off.
    """
    found = await _to_decide(db, caller, input.sign_off)
    if not isinstance(found, SafetySignOff):
        return found
    if refused := not_from(found, input, SignOffState.SIGNED):
        return refused
    await _reason(db, found, input.reason)
    found.state = SignOffState.WITHDRAWN
    found.withdrawn_at = db.now
    await db.keep(found)
    if await db.one(_running(found)):
        await db.keep(_hold(db, caller, found))
    return found


async def _to_decide(db: Transaction, caller: Caller, given: str) -> SafetySignOff | NotFound | NotPermitted:
    """Return the organisation's own sign-off in its turn, to the officer who may decide of it."""
    sign_off = await db.own(SafetySignOff, given, caller)
    if sign_off is None:
        return NotFound(path=["input", "signOff"])
    officer = OFFICER[sign_off.standard]
    if officer not in caller.roles:
        return NotPermitted(
            message="A clinical safety officer decides of a sign-off.",
            needs=officer,
            next_step=f"Ask a person of {sign_off.tenant_ods} who holds the role {officer}.",
            path=["input", "signOff"],
        )
    await take_safety_turn(db, sign_off)
    await db.refresh(sign_off)
    return sign_off


async def _barred(db: Transaction, sign_off: SafetySignOff) -> SameHands | GateShut | None:
    """Return what stands in the way of signing, by the same questions that the database asks of the row."""
    tested_it = func.app.tested_it(sign_off.trust_ods, sign_off.system_id, type_=Boolean)
    if await db.one(select(tested_it)):
        return SameHands(
            message="You filed a test report of this system, so you do not sign for its safety.",
            next_step=f"Ask somebody else of {sign_off.tenant_ods} who holds the role {OFFICER[sign_off.standard]}.",
            did="reportTest",
            path=["input", "signOff"],
        )
    bars = await db.one(select(func.app.bars_signing(sign_off.tenant_ods, sign_off.id, type_=ARRAY(TEXT))))
    return (
        GateShut(
            message="It cannot be signed yet.",
            path=["input", "signOff"],
            obstacles=[told(bar, sign_off) for bar in bars],
        )
        if bars
        else None
    )


async def _reason(db: Transaction, sign_off: SafetySignOff, reason: str) -> None:
    """Keep why, beside the hazards, where only those read it who read them."""
    (hazards,) = await db.all(select(HazardSummary).where(col(HazardSummary.sign_off_id) == sign_off.id))
    hazards.decision_reason = reason
    await db.keep(hazards)


def _running(sign_off: SafetySignOff) -> Any:
    found = select(System).where(col(System.state).in_(RUNNING))
    if sign_off.system_id:
        return found.where(col(System.tenant_ods) == sign_off.trust_ods, col(System.id) == sign_off.system_id)
    return found.where(
        col(System.supplier_ods) == sign_off.supplier_ods, col(System.product_id) == sign_off.product_id
    ).limit(1)


def _hold(db: Transaction, caller: Caller, sign_off: SafetySignOff) -> Hold:
    """Return the hold that a withdrawal places. Its reason is read by more than the hazards are, so it says none."""
    over: dict[str, Any] = {"scope": HoldScope.PRODUCT, "product_id": sign_off.product_id}
    if sign_off.system_id:
        over = {"scope": HoldScope.SYSTEM, "system_id": sign_off.system_id, "trust_ods": sign_off.trust_ods}
    stated: dict[str, Any] = {
        "reason_code": HoldReason.CLINICAL_SAFETY,
        "reason": f"The safety sign-off {sign_off.standard} was withdrawn.",
        "supplier_ods": sign_off.supplier_ods,
        "audience": sign_off.audience,
    }
    return Hold(**db.made, **over, **stated, tier=caller.kind, placed_at=db.now, effective_from=db.now)


def _today(db: Transaction) -> dt.date:
    return db.now.astimezone(ZoneInfo(LONDON)).date()
