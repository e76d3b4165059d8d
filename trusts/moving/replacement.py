"""Replacement: a system that never comes back, or is used no more. Both are lawful ends."""

from auth.caller import Caller
from auth.tenancy import Transaction
from schema.problem import NotFound, Problem, VersionConflict, WrongState
from schema.reinstatement.moving import ReplaceSystem, RetireSystem
from schema.system import System
from schema.system import SystemState as State
from trusts.moving import movement


async def replace(
    db: Transaction, caller: Caller, input: ReplaceSystem
) -> System | NotFound | WrongState | VersionConflict:
    """Decide that another system takes its place for good, before it was live. By a person of the trust's executive.

    What takes its place is named, and how the old record stays readable (domain model, B.2).
    """
    system = await movement.turned(db, caller, input, State.REPLACED)
    if isinstance(system, Problem):
        return system
    system.replaced_by = input.replaced_by
    system.archive_arrangement = input.archive_arrangement
    return await movement.moved(db, system, State.REPLACED)


async def retire(
    db: Transaction, caller: Caller, input: RetireSystem
) -> System | NotFound | WrongState | VersionConflict:
    """Decide that a system is used no more: one that was replaced, or never lost. By the trust's executive."""
    system = await movement.turned(db, caller, input, State.RETIRED)
    return system if isinstance(system, Problem) else await movement.moved(db, system, State.RETIRED)
