"""Decisions: a trust decides whether a system goes, on gates that are kept as they stood; what follows from it."""

from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import col, select
from sqlmodel.sql.expression import SelectOfScalar

from auth.caller import Caller
from auth.tenancy import Transaction
from schema.kept.instant import LONDON
from schema.people.account import Role
from schema.problem import (
    AlreadyDecided,
    GateShut,
    NotFound,
    NotPermitted,
    SameHands,
    ValidationFailed,
    VersionConflict,
    WrongState,
)
from schema.product import Product
from schema.readiness.decision import (
    GOES,
    DecideGoNoGo,
    DecisionOutcome,
    DecisionRecord,
    Dissent,
    GoNoGoDecision,
    MeetObligation,
    Obligation,
    RecordDissent,
)
from schema.system import System, SystemState
from schema.testing import TestReport
from trusts.readiness.acting import acting_as
from trusts.standing import shut_gates, take_turn

TRUST = (Role.TRUST_EXEC, Role.TRUST_SIRO, Role.TRUST_CSO, Role.TRUST_IT)
Refusal = VersionConflict | WrongState | SameHands | ValidationFailed | GateShut


async def decide(
    db: Transaction, caller: Caller, input: DecideGoNoGo
) -> GoNoGoDecision | NotFound | VersionConflict | WrongState | SameHands | ValidationFailed | GateShut:
    """Decide whether a system that is ready goes. GO, with or without conditions, moves it to APPROVED.

    GO needs every mandatory gate open for the current build (domain model, B.2); the account that filed test reports
    of the system decides nothing about it (B.4.4). Where the gates stood is kept with its hash, and never altered.
    """
    system = await db.own(System, input.system, caller)
    if system is None:
        return NotFound(path=["input", "system"])
    await take_turn(db, system)
    if refusal := await _refusal(db, caller, system, input):
        return refusal
    decision = await _kept(db, caller, system, input)
    if input.outcome in GOES:
        system.state = SystemState.APPROVED
        system.state_since = db.now
        await db.keep(system)
    return decision


async def _refusal(db: Transaction, caller: Caller, system: System, input: DecideGoNoGo) -> Refusal | None:
    if input.expected_version not in (None, system.version):
        return VersionConflict(current_version=system.version)
    if system.state != SystemState.READY:
        return WrongState(
            message="It is decided about a system that is ready.", state=system.state, needs=[SystemState.READY]
        )
    if wrong := _conditions(db, input):
        return wrong
    if await db.one(_filed(system).where(col(TestReport.created_by) == caller.subject)):
        return SameHands(message="Whoever filed its test reports does not decide.", did="filed test reports of it")
    if input.outcome in GOES and (shut := await shut_gates(db, system)):
        return GateShut(obstacles=shut)
    return None


def _filed(system: System) -> SelectOfScalar[TestReport]:
    return select(TestReport).where(
        col(TestReport.tenant_ods) == system.tenant_ods, col(TestReport.system_id) == system.id
    )


def _conditions(db: Transaction, input: DecideGoNoGo) -> ValidationFailed | None:
    needed = input.outcome == DecisionOutcome.GO_WITH_CONDITIONS
    if needed != bool(input.conditions):
        return ValidationFailed.of("conditions", "are needed by GO_WITH_CONDITIONS, and by it alone")
    today = db.now.astimezone(ZoneInfo(LONDON)).date()
    if any(condition.due_on < today for condition in input.conditions):
        return ValidationFailed.of("conditions", "one is due before the decision")
    if any(condition.owner_role not in TRUST for condition in input.conditions):
        return ValidationFailed.of("conditions", "one is owned by a role that is none of a trust")
    return None


async def _kept(db: Transaction, caller: Caller, system: System, input: DecideGoNoGo) -> GoNoGoDecision:
    """Keep a decision, then what it was made on, then what it obliges to; the database takes the snapshot."""
    product = await db.one(
        select(Product).where(col(Product.tenant_ods) == system.supplier_ods, col(Product.id) == system.product_id)
    )
    decision = GoNoGoDecision(
        **db.made,
        system_id=system.id,
        supplier_ods=system.supplier_ods,
        build_id=product.current_build_id if product else None,
        outcome=input.outcome,
        decided_at=db.now,
        decider=caller.subject,
    )
    await db.keep(decision)
    await db.keep(DecisionRecord(**db.made, decision_id=decision.id, rationale=input.rationale))
    for condition in input.conditions:
        obliged = condition.model_dump(exclude={"idempotency_key"})
        await db.keep(Obligation(**db.made, **obliged, decision_id=decision.id))
    await db.refresh(decision)  # what it supersedes is the database's to say
    return decision


async def meet(
    db: Transaction, caller: Caller, input: MeetObligation
) -> Obligation | NotFound | NotPermitted | AlreadyDecided | VersionConflict:
    """Say that an obligation of one's own trust is met, and how: in the role that owns it."""
    obligation = await db.own(Obligation, input.obligation, caller)
    if obligation is None:
        return NotFound(path=["input", "obligation"])
    if acting_as(caller, [obligation.owner_role]) is None:
        return _not_in_the_role([obligation.owner_role], "obligation")
    await db.take(obligation)
    if obligation.met_at is not None:
        return AlreadyDecided(message="This obligation was met before.")
    if input.expected_version not in (None, obligation.version):
        return VersionConflict(current_version=obligation.version)
    obligation.met_at = db.now
    obligation.met_by = caller.subject
    obligation.how = input.how
    return await db.keep(obligation)


async def dissent(db: Transaction, caller: Caller, input: RecordDissent) -> Dissent | NotFound | NotPermitted:
    """Record that somebody of the trust, or its region, disagrees with a decision. It stops nothing: a hold would."""
    decision = await db.find(GoNoGoDecision, input.decision)
    if decision is None:
        return NotFound(path=["input", "decision"])
    role = acting_as(caller, [*TRUST, Role.REGION], input.role)
    if role is None:
        return _not_in_the_role([*TRUST, Role.REGION], "decision")
    said: dict[str, Any] = {
        "trust_ods": decision.tenant_ods,
        "decision_id": decision.id,
        "role": role,
        "text": input.text,
    }
    return await db.keep(Dissent(**db.made, **said, recorded_at=db.now))


def _not_in_the_role(roles: Sequence[Role], field: str) -> NotPermitted:
    return NotPermitted(
        message="This is said in a role that you do not hold.",
        needs=" or ".join(roles),
        next_step="Ask somebody who holds the role.",
        path=["input", field],
    )
