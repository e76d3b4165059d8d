"""Cohorts: a trust plans which of its teams go back when, so that all of them do, and says when each is back."""

import datetime as dt

from sqlalchemy import func
from sqlmodel import col, select

from auth.caller import Caller
from auth.tenancy import Transaction
from schema.change import Revision
from schema.kept.question import Page
from schema.problem import AlreadyDecided, HeldBy, NotFound, ValidationFailed, VersionConflict, WrongState
from schema.reinstatement.cohort import (
    AmendCohort,
    BringCohortLive,
    Cohort,
    CohortState,
    ExcuseCohort,
    FinaliseCohorts,
    HoldBackCohort,
    PlanCohort,
    SystemId,
)
from schema.system import System, SystemState, turn_of
from trusts.standing import holds_over, take_turn

COUNTED = ("teams", "accounts")
RETURNING = (SystemState.REINSTATING, SystemState.LIVE)
FINAL = AlreadyDecided(
    message="The plan of this system is final: its cohorts hold all teams and accounts.",
    next_step="Move teams and accounts from one cohort to another (holdBackCohort).",
)


async def plan(db: Transaction, caller: Caller, input: PlanCohort) -> Cohort | NotFound | AlreadyDecided:
    """Plan teams and accounts of a trust's own system that go back together.

    Once the plan is final only an empty one can be added, to move others into.
    """
    system = await db.own(System, input.system, caller)
    if system is None:
        return NotFound(path=["input", "system"])
    await db.lock(turn_of(system.tenant_ods, system.id))
    await db.refresh(system)
    if system.cohorts_final_at and (input.teams or input.accounts):
        return FINAL
    planned = await _cohorts(db, system)
    return await db.keep(
        Cohort(
            **db.made,
            **input.model_dump(exclude={"system", "idempotency_key"}),
            system_id=system.id,
            supplier_ods=system.supplier_ods,
            sequence=max((cohort.sequence for cohort in planned), default=0) + 1,
        )
    )


async def amend(
    db: Transaction, caller: Caller, input: AmendCohort
) -> Cohort | NotFound | AlreadyDecided | VersionConflict | WrongState:
    """Change a cohort that is not live. Its teams and accounts stand once the plan is final; its day does not."""
    cohort = await _planned(db, caller, input.cohort, input)
    if not isinstance(cohort, Cohort):
        return cohort
    stated = input.model_dump(exclude={"cohort", "expected_version", "idempotency_key"}, exclude_none=True)
    system = await _system_of(db, cohort)
    if system.cohorts_final_at and any(stated.get(name) not in (None, getattr(cohort, name)) for name in COUNTED):
        return FINAL
    for name, value in stated.items():
        setattr(cohort, name, value)
    return await db.keep(cohort) if stated else cohort


async def finalise(
    db: Transaction, caller: Caller, input: FinaliseCohorts
) -> System | NotFound | AlreadyDecided | ValidationFailed | VersionConflict:
    """Say that the plan is final: its cohorts hold all teams and accounts of the system, no more and no fewer.

    Teams or accounts that the trust has not stated of the system are stated by this plan.
    """
    system = await db.own(System, input.system, caller)
    if system is None:
        return NotFound(path=["input", "system"])
    await db.lock(turn_of(system.tenant_ods, system.id))
    await db.refresh(system)
    if input.expected_version not in (None, system.version):
        return VersionConflict(current_version=system.version)
    if system.cohorts_final_at:
        return FINAL
    planned = await _cohorts(db, system)
    teams, accounts = sum(cohort.teams for cohort in planned), sum(cohort.accounts for cohort in planned)
    if (teams, accounts) != (_or(system.teams_total, teams), _or(system.accounts_total, accounts)):
        return ValidationFailed.of("system", _sums(system, teams, accounts))
    system.teams_total, system.accounts_total, system.cohorts_final_at = teams, accounts, db.now
    return await db.keep(system)


async def hold_back(
    db: Transaction, caller: Caller, input: HoldBackCohort
) -> Cohort | NotFound | ValidationFailed | VersionConflict | WrongState:
    """Have teams and accounts go back with another cohort than planned; the totals stay. Answers with the first."""
    cohort = await _planned(db, caller, input.cohort, input)
    if not isinstance(cohort, Cohort):
        return cohort
    into = await db.own(Cohort, input.into, caller)
    if into is None or into.system_id != cohort.system_id or into.id == cohort.id:
        return NotFound(path=["input", "into"], next_step="Name another cohort of the same system.")
    if into.state != CohortState.PLANNED:
        return _wrong(into, "into")
    if problem := _beyond(cohort, input):
        return problem
    for name in COUNTED:
        setattr(cohort, name, getattr(cohort, name) - getattr(input, name))
        setattr(into, name, getattr(into, name) + getattr(input, name))
    cohort.held_back_reason = input.reason
    await db.keep(into)
    return await db.keep(cohort)


