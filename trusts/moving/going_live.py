"""Going live: an approved system is returned to its users, cohort by cohort."""

from auth.caller import Caller
from auth.tenancy import Transaction
from schema.problem import GateShut, HeldBy, NotFound, Problem, VersionConflict, WrongState
from schema.reinstatement.moving import BeginReinstatement, GoLive
from schema.system import System
from schema.system import SystemState as State
from trusts.moving import movement


async def begin(
    db: Transaction, caller: Caller, input: BeginReinstatement
) -> System | NotFound | WrongState | VersionConflict | GateShut | HeldBy:
    """Begin to return an approved system to its users. By the trust's IT.

    Its wave is open, its confirmed slot has begun, no hold is in force over it, and the mandatory gates are open
    still (domain model, B.2).
    """
    system = await movement.turned(db, caller, input, State.REINSTATING)
    if isinstance(system, Problem):
        return system
    if blocked := await movement.blocked(db, system, State.REINSTATING):
        return blocked
    return await movement.moved(db, system, State.REINSTATING)


async def finish(
    db: Transaction, caller: Caller, input: GoLive
) -> System | NotFound | WrongState | VersionConflict | GateShut | HeldBy:
    """Say that a system is live: every cohort is back on it, or excused. By the trust's IT.

    Live is not recovered: records are still to be put back.
    """
    system = await movement.turned(db, caller, input, State.LIVE)
    if isinstance(system, Problem):
        return system
    if blocked := await movement.blocked(db, system, State.LIVE):
        return blocked
    system.first_live_at = await movement.first_live(db, system)
    system.fully_live_at = db.now
    return await movement.moved(db, system, State.LIVE)
