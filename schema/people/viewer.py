"""Viewer: who is asking, as their token says."""

import strawberry
from sqlalchemy import ForeignKeyConstraint, MetaData
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlmodel import Field
from strawberry import pydantic as sp

from schema.kept.described import described_type
from schema.kept.node import Row
from schema.kept.relation import one
from schema.organisation import Organisation, OrganisationKind
from schema.people.account import Role


@described_type
class Viewer(Row, table=True):
    """Who is asking, and what they may do."""

    metadata = MetaData()  # of its own: a token's row is read like any other, but no table keeps it

    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_ods"],
            [Organisation.__table__.c.ods_code],  # type: ignore[attr-defined] # SQLModel does not tell its table
        ),
    )

    tenant_ods: strawberry.Private[str] = Field(primary_key=True)
    kind: OrganisationKind
    subject: str = Field(primary_key=True, description="The client or account.")
    scopes: list[str] = Field(sa_type=ARRAY(TEXT), description="The scopes of this token.")
    roles: list[Role] = Field(sa_type=ARRAY(TEXT), description="A person's roles there; none: it is a machine.")

    organisation = one("schema.organisation.Organisation", "tenant_ods", description="Whom they ask for.")

    @sp.field(
        description="Whether this token lets its bearer call an operation, by its name, e.g. reportTest; null: there "
        "is none by that name. Whether the sign-in is recent enough is not asked here.",
        metadata={"may": "operation"},
    )
    def can(self, info: strawberry.Info, operation: str) -> bool | None:
        """Return whether the caller may call an operation; where it is asked as SQL, its answer is a parameter."""
        may: bool | None = info.context.may(operation)
        return may
