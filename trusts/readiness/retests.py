"""Retests: what whoever raised a defect makes of the supplier's answer to it."""

from auth.caller import Caller
from auth.tenancy import Transaction
from schema.people.account import Role
from schema.problem import AlreadyDecided, NotFound, NotPermitted, ValidationFailed, VersionConflict, WrongState
from schema.readiness.defect import Defect, DefectState
from schema.readiness.defect_changes import AcceptWorkaround, CloseDefect, ContestDefect, FailRetest, RetestDefect
from schema.readiness.defect_moves import Hand
from trusts.readiness.defect_turn import UNFINISHED, moving, taken, wrong_state


async def begin(
    db: Transaction, caller: Caller, input: RetestDefect
) -> Defect | NotFound | NotPermitted | VersionConflict | WrongState:
    """Say that the build which is said to mend a defect is being tested. For whoever raised it."""
    defect = await moving(db, caller, input, DefectState.RETEST, Hand.RAISER)
    if not isinstance(defect, Defect):
        return defect
    defect.raiser_note = input.note or defect.raiser_note
    return await db.keep(defect)


async def fail(
    db: Transaction, caller: Caller, input: FailRetest
) -> Defect | NotFound | NotPermitted | VersionConflict | WrongState:
    """Say that the retest found a defect still there: the supplier has it again. For whoever raised it."""
    defect = await moving(db, caller, input, DefectState.ACCEPTED, Hand.RAISER)
    if not isinstance(defect, Defect):
        return defect
    defect.raiser_note = input.reason
    return await db.keep(defect)


async def contest(
    db: Transaction, caller: Caller, input: ContestDefect
) -> Defect | NotFound | NotPermitted | VersionConflict | WrongState:
    """Say that a rejected defect is one, or that a duplicate is not: it is new again. For whoever raised it."""
    defect = await moving(db, caller, input, DefectState.NEW, Hand.RAISER)
    if not isinstance(defect, Defect):
        return defect
    defect.raiser_note = input.reason
    return await db.keep(defect)


async def close(
    db: Transaction, caller: Caller, input: CloseDefect
) -> Defect | NotFound | NotPermitted | VersionConflict | WrongState:
    """Close a defect for good, after its retest or where it was rejected or a duplicate.

    "Only the raising trust closes S1/S2" (domain model, B.2); an S3 or S4 the supplier may close as well.
    """
    defect = await moving(db, caller, input, DefectState.CLOSED, Hand.RAISER, Hand.SUPPLIER)
    if not isinstance(defect, Defect):
        return defect
    defect.closed_at = db.now
    defect.close_reason = input.reason
    return await db.keep(defect)


async def accept_workaround(
    db: Transaction, caller: Caller, input: AcceptWorkaround
) -> Defect | NotFound | NotPermitted | AlreadyDecided | ValidationFailed | VersionConflict | WrongState:
    """Accept, as the raising trust's clinical safety officer, the workaround that the supplier agreed to.

    An S2 holds a system up until this is done (domain model, B.2, IN_TRUST_TEST → READY).
    """
    defect = await taken(db, input)
    if not isinstance(defect, Defect):
        return defect
    if defect.trust_ods != caller.tenant_ods or Role.TRUST_CSO not in caller.roles:
        return _for_its_officer(defect)
    if refusal := wrong_state(defect, UNFINISHED):
        return refusal
    if defect.workaround is None:
        return ValidationFailed.of("defect", "has no workaround yet; its supplier agrees to one first")
    if defect.workaround_accepted_at is not None:
        return AlreadyDecided(message="This workaround was accepted before.")
    defect.workaround_accepted_at = db.now
    defect.workaround_accepted_by = caller.subject
    return await db.keep(defect)


def _for_its_officer(defect: Defect) -> NotPermitted:
    whose = defect.trust_ods or "a trust, and this defect is of none"
    return NotPermitted(
        message="A workaround is accepted by the clinical safety officer of the trust that raised the defect.",
        needs=f"{Role.TRUST_CSO} of {whose}",
        next_step="Ask that trust's clinical safety officer.",
        path=["input", "defect"],
    )
