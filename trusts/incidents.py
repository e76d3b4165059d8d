"""Incidents: opened once, declared and stood down by each organisation for itself."""

from sqlmodel import col, select

from auth.caller import Caller
from auth.tenancy import Transaction
from schema.incident import (
    Declaration,
    DeclareIncident,
    Incident,
    IncidentDeclaration,
    IncidentPhase,
    OpenIncident,
    StandDownIncident,
)
from schema.kept.node import Audience
from schema.kept.question import One
from schema.organisation import Organisation, OrganisationKind
from schema.problem import AlreadyDecided, AlreadyRegistered, NotFound, ValidationFailed, VersionConflict
from schema.readiness.gate import Gate, catalogue

_AUDIENCE = {OrganisationKind.NATIONAL: Audience.PUBLISHED, OrganisationKind.REGION: Audience.REGION}


async def open_(
    db: Transaction, caller: Caller, input: OpenIncident
) -> Incident | AlreadyRegistered | ValidationFailed:
    """Open an incident: the national team for every caller, a region for its trusts, a trust for itself.

    It begins with the catalogue of gates (gates), which its opener amends. The opener's own declaration may be made
    with it, so that a one-trust incident is one request.
    """
    if input.detected_at > db.now:
        return ValidationFailed.of("detectedAt", "is in the future")
    if input.contained_at and not input.detected_at <= input.contained_at <= db.now:
        return ValidationFailed.of("containedAt", "is before detectedAt or in the future")
    if not await _is_supplier(db, input.supplier_ods):
        return ValidationFailed.of("supplierOds", "is not a listed supplier")
    await db.lock(f"incident:{caller.tenant_ods}:{input.reference}")
    mine = select(Incident).where(
        col(Incident.tenant_ods) == caller.tenant_ods, col(Incident.reference) == input.reference
    )
    if existing := await db.one(mine):
        return AlreadyRegistered(message="You opened an incident by this reference.", existing=existing.global_id())
    incident = await db.keep(
        Incident(
            **db.made,
            **input.model_dump(exclude={"declaration", "idempotency_key"}),
            phase=IncidentPhase.CONTAINED if input.contained_at else IncidentPhase.DETECTED,
            audience=_AUDIENCE.get(caller.kind, Audience.PRIVATE),
        )
    )
    await _begin_catalogue(db, incident)
    if input.declaration:
        await _declare(db, incident, input.declaration)
    return incident


async def declare(
    db: Transaction, caller: Caller, input: DeclareIncident
) -> IncidentDeclaration | NotFound | AlreadyDecided:
    """Declare an organisation's own incident within an open one, with type and response level (NHS EPRR)."""
    incident = await db.find(Incident, input.incident)
    if incident is None:
        return NotFound(path=["input", "incident"])
    await db.lock(f"declaration:{caller.tenant_ods}:{incident.id}")
    standing = select(IncidentDeclaration).where(
        col(IncidentDeclaration.tenant_ods) == caller.tenant_ods,
        col(IncidentDeclaration.incident_id) == incident.id,
        col(IncidentDeclaration.stood_down_at).is_(None),
    )
    if await db.one(standing):
        return AlreadyDecided(message="Your organisation has declared this incident and not stood down.")
    return await _declare(db, incident, input)


async def stand_down(
    db: Transaction, caller: Caller, input: StandDownIncident
) -> IncidentDeclaration | NotFound | AlreadyDecided | ValidationFailed | VersionConflict:
    """End an organisation's incident arrangements, from now or from a time later on. Not the end of recovery."""
    declaration = await db.own(IncidentDeclaration, input.declaration, caller)
    if declaration is None:
        return NotFound(path=["input", "declaration"])
    await db.take(declaration)
    if declaration.stood_down_at is not None:
        return AlreadyDecided(message="This declaration was stood down before.")
    if input.expected_version not in (None, declaration.version):
        return VersionConflict(current_version=declaration.version)
    if input.effective_from and input.effective_from < declaration.declared_at:
        return ValidationFailed.of("effectiveFrom", "is before the declaration")
    declaration.stood_down_at = db.now
    declaration.stand_down_effective_from = input.effective_from or db.now
    return await db.keep(declaration)


async def _begin_catalogue(db: Transaction, incident: Incident) -> None:
    for gate in catalogue():
        await db.keep(Gate(**db.made, **gate, incident_id=incident.id, audience=incident.audience))


async def _declare(db: Transaction, incident: Incident, declared: Declaration | DeclareIncident) -> IncidentDeclaration:
    stated = declared.model_dump(exclude={"incident", "idempotency_key"})
    stated["effective_from"] = declared.effective_from or db.now
    return await db.keep(
        IncidentDeclaration(
            **db.made,
            **stated,
            incident_ods=incident.tenant_ods,
            incident_id=incident.id,
            declared_at=db.now,
        )
    )


async def _is_supplier(db: Transaction, ods_code: str | None) -> bool:
    if ods_code is None:
        return True
    listed = await db.one(select(Organisation).where(col(Organisation.ods_code) == ods_code))
    return listed is not None and listed.kind == OrganisationKind.SUPPLIER


def by_reference(reference: str) -> One[Incident]:
    """Return the incident by its reference; where several openers used it, the one opened first."""
    return One(select(Incident).where(col(Incident.reference) == reference).order_by(col(Incident.created_at)))
