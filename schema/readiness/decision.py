"""GoNoGoDecision: a trust's recorded decision, what it was made on, what it obliges to, and who disagreed."""

import datetime as dt
import enum
import uuid
from typing import Annotated, Any

import strawberry
from pydantic import BaseModel
from sqlalchemy import ForeignKeyConstraint, UniqueConstraint, and_
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field
from strawberry.scalars import JSON

from schema.change import Change, Revision
from schema.kept.computed import computed
from schema.kept.described import described_enum, described_input, described_type
from schema.kept.instant import today
from schema.kept.node import Instant, Kept
from schema.kept.relation import many, one
from schema.people.account import Role

Text = Annotated[str, Field(min_length=2, max_length=2000)]


@described_enum
class DecisionOutcome(enum.StrEnum):
    """What a trust decided about one of its systems."""

    GO = "GO"
    GO_WITH_CONDITIONS = "GO_WITH_CONDITIONS"
    NO_GO = "NO_GO"
    DEFER = "DEFER"


GOES = (DecisionOutcome.GO, DecisionOutcome.GO_WITH_CONDITIONS)


class _Obliged(BaseModel):
    text: Text = Field(description="What is to be done, in words. Never patient data.")
    due_on: dt.date = Field(description="The last day for it; not before the decision.")
    owner_role: Role = Field(description="Who is to do it: a role of the trust.")


@described_input
class Condition(_Obliged, Change):
    """A condition of a decision: it becomes an obligation with a day and an owner."""


@described_input
class DecideGoNoGo(Revision):
    """A trust's decision about a system that is ready."""

    system: strawberry.ID
    outcome: DecisionOutcome
    rationale: Text = Field(description="Why, in words. Never patient data. Not shown to the supplier.")
    conditions: Annotated[list[Condition], Field(max_length=20)] = Field(
        default_factory=list, description="Needed by GO_WITH_CONDITIONS, and by it alone."
    )


@described_input
class MeetObligation(Revision):
    """Says that an obligation is met, and how."""

    obligation: strawberry.ID
    how: Text = Field(description="How it was met, in words. Never patient data.")


@described_input
class RecordDissent(Change):
    """Somebody of the trust, or its region, disagrees with a decision, for the record. It stops nothing."""

    decision: strawberry.ID
    text: Text = Field(description="Why, in words. Never patient data. Not shown to the supplier.")
    role: Role | None = Field(default=None, description="The role it is said in. Null: the caller's first.")


@described_type
class GoNoGoDecision(Kept, table=True):
    """A trust's decision about one of its systems. Never changed; a later one counts instead."""

    __table_args__ = (
        ForeignKeyConstraint(["tenant_ods"], ["organisation.ods_code"]),
        ForeignKeyConstraint(["tenant_ods", "system_id"], ["system.tenant_ods", "system.id"]),
        ForeignKeyConstraint(["supplier_ods", "build_id"], ["build.tenant_ods", "build.id"]),
        ForeignKeyConstraint(["tenant_ods", "supersedes_id"], ["go_no_go_decision.tenant_ods", "go_no_go_decision.id"]),
    )

    system_id: strawberry.Private[uuid.UUID]
    supplier_ods: strawberry.Private[str] = Field(max_length=10)
    build_id: strawberry.Private[uuid.UUID | None] = None
    region_ods: strawberry.Private[str | None] = Field(default=None, max_length=10)
    outcome: DecisionOutcome
    decided_at: Instant = Field(description="When, UTC.")
    decider: str = Field(max_length=120, description="The account of the person who decided.")
    supersedes_id: strawberry.Private[uuid.UUID | None] = None

    organisation = one("schema.organisation.Organisation", "tenant_ods", description="The trust that decided.")
    system = one("schema.system.System", "system_id", description="About which system.")
    build = one("schema.product.Build", "build_id", optional=True, description="On which build; null: there was none.")
    supersedes = one(
        "schema.readiness.decision.GoNoGoDecision", "supersedes_id", optional=True, description="The one before."
    )
    records = many(
        "schema.readiness.decision.DecisionRecord",
        "decision_id",
        description="Why, and what it was made on; none: the caller may not see it.",
    )
    obligations = many(
        "schema.readiness.decision.Obligation", "decision_id", description="Its conditions, that the caller may see."
    )
    dissents = many("schema.readiness.decision.Dissent", "decision_id", description="That the caller may see.")


