"""ApiClient: a machine that asks for one organisation, or an application that its people sign in at."""

import enum
import re
from typing import Annotated, Any, ClassVar

import strawberry
from pydantic import BaseModel, StringConstraints
from sqlalchemy import ForeignKeyConstraint, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TEXT
from sqlmodel import Field
from strawberry.scalars import JSON

from schema.change import Change, Revision
from schema.kept.described import described_enum, described_input, described_type
from schema.kept.node import Instant, Kept
from schema.kept.relation import one

CLIENT_ID = re.compile(r"[A-Za-z0-9._-]{3,80}")


@described_enum
class AssertionProfile(enum.StrEnum):
    """How a client proves itself with a signed assertion."""

    NHS = "nhs"
    RFC7523 = "rfc7523"


@described_enum
class ClientStatus(enum.StrEnum):
    """Whether a client may ask for tokens."""

    ACTIVE = "ACTIVE"
    REVOKED = "REVOKED"


@described_enum
class ClientKind(enum.StrEnum):
    """Whom a client asks for: itself, a machine of its organisation, or the people who sign in at it."""

    APPLICATION = "APPLICATION"
    MACHINE = "MACHINE"


ClientId = Annotated[str, StringConstraints(pattern=f"^{CLIENT_ID.pattern}$"), Field(max_length=80)]


class _Client(BaseModel):
    scopes: list[str] = Field(sa_type=ARRAY(TEXT), description="What it may ask for at most.")
    assertion_profile: AssertionProfile = Field(
        default=AssertionProfile.NHS, description="nhs: RS512 only. rfc7523: ES256, PS256, RS512, Ed25519."
    )
    kind: ClientKind = Field(default=ClientKind.MACHINE)
    redirect_uris: list[str] = Field(
        default_factory=list,
        sa_type=ARRAY(TEXT),
        description="An application's: where people come back to, compared letter by letter (RFC 9700).",
    )
    dpop_bound: bool = Field(default=False, description="Every token must be bound to a key of its own (RFC 9449).")


@described_type
class ApiClient(_Client, Kept, table=True):
    """A client of one organisation: it proves itself by a key pair, or is public and held to PKCE; no shared secret."""

    UNRECORDED: ClassVar[tuple[str, ...]] = ("last_used_at",)

    __table_args__ = (
        UniqueConstraint("client_id"),
        ForeignKeyConstraint(["tenant_ods"], ["organisation.ods_code"]),
    )

    client_id: ClientId
    jwks: strawberry.Private[dict[str, Any]] = Field(sa_type=JSONB)
    status: ClientStatus = ClientStatus.ACTIVE
    everyone: bool = Field(default=False, description="People of every organisation may sign in at it.")
    last_used_at: Instant | None = Field(default=None, description="When it last got a token, UTC, to the minute.")

    organisation = one("schema.organisation.Organisation", "tenant_ods", description="Whom it asks for.")


@described_input
class RegisterClient(_Client, Change):
    """What an administrator states of a client: whom it asks for, how it proves itself, what it may ask for."""

    client_id: ClientId | None = Field(
        default=None,
        description="Begins with the organisation's code in small letters and a hyphen. Null: made here.",
    )
    public_jwks: JSON | None = Field(
        default=None,
        description="Its public keys, a JWK set. An application may leave it out: it is public, and held to PKCE.",
    )


@described_input
class RevokeClient(Revision):
    """The client that gets no more tokens; those it has stop within 5 seconds."""

    client: strawberry.ID
