"""Readiness: how far one system is from going back to its users."""

import datetime as dt
import uuid
from typing import Annotated

import strawberry
from sqlalchemy import TEXT, ForeignKeyConstraint, case, func
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field

from schema.kept.computed import computed
from schema.kept.described import described_type
from schema.kept.node import Instant, Row
from schema.kept.relation import one
from schema.system import SystemState

WaveId = Annotated[strawberry.ID, strawberry.argument(description="Of which wave.")]


@described_type
class Readiness(Row, table=True):
    """How ready one system is for its wave: the gates that are shut, the holds over it, the day it is expected."""

    __table_args__ = (
        ForeignKeyConstraint(["tenant_ods"], ["organisation.ods_code"]),
        ForeignKeyConstraint(["tenant_ods", "system_id"], ["system.tenant_ods", "system.id"]),
        ForeignKeyConstraint(["wave_ods", "wave_id"], ["wave.tenant_ods", "wave.id"]),
        ForeignKeyConstraint(["tenant_ods", "slot_id"], ["reinstatement_slot.tenant_ods", "reinstatement_slot.id"]),
        {"info": {"view": 50}},
    )

    tenant_ods: strawberry.Private[str] = Field(max_length=10, primary_key=True)
    system_id: strawberry.Private[uuid.UUID] = Field(primary_key=True)
    product_id: strawberry.Private[uuid.UUID]
    incident_ods: strawberry.Private[str] = Field(max_length=10)
    incident_id: strawberry.Private[uuid.UUID]
    supplier_ods: strawberry.Private[str] = Field(max_length=10)
    region_ods: strawberry.Private[str | None] = Field(default=None, max_length=10)
    state: SystemState
    wave_ods: strawberry.Private[str | None] = Field(default=None, max_length=10)
    wave_id: strawberry.Private[uuid.UUID | None] = None
    position: int | None = Field(default=None, description="Its place in the wave's order, from 1; null: in no wave.")
    slot_id: strawberry.Private[uuid.UUID | None] = None
    expected_on: dt.date | None = Field(
        default=None,
        description="The day of its slot, else the first day of its wave, in London; null: none, held, or back.",
    )
    shut_gates: list[str] = Field(sa_type=ARRAY(TEXT), description="Codes of its mandatory gates that are shut.")
    open_holds: int = Field(description="Holds in force over it: on itself, its build, product, incident or waves.")
    ready: bool = Field(description="Ready or approved, every mandatory gate open, and nothing holds it.")
    as_of: Instant = Field(description="When this was so, UTC.")

    organisation = one("schema.organisation.Organisation", "tenant_ods", description="The trust.")
    system = one("schema.system.System", "system_id", description="The system.")
    wave = one("schema.reinstatement.wave.Wave", "wave_id", optional=True, description="Its wave; null: in none.")
    slot = one(
        "schema.reinstatement.slot.ReinstatementSlot",
        "slot_id",
        optional=True,
        description="Its slot, asked for or confirmed; null: none.",
    )

    @computed(
        description="The one gate that is shut, where it is the only one; null: none, or several.",
        sql=lambda row: case((func.cardinality(row.shut_gates) == 1, func.array_to_string(row.shut_gates, ""))),
    )
    def last_gate(self) -> str | None:
        """Return the single gate that still blocks."""
        return self.shut_gates[0] if len(self.shut_gates) == 1 else None
