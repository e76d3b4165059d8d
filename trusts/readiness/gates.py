"""Gates: the catalogue of an incident, amended by who opened it, and where every gate of a system stands."""

from typing import Any

from sqlalchemy import func
from sqlmodel import col, select

from auth.caller import Caller
from auth.tenancy import Transaction
from schema.incident import Incident
from schema.kept.question import All
from schema.organisation import OrganisationKind as Kind
from schema.people.account import Role
from schema.problem import AlreadyRegistered, NotFound, ValidationFailed, VersionConflict
from schema.readiness.gate import (
    BOARD_APPROVAL,
    NEVER_WAIVED,
    OWNERS,
    AmendGate,
    DefineGate,
    Gate,
    GateBasis,
    GateScope,
    IncidentReference,
    catalogue,
)
from schema.readiness.standing import ExplainedSystem, GateStanding
from schema.system import System

AMENDED = ("title", "mandatory", "max_age_days", "waivable", "quorum", "position")


async def define(
    db: Transaction, caller: Caller, input: DefineGate
) -> Gate | NotFound | AlreadyRegistered | ValidationFailed:
    """Define a gate of an incident that the caller's organisation opened, besides those of its catalogue.

    A code of the catalogue defines that gate again where the incident has none. From then on it stands between every
    system of the incident and its approval, if it is mandatory.
    """
    incident = await db.own(Incident, input.incident, caller)
    if incident is None:
        return NotFound(path=["input", "incident"])
    stated = input.model_dump(exclude={"incident", "idempotency_key"})
    listed = next((gate for gate in catalogue() if gate["code"] == input.code), {})
    gate = Gate(**db.made, **{**stated, **listed, "title": input.title, "position": input.position}, **_of(incident))
    if refused := amiss(gate):
        return refused
    await db.lock(incident.id)
    same = select(Gate).where(
        col(Gate.tenant_ods) == caller.tenant_ods,
        col(Gate.incident_id) == incident.id,
        col(Gate.code) == input.code,
    )
    if existing := await db.one(same):
        return AlreadyRegistered(message="The incident has a gate by this code.", existing=existing.global_id())
    return await db.keep(gate)


async def amend(
    db: Transaction, caller: Caller, input: AmendGate
) -> Gate | NotFound | VersionConflict | ValidationFailed:
    """Amend a gate of an incident that the caller's organisation opened; who owns it stays.

    Security assurance, DCB0129, DCB0160 and the board's approval are never optional and never waived (domain model,
    B.2).
    """
    gate = await db.own(Gate, input.gate, caller)
    if gate is None:
        return NotFound(path=["input", "gate"])
    await db.lock(gate.incident_id)
    await db.refresh(gate)
    if input.expected_version not in (None, gate.version):
        return VersionConflict(current_version=gate.version)
    stated: dict[str, Any] = {name: getattr(input, name) for name in AMENDED}
    for name, value in stated.items():
        if value is not None:
            setattr(gate, name, value)
    if input.ageless:
        gate.max_age_days = None
    return amiss(gate) or await db.keep(gate)


def amiss(gate: Gate) -> ValidationFailed | None:
    """Return why a gate could not be lawfully passed, or would be left out; the database refuses the same (0021)."""
    never = gate.basis in NEVER_WAIVED or gate.code == BOARD_APPROVAL
    checks = {
        "waivable": (never and gate.waivable, f"{gate.code} is never waived"),
        "mandatory": (never and not gate.mandatory, f"{gate.code} is never optional"),
        "quorum": (gate.quorum > 1 and gate.quorum > _kinds(gate), "needs as many kinds of organisation as owners"),
        "ownerRoles": (not _may_own(gate), _WHO[gate.scope]),
    }
    return next((ValidationFailed.of(field, why) for field, (wrong, why) in checks.items() if wrong), None)


_WHO = {
    GateScope.SYSTEM: "names who assesses a system: roles of a trust, a region, the national team or a supplier",
    GateScope.WAVE: "names who assesses a wave: no role of a trust, for a wave is no one trust's",
}


def _may_own(gate: Gate) -> bool:
    roles = [Role(role) for role in gate.owner_roles]
    if not set(roles) <= set(OWNERS):
        return False
    if gate.basis != GateBasis.ASSESSED:
        return True
    if gate.scope == GateScope.WAVE:
        return not any(Kind.TRUST in role.kinds for role in roles)
    return any(role != Role.ASSURER for role in roles)


def _kinds(gate: Gate) -> int:
    """Return how many kinds of organisation count towards a quorum: the supplier never, the assurer of a wave alone."""
    if gate.basis != GateBasis.ASSESSED:
        return 1
    seen = {kind for role in gate.owner_roles for kind in Role(role).kinds}
    return len(seen - {Kind.SUPPLIER} - ({Kind.ASSURER} if gate.scope == GateScope.SYSTEM else set()))


def _of(incident: Incident) -> dict[str, Any]:
    return {
        "incident_id": incident.id,
        "supplier_ods": incident.supplier_ods,
        "audience": incident.audience,
    }


def listed(incident: IncidentReference) -> All[Gate]:
    """Return the gates of an incident that the caller may see, in the catalogue's order."""
    named = select(col(Incident.id)).where(col(Incident.reference) == incident)
    found = select(Gate).where(col(Gate.incident_id).in_(named))
    return All(found.order_by(col(Gate.incident_id), col(Gate.position), col(Gate.code)))


def explained(system: ExplainedSystem) -> All[GateStanding]:
    """Return where every gate of a system stands, in the catalogue's order, with what its standing is made of.

    Satisfied, missing, stale, expired or waived: since when, and who clears it.
    """
    key = func.app.key_of(System.__name__, system)
    found = select(GateStanding).where(col(GateStanding.system_id) == key)
    return All(found.order_by(col(GateStanding.position), col(GateStanding.code)))
