"""Movement: an object that changed between two instants, as it was at either end."""

from typing import Any, ClassVar

import strawberry
from sqlalchemy import ForeignKeyConstraint, MetaData
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TEXT
from sqlmodel import Field
from strawberry.scalars import JSON

from schema.kept.computed import computed
from schema.kept.described import described_type
from schema.kept.node import Instant, Row, global_id, sql_global_id
from schema.kept.relation import one
from schema.organisation import Organisation


@described_type
class Movement(Row, table=True):
    """One object that moved between two instants: its row then and then, by the events the caller may see."""

    ORDER: ClassVar[tuple[str, ...]] = ("object_type", "object_key", "owner_ods")

    metadata = MetaData()  # of its own: it is read from the ledger, no table keeps it

    __table_args__ = (
        ForeignKeyConstraint(
            ["owner_ods"],
            [Organisation.__table__.c.ods_code],  # type: ignore[attr-defined] # SQLModel does not tell its table
        ),
    )

    object_type: str = Field(primary_key=True, description="The kind of object.")
    object_key: strawberry.Private[str] = Field(primary_key=True)
    owner_ods: strawberry.Private[str] = Field(primary_key=True)
    since: strawberry.Private[Instant] = Field(primary_key=True)  # two spans in one request are two rows
    until: strawberry.Private[Instant] = Field(primary_key=True)
    row_before: strawberry.Private[dict[str, Any] | None] = Field(sa_type=JSONB)
    row_after: strawberry.Private[dict[str, Any]] = Field(sa_type=JSONB)
    changed_fields: list[str] = Field(
        sa_type=ARRAY(TEXT),
        description="The columns that differ, by name, without version. Empty: it is new, and all of it is.",
    )
    changes: int = Field(description="How many events lie between.")
    first_at: Instant = Field(description="When the first of them was recorded, UTC.")
    last_at: Instant = Field(description="When the last of them was recorded, UTC.")
    last_verb: str = Field(description="The operation that left it as it is in `after`.")
    last_actor: str = Field(description="The client or account that did that.")

    owner = one("schema.organisation.Organisation", "owner_ods", description="Whose object it is.")

    @computed(description="The id of the object.", sql=lambda row: sql_global_id(row.object_type, row.object_key))
    def object_id(self) -> strawberry.ID:
        """Return the id of the object."""
        return global_id(self.object_type, self.object_key)

    @computed(description="Its row at `since`, by column; null: the ledger knew none that the caller may see.")
    def before(self) -> JSON | None:
        """Return the row at the earlier instant."""
        return None if self.row_before is None else JSON(self.row_before)

    @computed(description="Its row at `until`, by column.")
    def after(self) -> JSON:
        """Return the row at the later instant."""
        return JSON(self.row_after)
