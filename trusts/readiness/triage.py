"""Triage: what the product's supplier answers to a defect, each answer a move of its own."""

from auth.caller import Caller
from auth.tenancy import Transaction
from schema.kept.instant import london_day
from schema.problem import NotFound, NotPermitted, ValidationFailed, VersionConflict, WrongState
from schema.product import Build
from schema.readiness.defect import Defect, DefectState
from schema.readiness.defect_changes import (
    AcceptDefect,
    AgreeWorkaround,
    DeferDefect,
    MarkDefectDuplicate,
    OfferFix,
    RejectDefect,
    TriageDefect,
)
from schema.readiness.defect_moves import Hand
from trusts.readiness.defect_turn import UNFINISHED, hands_of, moving, not_theirs, taken, wrong_state


async def triage(
    db: Transaction, caller: Caller, input: TriageDefect
) -> Defect | NotFound | NotPermitted | VersionConflict | WrongState:
    """Say that a defect was looked at: a new one, or again one that was put off."""
    defect = await moving(db, caller, input, DefectState.TRIAGED, Hand.SUPPLIER)
    if not isinstance(defect, Defect):
        return defect
    defect.triage_note = input.note or defect.triage_note
    defect.deferred_until = None
    return await db.keep(defect)


async def accept(
    db: Transaction, caller: Caller, input: AcceptDefect
) -> Defect | NotFound | NotPermitted | VersionConflict | WrongState:
    """Accept a triaged defect: it will be mended."""
    defect = await moving(db, caller, input, DefectState.ACCEPTED, Hand.SUPPLIER)
    if not isinstance(defect, Defect):
        return defect
    defect.triage_note = input.note or defect.triage_note
    return await db.keep(defect)


async def reject(
    db: Transaction, caller: Caller, input: RejectDefect
) -> Defect | NotFound | NotPermitted | VersionConflict | WrongState:
    """Say that a triaged defect is none. An S1 or S2 stands in the way until its raiser closes it."""
    defect = await moving(db, caller, input, DefectState.REJECTED, Hand.SUPPLIER)
    if not isinstance(defect, Defect):
        return defect
    defect.triage_note = input.reason
    return await db.keep(defect)


async def mark_duplicate(
    db: Transaction, caller: Caller, input: MarkDefectDuplicate
) -> Defect | NotFound | NotPermitted | ValidationFailed | VersionConflict | WrongState:
    """Say that a triaged defect is the same as another one: of the same raiser, or of the supplier.

    Another trust's would tell the raiser of that trust; raise one of your own that both are duplicates of.
    """
    defect = await moving(db, caller, input, DefectState.DUPLICATE, Hand.SUPPLIER)
    if not isinstance(defect, Defect):
        return defect
    other = await db.find(Defect, input.duplicate_of)
    if other is None or other.id == defect.id or other.product_id != defect.product_id:
        return NotFound(path=["input", "duplicateOf"])
    if other.tenant_ods not in (defect.tenant_ods, defect.supplier_ods):
        return ValidationFailed.of("duplicateOf", "is another trust's; raise one of your own that both duplicate")
    defect.duplicate_ods = other.tenant_ods
    defect.duplicate_id = other.id
    defect.triage_note = input.reason
    return await db.keep(defect)


async def defer(
    db: Transaction, caller: Caller, input: DeferDefect
) -> Defect | NotFound | NotPermitted | ValidationFailed | VersionConflict | WrongState:
    """Put a triaged defect off to a later day; then it is triaged again."""
    if input.until <= london_day(db.now):
        return ValidationFailed.of("until", "must be after today")
    defect = await moving(db, caller, input, DefectState.DEFERRED, Hand.SUPPLIER)
    if not isinstance(defect, Defect):
        return defect
    defect.triage_note = input.reason
    defect.deferred_until = input.until
    return await db.keep(defect)


async def offer_fix(
    db: Transaction, caller: Caller, input: OfferFix
) -> Defect | NotFound | NotPermitted | VersionConflict | WrongState:
    """Name the build that mends an accepted defect; whoever raised it tests that."""
    defect = await moving(db, caller, input, DefectState.FIX_READY, Hand.SUPPLIER)
    if not isinstance(defect, Defect):
        return defect
    build = await db.own(Build, input.build, caller)
    if build is None or build.product_id != defect.product_id:
        return NotFound(path=["input", "build"])
    defect.fixed_in_id = build.id
    defect.triage_note = input.note or defect.triage_note
    return await db.keep(defect)


async def agree_workaround(
    db: Transaction, caller: Caller, input: AgreeWorkaround
) -> Defect | NotFound | NotPermitted | VersionConflict | WrongState:
    """Agree to a way to do without, while a defect is not closed. It counts once the trust's CSO accepted it."""
    defect = await taken(db, input)
    if not isinstance(defect, Defect):
        return defect
    if Hand.SUPPLIER not in hands_of(caller, defect):
        return not_theirs(defect, {Hand.SUPPLIER})
    if refusal := wrong_state(defect, UNFINISHED):
        return refusal
    if input.workaround == defect.workaround:
        return defect
    defect.workaround = input.workaround
    defect.workaround_agreed_at = db.now
    defect.workaround_accepted_at = None
    defect.workaround_accepted_by = None
    return await db.keep(defect)
