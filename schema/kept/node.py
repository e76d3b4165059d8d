"""Identity and reach: what every kept noun has, and who may read it."""

import base64
import binascii
import datetime as dt
import enum
import functools
import uuid
from typing import Annotated, Any, ClassVar

import strawberry
import uuid_utils.compat
from pydantic import AfterValidator, AwareDatetime, BaseModel
from pydantic.fields import FieldInfo
from sqlalchemy import TEXT, ColumnElement, DateTime, cast, func, literal_column
from sqlalchemy.orm import declared_attr
from sqlmodel import Field, SQLModel

from schema.kept.computed import computed
from schema.kept.described import described_enum, described_interface
from schema.kept.text import OdsCode


def _utc(instant: dt.datetime) -> dt.datetime:
    return instant.astimezone(dt.UTC)


Instant = Annotated[AwareDatetime, AfterValidator(_utc), Field(sa_type=DateTime(timezone=True))]
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


def sql_global_id(noun: ColumnElement[str], *key: ColumnElement[Any]) -> ColumnElement[str]:
    """Return the same id as an expression over the columns of the key."""
    parts: list[ColumnElement[str]] = [cast(part, TEXT) for part in key]
    slash, colon = literal_column("'/'", TEXT), literal_column("':'", TEXT)
    spelt = functools.reduce(lambda before, part: before + slash + part, parts)
    return base64_url(cast(noun, TEXT) + colon + spelt)


def base64_url(text: ColumnElement[str]) -> ColumnElement[str]:
    """Return text in base64url without padding, as an expression; PostgreSQL breaks its lines after 76 letters."""
    utf8, base64_ = literal_column("'UTF8'", TEXT), literal_column("'base64'", TEXT)
    ours, urls = literal_column("E'+/=\\n'", TEXT), literal_column("'-_'", TEXT)
    return func.translate(func.encode(func.convert_to(text, utf8), base64_), ours, urls)


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
    UNRECORDED: ClassVar[tuple[str, ...]] = ()  # columns, and figures of them, whose change is no event

    @computed(
        name="id",
        description="Opaque; stable for as long as the record exists.",
        sql=lambda row: sql_global_id(literal_column(f"'{row.noun.__name__}'", TEXT), *row.key),
    )
    def global_id(self) -> strawberry.ID:
        """Return the row's id as clients see it."""
        return global_id(type(self).__name__, "/".join(str(getattr(self, name)) for name in self.ORDER))


class Row(SQLModel):
    """A row of a table that is named after its noun.

    One of a view says in its table's info, under `view`, how many fields of 40 kB of plan it stands for.
    """

    def __init__(self, **stated: Any) -> None:
        """Hold what is stated, unchecked like every row, and the defaults of the rest."""
        fields = type(self).model_fields
        left = {name: field for name, field in fields.items() if name not in stated and not field.is_required()}
        self.__dict__.update({name: stated[name] for name in stated.keys() & fields.keys()})
        self.__dict__.update({name: _default(field) for name, field in left.items()})
        self.__pydantic_fields_set__.update(stated)

    @declared_attr.directive
    def __tablename__(cls) -> str:  # noqa: N805 - SQLAlchemy hands the class
        """Return the noun in snake case."""
        return "".join(f"_{c.lower()}" if c.isupper() and i else c.lower() for i, c in enumerate(cls.__name__))


def _default(field: FieldInfo) -> Any:
    make: Any = field.default_factory
    return make() if make else field.get_default()


class Followed(Row, Node):
    """A row whose every change the ledger records."""

    version: int = Field(default=1, description="Counts the changes; send it back as expectedVersion.")


class Kept(Followed):
    """A row owned by one tenant, never deleted."""

    tenant_ods: Tenant = Field(primary_key=True)
    id: strawberry.Private[uuid.UUID] = Field(default_factory=uuid_utils.compat.uuid7, primary_key=True)
    created_at: Instant = Field(description="When the record was made, UTC.")
    created_by: str = Field(max_length=120, description="The client or account that made it.")
