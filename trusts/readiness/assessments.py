"""Assessments: a gate's owner says what it found; the national team waives a gate where that is lawful."""

from typing import Any

from sqlmodel import col, select
from sqlmodel.sql.expression import SelectOfScalar

from auth.caller import Caller
from auth.tenancy import Transaction
from schema.kept.node import Audience
from schema.organisation import OrganisationKind as Kind
from schema.people.account import Role
from schema.problem import AlreadyDecided, NotFound, NotPermitted, ValidationFailed, VersionConflict
from schema.readiness.assessment import (
    AssessGate,
    AssessmentNote,
    GateAssessment,
    GateOutcome,
    GateWaiver,
    RevokeWaiver,
    WaiveGate,
)
from schema.readiness.gate import BOARD_APPROVAL, NEVER_WAIVED, Gate, GateBasis, GateScope
from schema.reinstatement.wave import Wave
from schema.system import System, turn_of
from trusts.readiness.acting import acting_as

Subject = System | Wave
EXPLAINED = (GateOutcome.PASSED_WITH_CONDITIONS, GateOutcome.FAILED)


async def assess(
    db: Transaction, caller: Caller, input: AssessGate
) -> GateAssessment | NotFound | NotPermitted | ValidationFailed:
    """Say what an owner of a gate found of a system, or of a wave, on the build its product has now; the latest counts.

    It expires with the gate's age, and is stale with the next safety-relevant build. What it rests on is not shown to
    the supplier. Some roles are people's alone: the trust's executive, SIRO and safety officer, the supplier's safety
    officer, the assurer.
    """
    gate = await db.find(Gate, input.gate)
    noun: type[Subject] = Wave if gate and gate.scope == GateScope.WAVE else System
    subject = await db.find(noun, input.subject)
    if gate is None or subject is None:
        return NotFound(path=["input", "subject" if gate else "gate"])
    if wrong := _amiss(gate, subject, input):
        return wrong
    role = acting_as(caller, gate.owner_roles, input.role)
    if role is None or (Kind.SUPPLIER in role.kinds and _supplier_of(subject) != caller.tenant_ods):
        return _not_an_owner(gate)
    return await _assessed(db, gate, subject, role, input)


def _amiss(gate: Gate, subject: Subject, input: AssessGate) -> ValidationFailed | None:
    if gate.basis != GateBasis.ASSESSED:
        return ValidationFailed.of("gate", "follows from facts, and nobody assesses it: see explainGate for them")
    if subject.incident_id != gate.incident_id:
        return ValidationFailed.of("subject", "is not of the gate's incident")
    if isinstance(subject, Wave) and subject.audience != Audience.PUBLISHED:
        return ValidationFailed.of("subject", "is a draft: it is assessed once it is proposed")
    if input.outcome in EXPLAINED and input.note is None:
        return ValidationFailed.of("note", f"is needed with {input.outcome}")
    return None


def _supplier_of(subject: Subject) -> str:
    return subject.tenant_ods if isinstance(subject, Wave) else subject.supplier_ods


async def _assessed(db: Transaction, gate: Gate, subject: Subject, role: Role, input: AssessGate) -> GateAssessment:
    """Keep an assessment; its build, and until when it counts, are the database's to say (app.assess_gate)."""
    whose: dict[str, Any] = {"wave_id": subject.id, "audience": Audience.PUBLISHED}
    turn = str(subject.id)
    if isinstance(subject, System):
        whose = {"trust_ods": subject.tenant_ods, "system_id": subject.id, "audience": Audience.PRIVATE}
        turn = turn_of(subject.tenant_ods, subject.id)
    await db.lock(turn, beside=[subject.product_id, subject.incident_id])
    found = GateAssessment(
        **db.made,
        **whose,
        gate_ods=gate.tenant_ods,
        gate_id=gate.id,
        supplier_ods=_supplier_of(subject),
        outcome=input.outcome,
        assessor_role=role,
        assessed_at=db.now,
    )
    await db.keep(found)
    if input.note or input.evidence_ref:
        told: dict[str, Any] = {"note": input.note, "evidence_ref": input.evidence_ref}
        await db.keep(AssessmentNote(**db.made, **told, assessment_id=found.id, trust_ods=found.trust_ods))
    await db.refresh(found)
    return found


def _not_an_owner(gate: Gate) -> NotPermitted:
    return NotPermitted(
        message=f"{gate.code} is not yours to assess.",
        needs=" or ".join(gate.owner_roles),
        next_step="Ask somebody who owns the gate.",
        path=["input", "gate"],
    )


async def waive(
    db: Transaction, caller: Caller, input: WaiveGate
) -> GateWaiver | NotFound | NotPermitted | AlreadyDecided | ValidationFailed:
    """Decide that a system may go on though a gate is shut, until an instant. For people of the national team alone.

    Security assurance, DCB0129, DCB0160 and the board's approval are never waived (domain model, B.2).
    """
    _ = caller
    gate, system = await db.find(Gate, input.gate), await db.find(System, input.system)
    if gate is None or system is None:
        return NotFound(path=["input", "system" if gate else "gate"])
    if system.incident_id != gate.incident_id:
        return ValidationFailed.of("system", "was not lost to the gate's incident")
    if input.until <= db.now:
        return ValidationFailed.of("until", "is not in the future")
    await db.lock(turn_of(system.tenant_ods, system.id), beside=[system.incident_id])
    await db.refresh(gate)
    if not gate.waivable:
        return _never_waived(gate)
    if await db.one(_in_force(gate, system).where(col(GateWaiver.until) > db.now)):
        return AlreadyDecided(
            message="It is waived for this system.", next_step="Revoke that waiver first (revokeWaiver)."
        )
    return await db.keep(
        GateWaiver(
            **db.made,
            **input.model_dump(include={"reason", "until"}),
            gate_ods=gate.tenant_ods,
            gate_id=gate.id,
            trust_ods=system.tenant_ods,
            system_id=system.id,
            supplier_ods=system.supplier_ods,
            waived_at=db.now,
        )
    )


def _in_force(gate: Gate, system: System) -> SelectOfScalar[GateWaiver]:
    return select(GateWaiver).where(
        col(GateWaiver.gate_id) == gate.id,
        col(GateWaiver.trust_ods) == system.tenant_ods,
        col(GateWaiver.system_id) == system.id,
        col(GateWaiver.revoked_at).is_(None),
    )


def _never_waived(gate: Gate) -> NotPermitted:
    ever = gate.basis not in NEVER_WAIVED and gate.code != BOARD_APPROVAL
    return NotPermitted(
        message=f"{gate.code} is not waived.",
        needs="nobody: the incident's opener makes it waivable first" if ever else "nobody, ever",
        next_step="Have it made waivable (amendGate)." if ever else "Have it cleared: see explainGate for who can.",
        path=["input", "gate"],
    )


async def revoke(
    db: Transaction, caller: Caller, input: RevokeWaiver
) -> GateWaiver | NotFound | AlreadyDecided | VersionConflict:
    """Decide that a waiver no longer holds; the gate stands as it would without it."""
    waiver = await db.own(GateWaiver, input.waiver, caller)
    if waiver is None:
        return NotFound(path=["input", "waiver"])
    await db.lock(turn_of(waiver.trust_ods, waiver.system_id))
    await db.refresh(waiver)
    if waiver.revoked_at is not None:
        return AlreadyDecided(message="This waiver was revoked before.")
    if input.expected_version not in (None, waiver.version):
        return VersionConflict(current_version=waiver.version)
    waiver.revoked_at = db.now
    waiver.revoker = caller.subject
    waiver.revoke_reason = input.reason
    return await db.keep(waiver)
