"""What sign-in keeps of federated issuers (migrations/0013_people.sql)."""

import uuid

from sqlalchemy.dialects.postgresql import ARRAY, UUID
from sqlmodel import Field

from schema.kept.node import Instant, Row


class FederatedIdentity(Row, table=True):
    """The account that an issuer's subject (hashed) stands for in an organisation: made when it first signs in."""

    issuer_id: uuid.UUID = Field(primary_key=True)
    sub_hash: str = Field(max_length=64, primary_key=True)
    tenant_ods: str = Field(max_length=10, primary_key=True)
    subject: str = Field(max_length=60, index=True)
    mappings: list[uuid.UUID] = Field(sa_type=ARRAY(UUID))  # that it came by, ever


class LoginAtIssuer(Row, table=True):
    """A browser that was sent to an issuer and has not come back; its state and nonce are used once."""

    state_hash: str = Field(max_length=64, primary_key=True)
    issuer_id: uuid.UUID
    nonce: str = Field(max_length=64)
    verifier: str = Field(max_length=128)
    browser_hash: str = Field(max_length=64)  # the browser that was sent, and no other (login CSRF)
    return_to: str = Field(max_length=4000)
    max_age: int  # seconds since the person may have signed in there
    expires_at: Instant = Field(index=True)
    consumed_at: Instant | None = None
