"""What sign-in keeps of people: secrets, browsers, failed attempts (migrations/0013_people.sql)."""

import uuid

import uuid_utils.compat
from sqlalchemy import ForeignKeyConstraint
from sqlalchemy.dialects.postgresql import ARRAY, BIGINT, TEXT
from sqlmodel import Field

from schema.kept.node import Instant, Row


class Credential(Row, table=True):
    """What a person proves itself by: a password's hash, and the sealed seed of its second factor."""

    subject: str = Field(max_length=60, primary_key=True)
    password_hash: str | None = Field(default=None, max_length=300)
    password_set_at: Instant | None = None
    totp_sealed: str | None = Field(default=None, sa_type=TEXT)
    totp_step: int | None = Field(
        default=None, sa_type=BIGINT
    )  # the last time step that was used: a code works once (RFC 6238, 5.2)


class OneTimePassword(Row, table=True):
    """A password that works once, given by an administrator: at the start, and when everything else is lost."""

    __table_args__ = (ForeignKeyConstraint(["tenant_ods"], ["organisation.ods_code"]),)

    tenant_ods: str = Field(max_length=10, primary_key=True)
    id: uuid.UUID = Field(default_factory=uuid_utils.compat.uuid7, primary_key=True)
    subject: str = Field(max_length=60, index=True)
    password_hash: str = Field(max_length=300)
    made_at: Instant
    expires_at: Instant
    used_at: Instant | None = None


class BrowserSession(Row, table=True):
    """A person signed in in a browser; the cookie's value is kept as its hash alone."""

    id_hash: str = Field(max_length=64, primary_key=True)
    subject: str = Field(max_length=60, index=True)
    issuer: str | None = Field(default=None, max_length=300)  # None: we signed the person in
    tenant_ods: str | None = Field(default=None, max_length=10)  # where an issuer signed in: for this one alone
    roles: list[str] = Field(default_factory=list, sa_type=ARRAY(TEXT))  # that issuer's mapping, not memberships
    acr: str = Field(max_length=20)
    authenticated_at: Instant
    csrf: str = Field(max_length=64)
    started_at: Instant
    expires_at: Instant
    ended_at: Instant | None = None


class Attempt(Row, table=True):
    """How often something was tried in vain in a span of time; stranger and known browser are counted apart."""

    bucket: str = Field(max_length=120, primary_key=True)
    failures: int
    expires_at: Instant = Field(index=True)
