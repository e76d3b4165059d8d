"""Gate: a named condition of an incident that stands between a system and its users, and who clears it."""

import enum
import uuid
from typing import Annotated, Any, ClassVar

import strawberry
from pydantic import BaseModel, StringConstraints
from sqlalchemy import ForeignKeyConstraint, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlmodel import Field

from schema.change import Change, Revision
from schema.kept.described import described_enum, described_input, described_type
from schema.kept.node import Audience, Kept
from schema.kept.relation import many, one
from schema.people.account import Role

# Whoever assesses gates: the roles of `gate:assess` (auth/scope.py).
OWNERS = (
    Role.ASSURER,
    Role.NATIONAL_IMT,
    Role.REGION,
    Role.SUPPLIER_CSO,
    Role.SUPPLIER_LEAD,
    Role.TRUST_CSO,
    Role.TRUST_EXEC,
    Role.TRUST_IT,
    Role.TRUST_SIRO,
)
BOARD_APPROVAL = "BOARD_APPROVAL"
IncidentReference = Annotated[str, strawberry.argument(description="The incident's reference.")]


@described_enum
class GateScope(enum.StrEnum):
    """What a gate is assessed for: each system, or each wave and with it every system of the wave."""

    SYSTEM = "SYSTEM"
    WAVE = "WAVE"


@described_enum
class GateBasis(enum.StrEnum):
    """What a gate's standing follows from: the assessments of its owners, or the facts of that name."""

    ASSESSED = "ASSESSED"
    SECURITY_ASSURANCE = "SECURITY_ASSURANCE"
    DCB0129 = "DCB0129"
    DCB0160 = "DCB0160"
    TRUST_TESTING = "TRUST_TESTING"
    DEFECTS = "DEFECTS"
    BACK_ENTRY = "BACK_ENTRY"
    SLOT = "SLOT"


# Never waived, never optional (domain model, B.2), with the board's approval besides: security, clinical safety, and
# the slot, without which nothing is approved.
NEVER_WAIVED = (GateBasis.SECURITY_ASSURANCE, GateBasis.DCB0129, GateBasis.DCB0160, GateBasis.SLOT)

Days = Annotated[int | None, Field(ge=1, le=366)]
Quorum = Annotated[int, Field(ge=1, le=5)]
Position = Annotated[int, Field(ge=1, le=999)]
Title = Annotated[str, Field(min_length=2, max_length=200)]

AGE = "Days after which a pass expires; null: never by its age."
WAIVABLE = "Whether the national team may waive it for a system, with a reason and an end."
QUORUM = (
    "How many different organisations, in different roles, have to pass it. From 2 on, the supplier that proposes the "
    "wave never counts."
)
MANDATORY = "True: no system is approved while it is shut."
POSITION = "Place in the catalogue, from 1."


class _Gate(BaseModel):
    title: Title = Field(description="The condition, in a line.")
    owner_roles: list[Role] = Field(min_length=1, max_length=9, description="Who assesses it; any of them.")
    mandatory: bool = Field(default=True, description=MANDATORY)
    max_age_days: Days = Field(default=None, description=AGE)
    waivable: bool = Field(default=False, description=WAIVABLE)
    quorum: Quorum = Field(default=1, description=QUORUM)
    position: Position = Field(description=POSITION)


@described_input
class DefineGate(_Gate, Change):
    """A gate of an incident that the caller's organisation opened, beside those of its catalogue."""

    incident: strawberry.ID
    code: Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]{1,39}$")] = Field(
        description="Short name in capitals, unique for the incident. One of the catalogue's defines that gate again."
    )
    scope: GateScope = GateScope.SYSTEM