async def excuse(
    db: Transaction, caller: Caller, input: ExcuseCohort
) -> Cohort | NotFound | VersionConflict | WrongState:
    """Excuse a cohort from going back in this way, with the reason; the system can be live without it."""
    cohort = await _planned(db, caller, input.cohort, input)
    if not isinstance(cohort, Cohort):
        return cohort
    cohort.state = CohortState.EXCUSED
    cohort.excuse_reason = input.reason
    return await db.keep(cohort)


async def bring_live(
    db: Transaction, caller: Caller, input: BringCohortLive
) -> Cohort | NotFound | HeldBy | ValidationFailed | VersionConflict | WrongState:
    """Say that a cohort is back: while its system is reinstated, and no hold is in force over it."""
    cohort = await _planned(db, caller, input.cohort, input)
    if not isinstance(cohort, Cohort):
        return cohort
    system = await _system_of(db, cohort)
    if system.state not in RETURNING:
        return WrongState(message=f"Its system is {system.state}.", state=system.state, needs=list(RETURNING))
    if holds := await holds_over(db, system):
        return HeldBy(message="Its system is held.", obstacles=holds)
    if input.actual_at and input.actual_at > db.now:
        return ValidationFailed.of("actualAt", "is in the future")
    cohort.state = CohortState.LIVE
    cohort.actual_at = input.actual_at or db.now
    await db.keep(cohort)
    await _first_back(db, system, cohort.actual_at)
    return cohort


def listed(system: SystemId = None, state: CohortState | None = None) -> Page[Cohort]:
    """Return the cohorts the caller may see, in the order they were planned. Filters together must all be met."""
    found = select(Cohort)
    if system is not None:
        found = found.where(col(Cohort.system_id) == func.app.key_of(System.__name__, system))
    if state is not None:
        found = found.where(col(Cohort.state) == state)
    return Page(found)


async def _planned(
    db: Transaction, caller: Caller, given: str, input: Revision
) -> Cohort | NotFound | VersionConflict | WrongState:
    """Take the turn of a trust's own cohort that is still planned, and hold off whoever would place a hold over it."""
    cohort = await db.own(Cohort, given, caller)
    if cohort is None:
        return NotFound(path=["input", "cohort"])
    system = await _system_of(db, cohort)
    await take_turn(db, system)
    await db.refresh(cohort)
    if input.expected_version not in (None, cohort.version):
        return VersionConflict(current_version=cohort.version)
    return cohort if cohort.state == CohortState.PLANNED else _wrong(cohort, "cohort")


async def _first_back(db: Transaction, system: System, at: dt.datetime) -> None:
    """Say of a system that is being reinstated when its first users were back; once it is live that stands."""
    if system.state == SystemState.REINSTATING and at < (
        system.first_live_at or dt.datetime.max.replace(tzinfo=dt.UTC)
    ):
        system.first_live_at = at
        await db.keep(system)


def _beyond(cohort: Cohort, input: HoldBackCohort) -> ValidationFailed | None:
    if not input.teams and not input.accounts:
        return ValidationFailed.of("teams", "and accounts are both 0; say how many are held back")
    for name in COUNTED:
        if getattr(input, name) > (there := getattr(cohort, name)):
            return ValidationFailed.of(name, f"is more than the {there:,} in the cohort")
    return None


def _wrong(cohort: Cohort, named: str) -> WrongState:
    return WrongState(
        message=f"This cohort is {cohort.state}.",
        state=cohort.state,
        needs=[CohortState.PLANNED],
        path=["input", named],
    )


async def _system_of(db: Transaction, cohort: Cohort) -> System:
    its = select(System).where(col(System.tenant_ods) == cohort.tenant_ods, col(System.id) == cohort.system_id)
    (system,) = await db.all(its)  # a trust sees its own
    return system


async def _cohorts(db: Transaction, system: System) -> list[Cohort]:
    of_it = select(Cohort).where(col(Cohort.tenant_ods) == system.tenant_ods, col(Cohort.system_id) == system.id)
    return await db.all(of_it.order_by(col(Cohort.sequence)))


def _or(stated: int | None, planned: int) -> int:
    return planned if stated is None else stated


def _sums(system: System, teams: int, accounts: int) -> str:
    """Return both sums beside what the system has."""
    there = [
        f"{planned:,} {what}" + ("" if total is None else f" where it has {total:,}")
        for what, planned, total in (
            ("teams", teams, system.teams_total),
            ("accounts", accounts, system.accounts_total),
        )
    ]
    return f"its cohorts hold {' and '.join(there)}"
