"""What sign-in keeps: signing keys, used assertions, revoked tokens (migrations/0004_sign_in.sql)."""

import enum
from typing import Any

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB, TEXT
from sqlmodel import Field

from schema.kept.node import Instant, Row


class KeyState(enum.StrEnum):
    """Where a signing key stands: all three are published, only the current one signs."""

    PREVIOUS = "PREVIOUS"
    CURRENT = "CURRENT"
    NEXT = "NEXT"


class SigningKey(Row, table=True):
    """A key that signs access tokens; its private part is encrypted, and gone once it is previous."""

    kid: str = Field(max_length=80, primary_key=True)
    state: KeyState = Field(unique=True)
    public_jwk: dict[str, Any] = Field(sa_type=JSONB)
    private_jwe: str | None = Field(default=None, sa_type=TEXT)
    # Raw SQL, because auth time is the database's own, never the demonstration's.
    created_at: Instant | None = Field(
        default=None, nullable=False, sa_column_kwargs={"server_default": text("clock_timestamp()")}
    )


class UsedAssertion(Row, table=True):
    """A client assertion that was used: its jti (hashed) must not come again."""

    client_id: str = Field(max_length=80, primary_key=True)
    jti: str = Field(max_length=200, primary_key=True)
    expires_at: Instant = Field(index=True)


class RevokedToken(Row, table=True):
    """An access token that was revoked before it expired."""

    jti: str = Field(max_length=80, primary_key=True)
    client_id: str = Field(max_length=80)
    expires_at: Instant = Field(index=True)
