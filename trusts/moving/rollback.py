"""Rollback: a trust goes back to its interim arrangements, and tests again before anything goes on."""

from typing import Any

from sqlmodel import col, select

from auth.caller import Caller
from auth.tenancy import Transaction
from schema.hold import Hold, HoldReason, HoldScope
from schema.problem import GateShut, HeldBy, NotFound, Problem, VersionConflict, WrongState
from schema.reinstatement.cohort import Cohort, CohortState
from schema.reinstatement.moving import Retest, RollBack
from schema.system import System
from schema.system import SystemState as State
from trusts.moving import movement


async def declare(db: Transaction, caller: Caller, input: RollBack) -> System | NotFound | WrongState | VersionConflict:
    """Go back to interim arrangements. By the trust's IT or its executive.

    A hold on the system is placed with it, by the trust; the DCB0160 that was signed before is stale from now on
    (domain model, B.2). Cohorts that were live are planned again.
    """
    system = await movement.turned(db, caller, input, State.ROLLED_BACK)
    if isinstance(system, Problem):
        return system
    stated: dict[str, Any] = {"reason_code": HoldReason.ROLLBACK, "reason": input.reason}
    await db.keep(
        Hold(
            **db.made,
            **stated,
            scope=HoldScope.SYSTEM,
            trust_ods=system.tenant_ods,
            system_id=system.id,
            supplier_ods=system.supplier_ods,
            tier=caller.kind,
            placed_at=db.now,
            effective_from=db.now,
        )
    )
    system.rolled_back_at = db.now
    system.first_live_at = system.fully_live_at = system.recovered_declared_at = None
    await movement.moved(db, system, State.ROLLED_BACK)
    live = select(Cohort).where(
        col(Cohort.tenant_ods) == system.tenant_ods,
        col(Cohort.system_id) == system.id,
        col(Cohort.state) == CohortState.LIVE,
    )
    for cohort in await db.all(live):
        cohort.state, cohort.actual_at = CohortState.PLANNED, None
        await db.keep(cohort)
    return system


async def retest(
    db: Transaction, caller: Caller, input: Retest
) -> System | NotFound | WrongState | VersionConflict | GateShut | HeldBy:
    """Test a system again that was rolled back, once no hold on it is in force. By the trust's IT."""
    system = await movement.turned(db, caller, input, State.IN_TRUST_TEST, [State.ROLLED_BACK])
    if isinstance(system, Problem):
        return system
    if blocked := await movement.blocked(db, system, State.IN_TRUST_TEST):
        return blocked
    return await movement.moved(db, system, State.IN_TRUST_TEST)
