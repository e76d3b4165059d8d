"""Defects: a trust, or the supplier, says what is wrong with a build; what is unsafe proposes a hold by itself."""

from typing import Any

from sqlalchemy import Boolean, func
from sqlmodel import col, select

from auth.caller import Caller
from auth.tenancy import Transaction
from schema.hold import Hold, HoldReason, HoldScope, HoldState
from schema.kept.question import Page
from schema.organisation import OrganisationKind as Kind
from schema.problem import AlreadyRegistered, NotFound, NotPermitted, ValidationFailed, VersionConflict, WrongState
from schema.product import Build, Product
from schema.readiness.defect import Defect, DefectSeverity, DefectState, FoundOn, turn_of_defect
from schema.readiness.defect_changes import RaiseDefect, RegradeDefect
from schema.readiness.defect_moves import Hand
from schema.system import System, SystemState
from trusts.readiness.defect_turn import hands_of, not_theirs, taken, wrong_state

GRADED_IN = {DefectState.NEW, DefectState.TRIAGED}
IN_THE_TRUSTS_HANDS = (
    SystemState.HANDED_OVER,
    SystemState.IN_TRUST_TEST,
    SystemState.READY,
    SystemState.APPROVED,
    SystemState.REINSTATING,
    SystemState.LIVE,
)


async def raise_(
    db: Transaction, caller: Caller, input: RaiseDefect
) -> Defect | NotFound | AlreadyRegistered | ValidationFailed:
    """Raise a defect: a trust on a system of its own, the supplier on a build of its own.

    An S1 with clinical safety on a system that was handed over proposes a hold on it, which a person confirms or
    dismisses (domain model, B.2).
    """
    found = await _found(db, caller, input)
    if not isinstance(found, Defect):
        return found
    await db.lock(turn_of_defect(found), f"defects:{caller.tenant_ods}", beside=[found.product_id])
    same = select(Defect).where(col(Defect.tenant_ods) == caller.tenant_ods, col(Defect.reference) == input.reference)
    if existing := await db.one(same):
        return AlreadyRegistered(message="You raised a defect by this reference.", existing=existing.global_id())
    defect = await db.keep(found)
    await _propose_hold(db, defect)
    return defect


async def regrade(
    db: Transaction, caller: Caller, input: RegradeDefect
) -> Defect | NotFound | NotPermitted | VersionConflict | WrongState:
    """Grade a defect anew, until the supplier has decided about it. For whoever raised it.

    One that becomes an S1 with clinical safety proposes a hold, as if it had been raised so.
    """
    defect = await taken(db, input)
    if not isinstance(defect, Defect):
        return defect
    if Hand.RAISER not in hands_of(caller, defect):
        return not_theirs(defect, {Hand.RAISER})
    if refusal := wrong_state(defect, GRADED_IN):
        return refusal
    was_unsafe = _is_unsafe(defect)
    defect.severity = input.severity
    defect.clinical_safety = input.clinical_safety
    await db.keep(defect)
    if not was_unsafe:
        await _propose_hold(db, defect)
    return defect


def listed(
    system: FoundOn = None,
    product: str | None = None,
    severity: DefectSeverity | None = None,
    state: DefectState | None = None,
    open: bool | None = None,
) -> Page[Defect]:
    """Return the defects the caller may see, in the order they were raised. `open`: whether they stand in the way."""
    found = select(Defect)
    if system is not None:
        found = found.where(col(Defect.system_id) == func.app.key_of(System.__name__, system))
    if product is not None:
        found = found.where(col(Defect.product_id).in_(select(col(Product.id)).where(col(Product.code) == product)))
    if severity is not None:
        found = found.where(col(Defect.severity) == severity)
    if state is not None:
        found = found.where(col(Defect.state) == state)
    if open is not None:
        found = found.where(func.app.defect_is_open(Defect.severity, Defect.state, type_=Boolean) == open)
    return Page(found)


async def _found(db: Transaction, caller: Caller, input: RaiseDefect) -> Defect | NotFound | ValidationFailed:
    """Return the defect as it would be kept, or why it is not one of the caller's to raise."""
    build = await db.find(Build, input.build)
    if caller.kind != Kind.TRUST:
        if input.system:
            return ValidationFailed.of("system", "is a trust's to name; a supplier's defect is of a build")
        if build is None or build.tenant_ods != caller.tenant_ods:
            return NotFound(path=["input", "build"])
        return _defect(db, input, build)
    system = await db.own(System, input.system, caller)
    if system is None:
        return NotFound(path=["input", "system"])
    if build is None or (build.tenant_ods, build.product_id) != (system.supplier_ods, system.product_id):
        return NotFound(path=["input", "build"])
    return _defect(db, input, build, trust_ods=system.tenant_ods, system_id=system.id)


def _defect(db: Transaction, input: RaiseDefect, build: Build, **where: Any) -> Defect:
    return Defect(
        **db.made,
        **input.model_dump(exclude={"build", "system", "idempotency_key"}),
        **where,
        supplier_ods=build.tenant_ods,
        product_id=build.product_id,
        build_id=build.id,
        raised_at=db.now,
    )


def _is_unsafe(defect: Defect) -> bool:
    return defect.severity == DefectSeverity.S1 and defect.clinical_safety


async def _propose_hold(db: Transaction, defect: Defect) -> None:
    """Propose a hold on the system of an unsafe defect, once that system was handed over. It stops nothing yet."""
    if not _is_unsafe(defect) or defect.system_id is None:
        return
    where = select(System).where(col(System.tenant_ods) == defect.trust_ods, col(System.id) == defect.system_id)
    system = await db.one(where)
    if system is None or system.state not in IN_THE_TRUSTS_HANDS:
        return
    why: dict[str, Any] = {
        "reason_code": HoldReason.DEFECT,
        "reason": f"Defect {defect.reference} (S1, clinical safety): {defect.title}",
    }
    hold = Hold(
        **db.made,
        **why,
        scope=HoldScope.SYSTEM,
        system_id=system.id,
        trust_ods=system.tenant_ods,
        supplier_ods=system.supplier_ods,
        tier=Kind.TRUST,
        placed_at=db.now,
        effective_from=db.now,
        state=HoldState.PROPOSED,
    )
    await db.keep(hold)
