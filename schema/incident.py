"""Incident and IncidentDeclaration: the event being recovered from, and each organisation's own declaration."""

import enum
import uuid
from typing import Annotated, ClassVar

import strawberry
from pydantic import BaseModel, StringConstraints
from sqlalchemy import ForeignKeyConstraint, UniqueConstraint
from sqlmodel import Field

from schema.change import Change, Revision
from schema.kept.described import described_enum, described_input, described_type
from schema.kept.node import Audience, Instant, Kept
from schema.kept.relation import many, one
from schema.kept.text import OdsCode


@described_enum
class IncidentPhase(enum.StrEnum):
    """How far the incident as a whole has come."""

    DETECTED = "DETECTED"
    CONTAINED = "CONTAINED"
    RECOVERING = "RECOVERING"
    CLOSED = "CLOSED"


@described_enum
class IncidentType(enum.StrEnum):
    """Incident types of the NHS EPRR framework."""

    BUSINESS_CONTINUITY = "BUSINESS_CONTINUITY"
    CRITICAL = "CRITICAL"
    MAJOR = "MAJOR"


@described_enum
class ResponseLevel(enum.StrEnum):
    """Who coordinates: L1 one organisation, L2 one system, L3 a region, L4 national (NHS EPRR)."""

    L1 = "L1"
    L2 = "L2"
    L3 = "L3"
    L4 = "L4"


class _Declared(BaseModel):
    type: IncidentType
    level: ResponseLevel
    reason: Annotated[str, Field(min_length=2, max_length=2000)] = Field(description="Why it is declared.")
    effective_from: Instant | None = Field(default=None, description="When it takes effect, UTC, if not when declared.")


@described_input
class Declaration(_Declared, Change):
    """The declaring organisation's own type and level."""


@described_input
class DeclareIncident(_Declared, Change):
    """An organisation declares its own incident within an open one."""

    incident: strawberry.ID


@described_input
class StandDownIncident(Revision):
    """The end of an organisation's incident arrangements; not the end of recovery."""

    declaration: strawberry.ID
    effective_from: Instant | None = Field(
        default=None, description="When it takes effect, UTC, if not now; may be later today."
    )


class _Incident(BaseModel):
    reference: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9][A-Z0-9-]{2,39}$"), Field(max_length=40)] = Field(
        description="Short name in capitals, e.g. CARENOTES-2022; unique for the opener."
    )
    title: Annotated[str, Field(min_length=2, max_length=200)] = Field(description="What happened, in a line.")
    cause: str | None = Field(default=None, max_length=2000, description="As far as it is known.")
    detected_at: Instant = Field(description="When it was noticed, UTC; not in the future.")
    contained_at: Instant | None = Field(default=None, description="When the spread was stopped, UTC.")


@described_input
class OpenIncident(_Incident, Change):
    """Opens an incident: nationally for all, by a region for its trusts, by a trust for itself."""

    supplier_ods: OdsCode | None = Field(default=None, description="The supplier it started at, if any.")
    declaration: Declaration | None = Field(default=None, description="The opener's own declaration, if made.")


@described_type
class Incident(_Incident, Kept, table=True):
    """One event being recovered from. Its audience follows from who opened it."""

    KEY: ClassVar[str] = "id"

    __table_args__ = (
        UniqueConstraint("tenant_ods", "reference"),
        ForeignKeyConstraint(["tenant_ods"], ["organisation.ods_code"]),
        ForeignKeyConstraint(["supplier_ods"], ["organisation.ods_code"]),
    )

    phase: IncidentPhase = IncidentPhase.DETECTED
    supplier_ods: strawberry.Private[str | None] = Field(default=None, max_length=10)
    region_ods: strawberry.Private[str | None] = Field(default=None, max_length=10)
    audience: strawberry.Private[Audience] = Audience.PRIVATE

    opened_by = one("schema.organisation.Organisation", "tenant_ods", description="Who opened it.")
    supplier = one("schema.organisation.Organisation", "supplier_ods", optional=True, description="Where it started.")
    declarations = many("schema.incident.IncidentDeclaration", "incident_id", description="That the caller may see.")
    systems = many("schema.system.System", "incident_id", description="Lost to it, that the caller may see.")
    waves = many("schema.reinstatement.wave.Wave", "incident_id", description="That the caller may see.")
    gates = many("schema.readiness.gate.Gate", "incident_id", description="What stands between its systems and users.")
    holds = many("schema.hold.Hold", "incident_id", newest_first=True, description="On the incident, newest first.")


@described_type
class IncidentDeclaration(_Declared, Kept, table=True):
    """One organisation's own declaration, with its own stand-down."""

    __table_args__ = (
        ForeignKeyConstraint(["tenant_ods"], ["organisation.ods_code"]),
        ForeignKeyConstraint(["incident_ods", "incident_id"], ["incident.tenant_ods", "incident.id"]),
    )

    incident_ods: strawberry.Private[str] = Field(max_length=10)
    incident_id: strawberry.Private[uuid.UUID]
    region_ods: strawberry.Private[str | None] = Field(default=None, max_length=10)
    declared_at: Instant = Field(description="When it was declared, UTC.")
    stood_down_at: Instant | None = Field(default=None, description="When the stand-down was decided, UTC.")
    stand_down_effective_from: Instant | None = Field(
        default=None, description="When the stand-down takes effect, UTC."
    )

    organisation = one("schema.organisation.Organisation", "tenant_ods", description="Who declared.")
