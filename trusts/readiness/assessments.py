"""Assessments: a gate's owner says what it found; the national team waives a gate where that is lawful."""

from sqlmodel import col, select
from sqlmodel.sql.expression import SelectOfScalar

from auth.caller import Caller
from auth.tenancy import Transaction
from schema.kept.node import Audience
from schema.people.account import Role
from schema.problem import AlreadyDecided, NotFound, NotPermitted, ValidationFailed, VersionConflict
from schema.product import Product
from schema.readiness.assessment import (
    AssessGate,
    AssessmentNote,
    GateAssessment,
    GateOutcome,
    GateWaiver,
    RevokeWaiver,
    WaiveGate,
)
from schema.readiness.gate import BOARD_APPROVAL, NEVER_WAIVED, Gate, GateBasis
from schema.system import System, turn_of
from trusts.readiness.acting import acting_as

EXPLAINED = (GateOutcome.PASSED_WITH_CONDITIONS, GateOutcome.FAILED)


async def assess(
    db: Transaction, caller: Caller, input: AssessGate
) -> GateAssessment | NotFound | NotPermitted | ValidationFailed:
    """Say what an owner of a gate found of a system, on the build its product has now; the latest counts.

    It expires with the gate's age, and is stale with the next safety-relevant build. What it rests on is not shown to
    the supplier. Some roles are people's alone: the trust's executive, SIRO and safety officer, the supplier's safety
    officer, the assurer.
    """
    gate, system = await db.find(Gate, input.gate), await db.find(System, input.subject)
    if gate is None or system is None:
        return NotFound(path=["input", "subject" if gate else "gate"])
    if wrong := _amiss(gate, system, input):
        return wrong
    role = acting_as(caller, gate.owner_roles, input.role)
    if role is None:
        return _not_an_owner(gate)
    return await _assessed(db, gate, system, role, input)


def _amiss(gate: Gate, system: System, input: AssessGate) -> ValidationFailed | None:
    if gate.basis != GateBasis.ASSESSED:
        return ValidationFailed.of("gate", "follows from facts, and nobody assesses it: see explainGate for them")
    if system.incident_id != gate.incident_id:
        return ValidationFailed.of("subject", "was not lost to the gate's incident")
    if input.outcome in EXPLAINED and input.note is None:
        return ValidationFailed.of("note", f"is needed with {input.outcome}")
    return None


async def _assessed(db: Transaction, gate: Gate, system: System, role: Role, input: AssessGate) -> GateAssessment:
    await db.lock(turn_of(system.tenant_ods, system.id), beside=[system.product_id, system.incident_id])
    product = await db.one(
        select(Product).where(col(Product.tenant_ods) == system.supplier_ods, col(Product.id) == system.product_id)
    )
    found = GateAssessment(
        **db.made,
        gate_ods=gate.tenant_ods,
        gate_id=gate.id,
        trust_ods=system.tenant_ods,
        system_id=system.id,
        supplier_ods=system.supplier_ods,
        build_id=product.current_build_id if product else None,
        audience=Audience.PRIVATE,
        outcome=input.outcome,
        assessor_role=role,
        assessed_at=db.now,
    )
    await db.keep(found)
    if input.note or input.evidence_ref:
        told = {"note": input.note, "evidence_ref": input.evidence_ref}
        await db.keep(AssessmentNote(**db.made, **told, assessment_id=found.id, trust_ods=found.trust_ods))
    await db.refresh(found)  # until when it counts is the database's to say
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
            reason=input.reason,
            until=input.until,
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
