"""Identity and reach: what every kept noun has, and who may read it."""

import base64
import binascii
import enum
import uuid
from typing import Annotated, Any, ClassVar

import strawberry
import uuid_utils.compat
from pydantic import AwareDatetime, BaseModel
from sqlalchemy import DateTime
from sqlalchemy.orm import declared_attr
from sqlmodel import Field, SQLModel
from strawberry import pydantic as sp

from schema.kept.described import described_enum, described_interface
from schema.kept.text import OdsCode

Instant = Annotated[AwareDatetime, Field(sa_type=DateTime(timezone=True))]
Tenant = Annotated[strawberry.Private[OdsCode], Field(max_length=10)]


@described_enum
class Audience(enum.StrEnum):
    """Who may read a row besides its owner, the national team and the auditor."""

    PRIVATE = "PRIVATE"
    REGION = "REGION"
    PUBLISHED = "PUBLISHED"


def global_id(noun: str, key: object) -> strawberry.ID:
    """Return the opaque id of a noun's row, as clients see it."""
    return strawberry.ID(base64.urlsafe_b64encode(f"{noun}:{key}".encode()).decode().rstrip("="))


def read_global_id(given: str) -> tuple[str, str] | None:
    """Return the noun and key a client's id names, or None when it is no id of ours."""
    try:
        text = base64.urlsafe_b64decode(given + "=" * (-len(given) % 4)).decode()
    except (binascii.Error, ValueError):
        return None
    noun, colon, key = text.partition(":")
    return (noun, key) if colon and key.isprintable() else None


@described_interface
class Node(BaseModel):
    """Anything with an id of its own."""

    ORDER: ClassVar[tuple[str, ...]] = ("id",)  # the columns that pages are ordered by, unique together

    @sp.field(name="id", description="Opaque; stable for as long as the record exists.")
    def global_id(self) -> strawberry.ID:
        """Return the row's id as clients see it."""
        return global_id(type(self).__name__, self.key)

    @property
    def key(self) -> Any:
        """The part of the id that tells rows of one noun apart."""
        raise NotImplementedError


class Row(SQLModel):
    """A row of a table that is named after its noun."""

    @declared_attr.directive
    def __tablename__(cls) -> str:  # noqa: N805 - SQLAlchemy hands the class
        """Return the noun in snake case."""
        return "".join(f"_{c.lower()}" if c.isupper() and i else c.lower() for i, c in enumerate(cls.__name__))


class Followed(Row, Node):
    """A row whose every change the ledger records."""

    version: int = Field(default=1, description="Counts the changes; send it back as expectedVersion.")


class Kept(Followed):
    """A row owned by one tenant, never deleted."""

    tenant_ods: Tenant = Field(primary_key=True)
    id: strawberry.Private[uuid.UUID] = Field(default_factory=uuid_utils.compat.uuid7, primary_key=True)
    created_at: Instant = Field(description="When the record was made, UTC.")
    created_by: str = Field(max_length=120, description="The client or account that made it.")

    @property
    def key(self) -> uuid.UUID:
        """The UUIDv7 of the row."""
        return self.id