@described_type
class DecisionRecord(Kept, table=True):
    """Why it was decided, and where every gate stood: taken by the database, hashed, never changed."""

    __table_args__ = (
        UniqueConstraint("tenant_ods", "decision_id"),
        ForeignKeyConstraint(["tenant_ods", "decision_id"], ["go_no_go_decision.tenant_ods", "go_no_go_decision.id"]),
    )

    decision_id: strawberry.Private[uuid.UUID]
    region_ods: strawberry.Private[str | None] = Field(default=None, max_length=10)
    rationale: str = Field(max_length=2000, description="Why, in words.")
    gate_snapshot: strawberry.Private[list[Any]] = Field(default_factory=list, sa_type=JSONB)
    snapshot_hash: str = Field(
        default="", max_length=64, description="SHA-256 of the snapshot as PostgreSQL writes its jsonb, hexadecimal."
    )

    decision = one("schema.readiness.decision.GoNoGoDecision", "decision_id", description="The decision.")

    @computed(description="Every gate in the catalogue's order: code, mandatory, standing, shut, since, expires_at …")
    def gates(self) -> JSON:
        """Return where the gates stood."""
        return JSON(self.gate_snapshot)


@described_type
class Obligation(_Obliged, Kept, table=True):
    """What a decision obliges the trust to, by a day. Private to it, its region, the national team and the auditor."""

    __table_args__ = (
        ForeignKeyConstraint(["tenant_ods", "decision_id"], ["go_no_go_decision.tenant_ods", "go_no_go_decision.id"]),
    )

    decision_id: strawberry.Private[uuid.UUID]
    region_ods: strawberry.Private[str | None] = Field(default=None, max_length=10)
    met_at: Instant | None = Field(default=None, description="When it was met, UTC; null: not yet.")
    met_by: str | None = Field(default=None, max_length=120, description="The client or account that says so.")
    how: str | None = Field(default=None, max_length=2000, description="How it was met.")

    decision = one("schema.readiness.decision.GoNoGoDecision", "decision_id", description="What obliges to it.")

    @computed(
        description="True: its day is past and it is not met.",
        sql=lambda row: and_(row.met_at.is_(None), row.due_on < today()),
    )
    def overdue(self, info: strawberry.Info) -> bool:
        """Return whether its day is past, in London, and it is not met."""
        return self.met_at is None and bool(self.due_on < info.context.today(self))


@described_type
class Dissent(Kept, table=True):
    """A role of the trust, or its region, disagrees with a decision, for the record. Never changed."""

    __table_args__ = (
        ForeignKeyConstraint(["tenant_ods"], ["organisation.ods_code"]),
        ForeignKeyConstraint(["trust_ods", "decision_id"], ["go_no_go_decision.tenant_ods", "go_no_go_decision.id"]),
    )

    trust_ods: strawberry.Private[str] = Field(max_length=10)
    decision_id: strawberry.Private[uuid.UUID]
    region_ods: strawberry.Private[str | None] = Field(default=None, max_length=10)
    role: Role = Field(description="The role it is said in.")
    text: str = Field(max_length=2000, description="Why, in words.")
    recorded_at: Instant = Field(description="When, UTC.")

    organisation = one("schema.organisation.Organisation", "tenant_ods", description="Whose dissent it is.")
    decision = one(
        "schema.readiness.decision.GoNoGoDecision",
        "decision_id",
        optional=True,
        description="What it disagrees with; null: its trust has another region since.",
    )