@described_input
class AmendGate(Revision):
    """Another title, age, quorum or place of a gate; what is left out stays. Who owns it never changes."""

    gate: strawberry.ID
    title: Title | None = Field(default=None, description="The condition, in a line.")
    mandatory: bool | None = Field(default=None, description=MANDATORY)
    max_age_days: Days = Field(default=None, description=AGE)
    ageless: bool = Field(default=False, description="True: a pass never expires by its age.")
    waivable: bool | None = Field(default=None, description=WAIVABLE)
    quorum: Annotated[int | None, Field(ge=1, le=5)] = Field(default=None, description=QUORUM)
    position: Annotated[int | None, Field(ge=1, le=999)] = Field(default=None, description=POSITION)


@described_type
class Gate(Kept, table=True):
    """A condition of an incident. Its catalogue is written when the incident is opened; its opener amends it."""

    ORDER: ClassVar[tuple[str, ...]] = ("id",)

    __table_args__ = (
        UniqueConstraint("tenant_ods", "incident_id", "code"),
        ForeignKeyConstraint(["tenant_ods"], ["organisation.ods_code"]),
        ForeignKeyConstraint(["tenant_ods", "incident_id"], ["incident.tenant_ods", "incident.id"]),
    )

    incident_id: strawberry.Private[uuid.UUID]
    supplier_ods: strawberry.Private[str | None] = Field(default=None, max_length=10)
    region_ods: strawberry.Private[str | None] = Field(default=None, max_length=10)
    audience: strawberry.Private[Audience] = Audience.PRIVATE
    code: str = Field(max_length=40, description="Short name in capitals, unique for the incident.")
    title: str = Field(max_length=200, description="The condition, in a line.")
    scope: GateScope = GateScope.SYSTEM
    basis: GateBasis = GateBasis.ASSESSED
    owner_roles: list[Role] = Field(sa_type=ARRAY(TEXT), description="Who clears it; any of them.")
    mandatory: bool = Field(default=True, description=MANDATORY)
    max_age_days: int | None = Field(default=None, description=AGE)
    waivable: bool = Field(default=False, description=WAIVABLE)
    quorum: int = Field(default=1, description=QUORUM)
    position: int = Field(description=POSITION)

    defined_by = one("schema.organisation.Organisation", "tenant_ods", description="Whose incident it is.")
    incident = one("schema.incident.Incident", "incident_id", description="Whose gate it is.")
    assessments = many(
        "schema.readiness.assessment.GateAssessment",
        "gate_id",
        newest_first=True,
        description="Newest first, that the caller may see.",
    )
    waivers = many(
        "schema.readiness.assessment.GateWaiver",
        "gate_id",
        newest_first=True,
        description="Newest first, that the caller may see.",
    )


def catalogue() -> list[dict[str, Any]]:
    """Return the gates that every incident begins with, in order (domain model, B.2 and B.4; design finding 6)."""
    trust = [Role.TRUST_EXEC, Role.TRUST_SIRO]
    told: list[tuple[GateBasis, str, list[Role], bool]] = [
        (GateBasis.SECURITY_ASSURANCE, "Security assurance of the build is approved", [Role.ASSURER], False),
        (GateBasis.DCB0129, "The supplier's clinical safety case (DCB0129) is signed", [Role.SUPPLIER_CSO], False),
        (GateBasis.DCB0160, "The trust's clinical safety case (DCB0160) is signed", [Role.TRUST_CSO], False),
        (GateBasis.TRUST_TESTING, "Every mandatory test stage has met its exit criteria", [Role.TRUST_IT], True),
        (GateBasis.DEFECTS, "No severity 1 is open; every severity 2 has a workaround", [Role.TRUST_IT], True),
        (GateBasis.ASSESSED, "The trust's board approves reconnection", trust, False),
        (GateBasis.BACK_ENTRY, "What has to be back before live is reconciled", [Role.TRUST_IT], True),
        (GateBasis.SLOT, "A slot of the wave is confirmed", [Role.SUPPLIER_LEAD], False),
    ]
    return [
        {
            "code": BOARD_APPROVAL if basis == GateBasis.ASSESSED else basis.value,
            "title": title,
            "basis": basis,
            "owner_roles": roles,
            "waivable": waivable,
            "position": position,
        }
        for position, (basis, title, roles, waivable) in enumerate(told, 1)
    ]
