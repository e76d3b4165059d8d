"""Recovery: the trust declares a live system recovered, and its region countersigns."""

from sqlalchemy import func

from auth.caller import Caller
from auth.tenancy import Transaction
from schema.problem import AlreadyDecided, GateShut, HeldBy, NotFound, Problem, VersionConflict, WrongState
from schema.reinstatement.moving import CountersignRecovery, DeclareRecovered
from schema.system import System
from schema.system import SystemState as State
from trusts.moving import movement


async def declare(
    db: Transaction, caller: Caller, input: DeclareRecovered
) -> System | NotFound | WrongState | VersionConflict | AlreadyDecided | GateShut | HeldBy:
    """Declare a live system recovered. By a person of the trust's executive, or its SIRO.

    No defect of severity 1 or 2 is open, the trust's own declaration is stood down, and records are put back as far
    as the incident's policy asks (domain model, B.2). The system is recovered once its region countersigns.
    """
    system = await movement.turned(db, caller, input, State.RECOVERED, [State.LIVE])
    if isinstance(system, Problem):
        return system
    if system.recovered_declared_at:
        return AlreadyDecided(
            message="The trust declared it recovered before.", next_step="Ask its region to countersign."
        )
    if blocked := await movement.refusal(db, system, func.app.before_recovered(system.tenant_ods, system.id)):
        return blocked
    system.recovered_declared_at = db.now
    return await db.keep(system)


async def countersign(
    db: Transaction, caller: Caller, input: CountersignRecovery
) -> System | NotFound | WrongState | VersionConflict | GateShut | HeldBy:
    """Agree that a system is recovered, which its trust declared before. By a person of the trust's region."""
    system = await movement.turned(db, caller, input, State.RECOVERED)
    if isinstance(system, Problem):
        return system
    if blocked := await movement.blocked(db, system, State.RECOVERED):
        return blocked
    system.recovered_at = db.now
    return await movement.moved(db, system, State.RECOVERED)
