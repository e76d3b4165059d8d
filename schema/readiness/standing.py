"""GateStanding and GateCondition: where every gate of a system stands, and what its standing is made of."""

import enum
import uuid
from typing import Annotated, ClassVar

import strawberry
from sqlalchemy import TEXT, ForeignKeyConstraint, case, literal_column
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field

from schema.kept.computed import computed
from schema.kept.described import described_enum, described_type
from schema.kept.node import Instant, Row, global_id, sql_global_id
from schema.kept.relation import many, one
from schema.people.account import Role
from schema.readiness.gate import GateBasis


@described_enum
class Standing(enum.StrEnum):
    """Where a gate stands at the moment of the answer, from best to worst; after WAIVED it is shut.

    STALE: a safety-relevant build, or a roll-back, came after it. EXPIRED: its time is over. Not reported is its own
    value: never zero, never green.
    """

    PASSED = "PASSED"
    PASSED_WITH_CONDITIONS = "PASSED_WITH_CONDITIONS"
    WAIVED = "WAIVED"
    IN_REVIEW = "IN_REVIEW"
    NOT_ASSESSED = "NOT_ASSESSED"
    NOT_REPORTED = "NOT_REPORTED"
    STALE = "STALE"
    EXPIRED = "EXPIRED"
    FAILED = "FAILED"


OPEN = (Standing.PASSED, Standing.PASSED_WITH_CONDITIONS, Standing.WAIVED)
GATE = literal_column("'Gate'", TEXT)
WAITS = "Whose act it waits for, where it is one organisation's; null: see waitsForRoles."
ExplainedSystem = Annotated[strawberry.ID, strawberry.argument(description="Of which system.")]
ROLES = "Who clears it; any of them."


@described_type
class GateStanding(Row, table=True):
    """Where one gate of one system stands: what every rule asks that decides about the system or moves it."""

    ORDER: ClassVar[tuple[str, ...]] = ("position", "code")

    __table_args__ = (
        ForeignKeyConstraint(["tenant_ods"], ["organisation.ods_code"]),
        ForeignKeyConstraint(["tenant_ods", "system_id"], ["system.tenant_ods", "system.id"]),
        ForeignKeyConstraint(["gate_ods", "gate_id"], ["gate.tenant_ods", "gate.id"]),
        ForeignKeyConstraint(["waits_for_ods"], ["organisation.ods_code"]),
        {"info": {"view": 50}},
    )

    tenant_ods: strawberry.Private[str] = Field(max_length=10, primary_key=True)
    system_id: strawberry.Private[uuid.UUID] = Field(primary_key=True)
    gate_ods: strawberry.Private[str] = Field(max_length=10)
    gate_id: strawberry.Private[uuid.UUID] = Field(primary_key=True)
    incident_ods: strawberry.Private[str] = Field(max_length=10)
    incident_id: strawberry.Private[uuid.UUID]
    product_id: strawberry.Private[uuid.UUID]
    supplier_ods: strawberry.Private[str] = Field(max_length=10)
    region_ods: strawberry.Private[str | None] = Field(default=None, max_length=10)
    position: int = Field(description="Place in the catalogue, from 1.")
    code: str = Field(max_length=40, description="The gate's short name.")
    title: str = Field(max_length=200, description="The condition, in a line.")
    basis: GateBasis
    mandatory: bool = Field(description="True: no system is approved while it is shut.")
    waivable: bool = Field(description="Whether the national team may waive it.")
    standing: Standing
    shut: bool = Field(description="True: it is mandatory, and neither passed nor waived.")
    since: Instant | None = Field(description="Since when it stands so, UTC; null: not known.")
    expires_at: Instant | None = Field(description="When a pass or a waiver ends, UTC; null: not by time.")
    waits_for_ods: strawberry.Private[str | None] = Field(default=None, max_length=10)
    waits_for_roles: list[Role] = Field(sa_type=ARRAY(TEXT), description=ROLES)
    detail: str = Field(description="What decides it, in a sentence.")
    as_of: Instant = Field(description="When this was so, UTC.")

    gate = one("schema.readiness.gate.Gate", "gate_id", optional=True, description="The gate.")
    system = one("schema.system.System", "system_id", description="The system.")
    waits_for = one("schema.organisation.Organisation", "waits_for_ods", optional=True, description=WAITS)
    conditions = many(
        "schema.readiness.standing.GateCondition", "gate_id", description="What its standing is made of, in order."
    )

    @computed(description="The id of the gate.", sql=lambda row: sql_global_id(GATE, row.gate_id))
    def object_id(self) -> strawberry.ID:
        """Return the id of the gate."""
        return global_id("Gate", self.gate_id)


@described_type
class GateCondition(Row, table=True):
    """One part of a gate's standing: a test stage, a defect, a sign-off, an assessment and so on."""

    ORDER: ClassVar[tuple[str, ...]] = ("part", "code")

    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_ods", "system_id", "gate_id"],
            ["gate_standing.tenant_ods", "gate_standing.system_id", "gate_standing.gate_id"],
        ),
        ForeignKeyConstraint(["waits_for_ods"], ["organisation.ods_code"]),
        {"info": {"view": 50}},
    )

    tenant_ods: strawberry.Private[str] = Field(max_length=10, primary_key=True)
    system_id: strawberry.Private[uuid.UUID] = Field(primary_key=True)
    gate_id: strawberry.Private[uuid.UUID] = Field(primary_key=True)
    part: int = Field(primary_key=True, description="Its place among the gate's conditions.")
    code: str = Field(primary_key=True, description="What it is, in capitals, e.g. TEST_SMOKE; of a defect its id.")
    what: str = Field(description="How it stands, in a sentence.")
    standing: Standing
    counts: bool = Field(description="False: told beside, e.g. one assessment of those that a quorum counts.")
    since: Instant | None = Field(description="Since when it stands so, UTC; null: not known.")
    expires_at: Instant | None = Field(description="When it ceases to hold, UTC; null: not by time.")
    waits_for_ods: strawberry.Private[str | None] = Field(default=None, max_length=10)
    waits_for_roles: list[Role] = Field(sa_type=ARRAY(TEXT), description=ROLES)
    about_noun: strawberry.Private[str | None] = None
    about_key: strawberry.Private[uuid.UUID | None] = None

    waits_for = one("schema.organisation.Organisation", "waits_for_ods", optional=True, description=WAITS)

    @computed(
        description="The id of what it is about; where there is nothing yet, of its gate.",
        sql=lambda row: case(
            (row.about_key.is_not(None), sql_global_id(row.about_noun, row.about_key)),
            else_=sql_global_id(GATE, row.gate_id),
        ),
    )
    def object_id(self) -> strawberry.ID:
        """Return the id of what it is about."""
        if self.about_key is None:
            return global_id("Gate", self.gate_id)
        return global_id(str(self.about_noun), self.about_key)
