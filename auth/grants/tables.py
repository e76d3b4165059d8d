"""What the grants keep until it is used or expires, as hashes (migrations/0013_people.sql)."""

import uuid
from typing import Any

from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TEXT
from sqlmodel import Field

from schema.kept.node import Instant, Row


class _Granted(Row):
    """What a person granted a client: for whom, as what, how much."""

    client_id: str = Field(max_length=80)
    scopes: list[str] = Field(sa_type=ARRAY(TEXT))
    expires_at: Instant = Field(index=True)
    consumed_at: Instant | None = None


class AuthorizationCode(_Granted, table=True):
    """A code that a browser carries back to its client, for one use (RFC 6749, 4.1)."""

    code_hash: str = Field(max_length=64, primary_key=True)
    subject: str = Field(max_length=60)
    tenant_ods: str = Field(max_length=10)
    roles: list[str] = Field(sa_type=ARRAY(TEXT))
    issuer: str | None = Field(default=None, max_length=300)
    acr: str = Field(max_length=20)
    authenticated_at: Instant
    redirect_uri: str = Field(max_length=2000)
    challenge: str = Field(max_length=64)
    jkt: str | None = Field(default=None, max_length=64)
    session_id: uuid.UUID | None = None  # the session it became: ended when the code comes again


class DeviceCode(_Granted, table=True):
    """A device that waits for a person to approve it elsewhere (RFC 8628)."""

    device_hash: str = Field(max_length=64, primary_key=True)
    user_code: str = Field(max_length=20, unique=True)
    interval_s: int
    last_polled_at: Instant | None = None
    decided_at: Instant | None = None
    approved: bool | None = None
    subject: str | None = Field(default=None, max_length=60)
    tenant_ods: str | None = Field(default=None, max_length=10)
    roles: list[str] = Field(default_factory=list, sa_type=ARRAY(TEXT))
    issuer: str | None = Field(default=None, max_length=300)
    acr: str | None = Field(default=None, max_length=20)
    authenticated_at: Instant | None = None


class RefreshToken(Row, table=True):
    """One refresh token of a session; a rotated one comes again within the grace, or ends the session."""

    token_hash: str = Field(max_length=64, primary_key=True)
    tenant_ods: str = Field(max_length=10)
    session_id: uuid.UUID = Field(index=True)
    client_id: str = Field(max_length=80)
    issued_at: Instant
    expires_at: Instant = Field(index=True)
    rotated_at: Instant | None = None
    successor_hash: str | None = Field(default=None, max_length=64)
    revoked_at: Instant | None = None


class PushedRequest(Row, table=True):
    """An authorization request that a client pushed before its browser came (RFC 9126)."""

    uri_hash: str = Field(max_length=64, primary_key=True)
    client_id: str = Field(max_length=80)
    parameters: dict[str, Any] = Field(sa_type=JSONB)
    expires_at: Instant = Field(index=True)
    consumed_at: Instant | None = None


class UsedProof(Row, table=True):
    """A DPoP proof that was used: its jti (hashed) must not come again with its key (RFC 9449, 11.1)."""

    jkt: str = Field(max_length=64, primary_key=True)
    jti: str = Field(max_length=64, primary_key=True)
    expires_at: Instant = Field(index=True)
