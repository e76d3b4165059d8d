"""Blocker: one thing that a system on its way back waits for, and whose act that is."""

import enum
import uuid
from typing import Annotated

import strawberry
from sqlalchemy import TEXT, ForeignKeyConstraint
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field

from schema.kept.computed import computed
from schema.kept.described import described_enum, described_type
from schema.kept.node import Instant, Row, global_id, sql_global_id
from schema.kept.relation import one
from schema.people.account import Role

WaitedFor = Annotated[
    str | None, strawberry.argument(description="Only what waits for this organisation, by its ODS code; null: all.")
]


@described_enum
class BlockerKind(enum.StrEnum):
    """What a system waits for.

    ACKNOWLEDGEMENT of its handover by the trust; the DECISION to go; a GATE; its HANDOVER by the supplier; the release
    of a HOLD; to be in test again after a roll-back (RETEST); the opening of its WAVE.
    """

    ACKNOWLEDGEMENT = "ACKNOWLEDGEMENT"
    DECISION = "DECISION"
    GATE = "GATE"
    HANDOVER = "HANDOVER"
    HOLD = "HOLD"
    RETEST = "RETEST"
    WAVE = "WAVE"


@described_type
class Blocker(Row, table=True):
    """Who waits for whom: one thing in the way of one system, since when, and who can clear it."""

    __table_args__ = (
        ForeignKeyConstraint(["tenant_ods"], ["organisation.ods_code"]),
        ForeignKeyConstraint(["waits_for_ods"], ["organisation.ods_code"]),
        ForeignKeyConstraint(["tenant_ods", "system_id"], ["system.tenant_ods", "system.id"]),
        {"info": {"view": 100}},
    )

    tenant_ods: strawberry.Private[str] = Field(max_length=10, primary_key=True)
    system_id: strawberry.Private[uuid.UUID] = Field(primary_key=True)
    product_id: strawberry.Private[uuid.UUID]
    incident_ods: strawberry.Private[str] = Field(max_length=10)
    incident_id: strawberry.Private[uuid.UUID]
    supplier_ods: strawberry.Private[str] = Field(max_length=10)
    region_ods: strawberry.Private[str | None] = Field(default=None, max_length=10)
    kind: BlockerKind = Field(primary_key=True)
    code: str = Field(primary_key=True, description="The gate's code, the hold's reason code, or the system's state.")
    what: str = Field(description="What is in the way, in a sentence.")
    since: Instant | None = Field(description="Since when it is in the way, UTC; null: not known.")
    hours: int | None = Field(description="Whole hours since then; null: not known.")
    waits_for_ods: strawberry.Private[str | None] = Field(default=None, max_length=10)
    waits_for_roles: list[Role] = Field(sa_type=ARRAY(TEXT), description="Whose people can clear it: any of these.")
    about_noun: strawberry.Private[str]
    about_key: strawberry.Private[uuid.UUID] = Field(primary_key=True)
    as_of: Instant = Field(description="When this was so, UTC.")

    organisation = one("schema.organisation.Organisation", "tenant_ods", description="The trust that waits.")
    waits_for = one(
        "schema.organisation.Organisation",
        "waits_for_ods",
        optional=True,
        description="Whom it waits for; null: see waitsForRoles.",
    )
    system = one("schema.system.System", "system_id", description="The system that waits.")

    @computed(
        description="The id of the gate, hold, wave or system it is about.",
        sql=lambda row: sql_global_id(row.about_noun, row.about_key),
    )
    def about(self) -> strawberry.ID:
        """Return the id of what it is about."""
        return global_id(self.about_noun, self.about_key)
