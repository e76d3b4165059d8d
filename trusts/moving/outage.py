"""Outage: a trust says what became of a system; its supplier begins to rebuild it."""

from auth.caller import Caller
from auth.tenancy import Transaction
from schema.problem import NotFound, Problem, ValidationFailed, VersionConflict, WrongState
from schema.reinstatement.moving import BeginRebuild, ReportSystemState
from schema.system import System
from schema.system import SystemState as State
from trusts.moving import movement

STATED = (State.OUTAGE, State.ISOLATED)


async def report(
    db: Transaction, caller: Caller, input: ReportSystemState
) -> System | NotFound | WrongState | VersionConflict | ValidationFailed:
    """Say that a system was lost (OUTAGE), or cut off to stop spread (ISOLATED). By the trust's IT."""
    if input.state not in STATED:
        return ValidationFailed.of("state", f"must be one of {', '.join(STATED)}; later states are reached")
    if input.outage_started_at and input.outage_started_at > db.now:
        return ValidationFailed.of("outageStartedAt", "is in the future")
    if input.outage_started_at and input.state != State.OUTAGE:
        return ValidationFailed.of("outageStartedAt", "is stated with OUTAGE alone")
    system = await movement.turned(db, caller, input, input.state)
    if isinstance(system, Problem):
        return system
    system.outage_started_at = input.outage_started_at or system.outage_started_at
    return await movement.moved(db, system, input.state)


async def rebuild(
    db: Transaction, caller: Caller, input: BeginRebuild
) -> System | NotFound | WrongState | VersionConflict:
    """Begin to rebuild a lost system in a clean environment. By the supplier of its product."""
    system = await movement.turned(db, caller, input, State.REBUILDING)
    return system if isinstance(system, Problem) else await movement.moved(db, system, State.REBUILDING)
