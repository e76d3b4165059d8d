"""Defect: what a trust, or the supplier itself, found wrong with a build, and how it stands."""

import datetime as dt
import enum
import uuid
from typing import Annotated

import strawberry
from pydantic import BaseModel, StringConstraints
from sqlalchemy import Boolean, ForeignKeyConstraint, UniqueConstraint, func
from sqlmodel import Field

from schema.kept.computed import computed
from schema.kept.described import described_enum, described_type
from schema.kept.node import Instant, Kept
from schema.kept.relation import one
from schema.system import turn_of

FoundOn = Annotated[strawberry.ID | None, strawberry.argument(description="Those found on this system.")]


@described_enum
class DefectSeverity(enum.StrEnum):
    """How bad it is, which is not how urgent: S1 unsafe or unusable, S2 major, S3 minor, S4 cosmetic (UKHSA)."""

    S1 = "S1"
    S2 = "S2"
    S3 = "S3"
    S4 = "S4"


MINOR = (DefectSeverity.S3, DefectSeverity.S4)


@described_enum
class DefectState(enum.StrEnum):
    """How far a defect has come. Its raiser and the product's supplier each make their own moves."""

    NEW = "NEW"
    TRIAGED = "TRIAGED"
    ACCEPTED = "ACCEPTED"
    FIX_READY = "FIX_READY"
    RETEST = "RETEST"
    CLOSED = "CLOSED"
    DUPLICATE = "DUPLICATE"
    REJECTED = "REJECTED"
    DEFERRED = "DEFERRED"


SETTLED = (DefectState.CLOSED, DefectState.DUPLICATE, DefectState.REJECTED, DefectState.DEFERRED)


class Graded(BaseModel):
    """How a raiser grades a defect."""

    severity: DefectSeverity
    clinical_safety: bool = Field(description="True: it may harm somebody who is cared for (DCB0160).")


class Found(Graded):
    """What a raiser states of a defect."""

    reference: Annotated[
        str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,39}$"), Field(max_length=40)
    ] = Field(description="The raiser's own number for it, e.g. CN-114; unique for its raiser.")
    title: Annotated[str, Field(min_length=2, max_length=200)] = Field(description="What is wrong, in a line.")
    area: Annotated[str, Field(min_length=2, max_length=120)] = Field(description="Where in the product, e.g. Alerts.")
    description: Annotated[str, Field(min_length=2, max_length=4000)] = Field(
        description="What happens, and how to see it. Never patient data."
    )


@described_type
class Defect(Found, Kept, table=True):
    """Something wrong with a build. Seen by its raiser, the product's supplier and the raising trust's region."""

    __table_args__ = (
        UniqueConstraint("tenant_ods", "reference"),
        ForeignKeyConstraint(["tenant_ods"], ["organisation.ods_code"]),
        ForeignKeyConstraint(["supplier_ods", "product_id"], ["product.tenant_ods", "product.id"]),
        ForeignKeyConstraint(["supplier_ods", "build_id"], ["build.tenant_ods", "build.id"]),
        ForeignKeyConstraint(["supplier_ods", "fixed_in_id"], ["build.tenant_ods", "build.id"]),
        ForeignKeyConstraint(["trust_ods", "system_id"], ["system.tenant_ods", "system.id"]),
        ForeignKeyConstraint(["duplicate_ods", "duplicate_id"], ["defect.tenant_ods", "defect.id"]),
    )

    supplier_ods: strawberry.Private[str] = Field(max_length=10)
    product_id: strawberry.Private[uuid.UUID]
    build_id: strawberry.Private[uuid.UUID]
    trust_ods: strawberry.Private[str | None] = Field(default=None, max_length=10)
    system_id: strawberry.Private[uuid.UUID | None] = None
    region_ods: strawberry.Private[str | None] = Field(default=None, max_length=10)
    state: DefectState = DefectState.NEW
    raised_at: Instant = Field(description="When it was raised, UTC.")
    triage_note: str | None = Field(default=None, max_length=2000, description="The supplier's latest word on it.")
    raiser_note: str | None = Field(
        default=None, max_length=2000, description="The raiser's latest word: what a retest showed, why it contests."
    )
    workaround: str | None = Field(
        default=None, max_length=2000, description="How to do without, as the supplier agreed."
    )
    workaround_agreed_at: Instant | None = Field(default=None, description="When the supplier agreed to it, UTC.")
    workaround_accepted_at: Instant | None = Field(
        default=None, description="When the trust's clinical safety officer accepted it, UTC; null: not accepted."
    )
    workaround_accepted_by: str | None = Field(
        default=None, max_length=120, description="The account of the clinical safety officer who accepted it."
    )
    duplicate_ods: strawberry.Private[str | None] = Field(default=None, max_length=10)
    duplicate_id: strawberry.Private[uuid.UUID | None] = None
    fixed_in_id: strawberry.Private[uuid.UUID | None] = None
    deferred_until: dt.date | None = Field(
        default=None, description="The day it is looked at again; null: not deferred."
    )
    closed_at: Instant | None = Field(default=None, description="When it was closed, UTC.")
    close_reason: str | None = Field(default=None, max_length=2000, description="Why it was closed.")

    raised_by = one("schema.organisation.Organisation", "tenant_ods", description="Who raised it.")
    product = one("schema.product.Product", "product_id", description="What it is a defect of.")
    build = one("schema.product.Build", "build_id", description="The build it was found on.")
    system = one(
        "schema.system.System", "system_id", optional=True, description="Where it was found; null: by the supplier."
    )
    fixed_in = one(
        "schema.product.Build", "fixed_in_id", optional=True, description="The latest build said to have it fixed."
    )
    duplicate_of = one(
        "schema.readiness.defect.Defect",
        "duplicate_id",
        optional=True,
        description="The defect it is, or was, said to be the same as, where the caller may see that one.",
    )

    @computed(
        name="open",
        description="It stands in the way. An S1 or S2 does until its raiser closes it, whatever the supplier says.",
        sql=lambda row: func.app.defect_is_open(row.severity, row.state, type_=Boolean),
    )
    def is_open(self) -> bool:
        """Return whether it still stands in the way (migrations/0018_defects.sql, app.defect_is_open)."""
        return self.state not in (SETTLED if self.severity in MINOR else (DefectState.CLOSED,))


def turn_of_defect(defect: Defect) -> str:
    """Return the name of the turn in which a defect moves: its system's, or its product's where it is of no system."""
    return turn_of(str(defect.trust_ods), defect.system_id) if defect.system_id else str(defect.product_id)
