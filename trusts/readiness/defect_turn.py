"""A defect's turn: who may move it to a state, and from which; what the rules of defects share."""

from auth.caller import Caller
from auth.tenancy import Transaction
from schema.problem import NotFound, NotPermitted, VersionConflict, WrongState
from schema.readiness.defect import MINOR, Defect, DefectState, turn_of_defect
from schema.readiness.defect_changes import DefectChange
from schema.readiness.defect_moves import MOVES, Hand

UNFINISHED = set(DefectState) - {DefectState.CLOSED}
Refusal = NotFound | NotPermitted | VersionConflict | WrongState


async def taken(db: Transaction, input: DefectChange) -> Defect | NotFound | VersionConflict:
    """Take the turn of a defect, and return it as whoever had the turn before left it."""
    defect = await db.find(Defect, input.defect)
    if defect is None:
        return NotFound(path=["input", "defect"])
    await db.lock(turn_of_defect(defect))
    await db.refresh(defect)
    if input.expected_version not in (None, defect.version):
        return VersionConflict(current_version=defect.version)
    return defect


async def moving(
    db: Transaction, caller: Caller, input: DefectChange, becomes: DefectState, *hands: Hand
) -> Defect | Refusal:
    """Return a defect that the caller, by one of these hands, may move to this state; keeping it moves it."""
    defect = await taken(db, input)
    if not isinstance(defect, Defect):
        return defect
    lawful = [
        move
        for move in MOVES
        if move.becomes == becomes and move.hand in hands and (not move.minor or defect.severity in MINOR)
    ]
    held = hands_of(caller, defect)
    if not held.intersection(move.hand for move in lawful):
        return not_theirs(defect, {move.hand for move in lawful})
    if refusal := wrong_state(defect, {move.was for move in lawful if move.hand in held}):
        return refusal
    defect.state = becomes
    return defect


def hands_of(caller: Caller, defect: Defect) -> set[Hand]:
    """Return whose moves of a defect are the caller's: a supplier that raised it has both."""
    whose = {Hand.RAISER: defect.tenant_ods, Hand.SUPPLIER: defect.supplier_ods}
    return {hand for hand, code in whose.items() if code == caller.tenant_ods}


def not_theirs(defect: Defect, hands: set[Hand]) -> NotPermitted:
    """Return the refusal of a move that is another's, with whose it is."""
    whose = {Hand.RAISER: defect.tenant_ods, Hand.SUPPLIER: defect.supplier_ods}
    needs = ", ".join(dict.fromkeys(whose[hand] for hand in sorted(hands)))
    return NotPermitted(
        message=f"This is for {needs} to do with a defect of severity {defect.severity}.",
        needs=needs,
        next_step=f"Ask {needs}.",
        path=["input", "defect"],
    )


def wrong_state(defect: Defect, lawful: set[DefectState]) -> WrongState | None:
    """Return the refusal of what cannot be done with a defect as it stands, None where it can."""
    if defect.state in lawful:
        return None
    needs = [state.value for state in DefectState if state in lawful]
    return WrongState(
        message=f"The defect is {defect.state}.", state=defect.state, needs=needs, path=["input", "defect"]
    )
