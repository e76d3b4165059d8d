"""Event: the append-only ledger every change writes to, in its own transaction."""

from typing import Annotated, Any, ClassVar

import strawberry
from sqlalchemy import BigInteger, ForeignKeyConstraint, LargeBinary, UniqueConstraint, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field
from strawberry.scalars import JSON

from schema.kept.computed import computed
from schema.kept.described import described_type
from schema.kept.node import Audience, Instant, Node, Row, global_id, sql_global_id
from schema.kept.relation import one
from schema.organisation import OrganisationKind

FollowedSystem = Annotated[strawberry.ID, strawberry.argument(description="The System that is followed.")]


@described_type
class Event(Row, Node, table=True):
    """One change: who did what, for which organisation, and the row after it. Written by the database."""

    ORDER: ClassVar[tuple[str, ...]] = ("xid", "id")

    __table_args__ = (
        UniqueConstraint("tenant_ods", "id"),
        ForeignKeyConstraint(["tenant_ods"], ["organisation.ods_code"]),
        ForeignKeyConstraint(["owner_ods"], ["organisation.ods_code"]),
    )

    tenant_ods: strawberry.Private[str] = Field(max_length=10, primary_key=True)
    sequence: int = Field(
        sa_type=BigInteger, primary_key=True, description="1, 2, 3 … in the acting organisation's chain."
    )
    xid: strawberry.Private[int] = Field(sa_type=BigInteger)
    id: strawberry.Private[int] = Field(sa_type=BigInteger)
    owner_ods: strawberry.Private[str] = Field(max_length=10)
    trust_ods: strawberry.Private[str | None] = Field(default=None, max_length=10)
    region_ods: strawberry.Private[str | None] = Field(default=None, max_length=10)
    supplier_ods: strawberry.Private[str | None] = Field(default=None, max_length=10)
    audience: strawberry.Private[Audience]
    actor: str = Field(max_length=120, description="The client or account that did it.")
    actor_kind: OrganisationKind | None = Field(description="Null: the installation's operator.")
    verb: str = Field(max_length=60, description="The operation, e.g. reportTest.")
    object_type: str = Field(max_length=60, description="The kind of object changed.")
    object_key: strawberry.Private[str] = Field(max_length=60)
    row: strawberry.Private[dict[str, Any]] = Field(sa_type=JSONB)
    reason: str | None = Field(default=None, max_length=2000, description="Why, where a reason was given.")
    effective_at: Instant = Field(description="From when it holds, UTC.")
    recorded_at: Instant = Field(description="When it was recorded, UTC.")
    request_id: str | None = Field(default=None, max_length=60, description="The request that did it.")
    previous_hash: strawberry.Private[bytes] = Field(sa_type=LargeBinary)
    hash: strawberry.Private[bytes] = Field(sa_type=LargeBinary)

    organisation = one("schema.organisation.Organisation", "tenant_ods", description="Who did it.")
    owner = one("schema.organisation.Organisation", "owner_ods", description="Whose object it is.")

    @computed(
        description="The id of the object changed.", sql=lambda row: sql_global_id(row.object_type, row.object_key)
    )
    def object_id(self) -> strawberry.ID:
        """Return the id of the object changed."""
        return global_id(self.object_type, self.object_key)

    @computed(description="The object's row after the change.")
    def after(self) -> JSON:
        """Return the row after the change, by column."""
        return JSON(self.row)

    @computed(
        description="SHA-256 over the event and the hash before it, in hexadecimal.",
        sql=lambda row: func.encode(row.hash, "hex"),
    )
    def link(self) -> str:
        """Return the event's link in its organisation's hash chain."""
        return self.hash.hex()
