"""Handover: the supplier offers and hands over a rebuilt system; the trust acknowledges that it has it.

Handover is not acceptance: two facts by two parties (domain model, finding 2).
"""

from auth.caller import Caller
from auth.tenancy import Transaction
from schema.problem import GateShut, HeldBy, NotFound, Problem, VersionConflict, WrongState
from schema.reinstatement.moving import AcknowledgeHandover, HandOver, OfferHandover
from schema.system import System
from schema.system import SystemState as State
from trusts.moving import movement


async def offer(
    db: Transaction, caller: Caller, input: OfferHandover
) -> System | NotFound | WrongState | VersionConflict | GateShut | HeldBy:
    """Say that a rebuilt system is ready to be handed over. By its supplier.

    The product has a build, and its DCB0129 is signed on one that counts (domain model, B.2).
    """
    system = await movement.turned(db, caller, input, State.AWAITING_HANDOVER)
    if isinstance(system, Problem):
        return system
    if blocked := await movement.blocked(db, system, State.AWAITING_HANDOVER):
        return blocked
    return await movement.moved(db, system, State.AWAITING_HANDOVER)


async def hand_over(
    db: Transaction, caller: Caller, input: HandOver
) -> System | NotFound | WrongState | VersionConflict | GateShut | HeldBy:
    """Make a rebuilt system available to the trust's IT, on the product's current build. By its supplier.

    Its security assurance is approved, has not run out and is of at least medium confidence, on a build that counts;
    no hold is in force over it (domain model, B.2).
    """
    system = await movement.turned(db, caller, input, State.HANDED_OVER)
    if isinstance(system, Problem):
        return system
    if blocked := await movement.blocked(db, system, State.HANDED_OVER):
        return blocked
    system.handed_over_at = db.now
    system.current_build_id = await movement.current_build(db, system)
    return await movement.moved(db, system, State.HANDED_OVER)


async def acknowledge(
    db: Transaction, caller: Caller, input: AcknowledgeHandover
) -> System | NotFound | WrongState | VersionConflict:
    """Say that the trust has what was handed over, and tests it from now on. By the trust's IT."""
    system = await movement.turned(db, caller, input, State.IN_TRUST_TEST, [State.HANDED_OVER])
    return system if isinstance(system, Problem) else await movement.moved(db, system, State.IN_TRUST_TEST)
