"""Session: a person signed in at a client for one organisation, and SessionEnd: an administrator's end of one."""

import datetime as dt
import uuid
from typing import Annotated, ClassVar

import strawberry
import uuid_utils.compat
from sqlalchemy import ForeignKeyConstraint
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlmodel import Field

from schema.change import Change
from schema.kept.described import described_input, described_type
from schema.kept.node import Instant, Kept, Node, Row, Tenant
from schema.kept.relation import many, one
from schema.kept.text import Text
from schema.people.account import Subject


@described_type
class Session(Row, Node, table=True):
    """A person signed in at a client, for one organisation: what every token of that sign-in names as `sid`."""

    ORDER: ClassVar[tuple[str, ...]] = ("id",)
    UNRECORDED: ClassVar[tuple[str, ...]] = ("acr", "authenticated_at", "ended_at", "last_used_at", "roles", "scopes")

    __table_args__ = (ForeignKeyConstraint(["tenant_ods"], ["organisation.ods_code"]),)

    tenant_ods: Tenant = Field(primary_key=True)
    id: strawberry.Private[uuid.UUID] = Field(default_factory=uuid_utils.compat.uuid7, primary_key=True)
    subject: Subject
    client_id: str = Field(max_length=80, description="The application it signed in at.")
    roles: list[str] = Field(sa_type=ARRAY(TEXT), description="The roles it was given.")
    scopes: list[str] = Field(sa_type=ARRAY(TEXT), description="The scopes it was given at most.")
    acr: str = Field(max_length=20, description="How surely the person was known: aal1 password, aal2 second factor.")
    authenticated_at: Instant = Field(description="When the person last signed in for it, UTC.")
    issuer: str | None = Field(default=None, max_length=300, description="Who signed the person in; null: we did.")
    jkt: strawberry.Private[str | None] = Field(default=None, max_length=64)
    started_at: Instant = Field(description="When it began, UTC.")
    last_used_at: Instant = Field(description="When it last got a token, UTC.")
    expires_at: Instant = Field(description="When it ends by itself, UTC.")
    ended_at: Instant | None = Field(default=None, description="When it was ended, UTC; null: it was not.")

    organisation = one("schema.organisation.Organisation", "tenant_ods", description="Whom it speaks for.")
    ends = many(
        "schema.people.session.SessionEnd", "session_id", description="How an administrator ended it, if one did."
    )


@described_type
class SessionEnd(Kept, table=True):
    """An administrator's end of a session: its tokens stop within 5 seconds."""

    __table_args__ = (
        ForeignKeyConstraint(["tenant_ods"], ["organisation.ods_code"]),
        ForeignKeyConstraint(["tenant_ods", "session_id"], ["session.tenant_ods", "session.id"]),
    )

    session_id: strawberry.Private[uuid.UUID]
    subject: Subject
    reason: Annotated[Text, Field(min_length=2, max_length=2000, description="Why. Never patient data.")]

    session = one("schema.people.session.Session", "session_id", description="What was ended.")


@described_input
class EndSession(Change):
    """The session that ends now, and why."""

    session: strawberry.ID
    reason: Annotated[str, Field(min_length=2, max_length=2000, description="Why. Never patient data.")]


def is_over(session: Session, now: dt.datetime) -> bool:
    """Tell whether a session has ended or expired."""
    return session.ended_at is not None or session.expires_at <= now
