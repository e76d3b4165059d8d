"""What if: changes of a plan run by their own rules, as the caller, and rolled back; what would have moved is told."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from sqlmodel import col, select

from auth.caller import Caller
from auth.scope import Scope
from auth.tenancy import Transaction
from schema.incident import Incident
from schema.outlook.readiness import Readiness
from schema.outlook.what_if import Moved, Outlook, PlannedChange, PlanRefused, WhatIf
from schema.problem import NotFound, Problem
from schema.system import System
from trusts import holds, milestones, products, testing
from trusts.readiness import defects
from trusts.reinstatement import waves


@dataclass(frozen=True)
class Trial:
    """A rule that may be tried, and the scope that its operation needs."""

    needs: Scope
    rule: Callable[[Transaction, Caller, Any], Awaitable[Any]]


TRIALS: dict[str, Trial] = {
    "amend_wave": Trial(Scope.WAVE_PROPOSE, waves.amend),
    "place_hold": Trial(Scope.HOLD_PLACE, holds.place),
    "raise_defect": Trial(Scope.DEFECT_RAISE, defects.raise_),
    "register_build": Trial(Scope.BUILD_REGISTER, products.register_build),
    "report_test": Trial(Scope.TEST_REPORT, testing.report),
    "revise_forecast": Trial(Scope.MILESTONE_PUBLISH, milestones.revise),
}
Lines = dict[tuple[str, Any], tuple[System, Readiness]]


async def what_if(db: Transaction, caller: Caller, input: WhatIf) -> Outlook | NotFound | PlanRefused:
    """Try changes of a plan without keeping them: which dates and systems would move, and what would block.

    They run as the caller, by the very rules of their operations, with everything those do by themselves, and are
    rolled back. Whoever may not make a change may not try it either.
    """
    incident = await db.find(Incident, input.incident)
    db.refuse()  # whatever comes of it
    if incident is None:
        return NotFound(path=["input", "incident"])
    before = await _lines(db, incident)
    for at, planned in enumerate(input.changes):
        if refused := await _tried(db, caller, at, planned):
            return refused
    after = await _lines(db, incident)
    moved = [found for key, line in before.items() if (found := _moved(line, after[key]))]
    return Outlook(moved=moved, unmoved=len(before) - len(moved))


async def _tried(db: Transaction, caller: Caller, at: int, planned: PlannedChange) -> PlanRefused | None:
    ((name, given),) = planned.stated.items()
    trial, path = TRIALS[name], ["input", "changes", str(at)]
    if trial.needs not in caller.scopes:
        message, step = "Your client may not make this change.", f"Ask with a token that carries {trial.needs}."
        return PlanRefused(at=at, problem="NOT_PERMITTED", message=message, next_step=step, path=path)
    answer = await trial.rule(db, caller, given)
    if not isinstance(answer, Problem):
        return None
    told = {"message": answer.message, "next_step": answer.next_step, "path": [*path, *answer.path[1:]]}
    return PlanRefused(at=at, problem=answer.code(), **told)


async def _lines(db: Transaction, incident: Incident) -> Lines:
    """Return every system of the incident that the caller sees, with its readiness, by trust and name."""
    meets = (col(Readiness.tenant_ods) == System.tenant_ods) & (col(Readiness.system_id) == System.id)
    found = await db.rows(
        select(System, Readiness)
        .join(Readiness, meets)
        .where(col(System.incident_ods) == incident.tenant_ods, col(System.incident_id) == incident.id)
        .order_by(col(System.tenant_ods), col(System.name), col(System.id))
    )
    return {(system.tenant_ods, system.id): (system, readiness) for system, readiness in map(tuple, found)}


def _moved(before: tuple[System, Readiness], after: tuple[System, Readiness]) -> Moved | None:
    system, was = before
    _, becomes = after
    told = ("state", "expected_on", "shut_gates", "open_holds")
    if all(getattr(was, name) == getattr(becomes, name) for name in told):
        return None
    return Moved(
        system=system.global_id(),
        name=system.name,
        organisation_ods=system.tenant_ods,
        state_before=was.state,
        state_after=becomes.state,
        expected_on_before=was.expected_on,
        expected_on_after=becomes.expected_on,
        gates_shut=[code for code in becomes.shut_gates if code not in was.shut_gates],
        gates_opened=[code for code in was.shut_gates if code not in becomes.shut_gates],
        holds_before=was.open_holds,
        holds_after=becomes.open_holds,
    )
