"""Acceptance: the trust accepts a system after its own tests. Only then is it ready."""

from auth.caller import Caller
from auth.tenancy import Transaction
from schema.problem import GateShut, HeldBy, NotFound, Problem, VersionConflict, WrongState
from schema.reinstatement.moving import AcceptSystem
from schema.system import System
from schema.system import SystemState as State
from trusts.moving import movement


async def accept(
    db: Transaction, caller: Caller, input: AcceptSystem
) -> System | NotFound | WrongState | VersionConflict | GateShut | HeldBy:
    """Accept a system after the trust's own tests. By the trust's IT.

    Every mandatory test stage is done on builds that count, no severity 1 defect is open, and each open one of
    severity 2 has a workaround that the trust's clinical safety officer accepted (domain model, B.2).
    """
    system = await movement.turned(db, caller, input, State.READY)
    if isinstance(system, Problem):
        return system
    if blocked := await movement.blocked(db, system, State.READY):
        return blocked
    system.accepted_at = db.now
    return await movement.moved(db, system, State.READY)
