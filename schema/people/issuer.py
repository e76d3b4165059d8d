"""Issuer: an identity provider that signs people in, and IssuerMapping: whom its words make of them."""

import enum
import uuid
from typing import Annotated

import strawberry
from pydantic import BaseModel, StringConstraints
from sqlalchemy import ForeignKeyConstraint, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlmodel import Field

from schema.change import Change, Revision
from schema.kept.described import described_enum, described_input, described_type
from schema.kept.node import Kept
from schema.kept.relation import many, one
from schema.kept.text import OdsCode, Text
from schema.people.account import Role

Url = Annotated[str, StringConstraints(pattern=r"^https?://[!-~]{3,280}$"), Field(max_length=300)]
Code = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,80}$"), Field(max_length=80)]


@described_enum
class IssuerShape(enum.StrEnum):
    """How an issuer says organisation and role: in claims of its own, or as NHS CIS2 does at its userinfo."""

    CIS2 = "CIS2"
    PLAIN = "PLAIN"


@described_enum
class IssuerStatus(enum.StrEnum):
    """Whether an issuer is believed; DISABLED is the kill switch: whatever it said ends within 5 seconds."""

    ACTIVE = "ACTIVE"
    DISABLED = "DISABLED"


@described_enum
class IssuerMode(enum.StrEnum):
    """What an issuer is believed for: tokens at the API, people in the browser, tokens exchanged for ours."""

    ACCESS = "ACCESS"
    EXCHANGE = "EXCHANGE"
    LOGIN = "LOGIN"


class _Stated(BaseModel):
    iss: Url = Field(description="Its issuer identifier, exactly as its tokens spell it.")
    name: Annotated[Text, Field(min_length=2, max_length=100, description="What the sign-in page calls it.")]
    shape: IssuerShape = IssuerShape.PLAIN
    modes: list[IssuerMode] = Field(sa_type=ARRAY(TEXT), min_length=1, description="What it is believed for.")
    algorithms: list[str] = Field(
        sa_type=ARRAY(TEXT), min_length=1, description="Of ES256, PS256, RS256, RS512, Ed25519: what it signs by."
    )
    jwks_uri: Url = Field(description="Where its keys are; fetched from here alone, never followed elsewhere.")
    token_audience: Annotated[str, StringConstraints(pattern=r"^[!-~]{1,300}$")] = Field(
        max_length=300, description="The aud of its access tokens for us."
    )
    client_id: Code | None = Field(
        default=None, max_length=80, description="Our client there; we prove ourselves by our own key."
    )
    authorization_endpoint: Url | None = Field(default=None, max_length=300)
    token_endpoint: Url | None = Field(default=None, max_length=300)
    userinfo_endpoint: Url | None = Field(default=None, max_length=300)
    org_claim: Code = Field(default="org_code", description="PLAIN: the claim with the organisation's code.")
    role_claim: Code = Field(default="role_code", description="PLAIN: the claim with the role's code.")
    accepted_acr: list[str] = Field(
        default_factory=list, sa_type=ARRAY(TEXT), description="The acr values that are sure enough; none: any."
    )
    step_up_acr: list[str] = Field(
        default_factory=list, sa_type=ARRAY(TEXT), description="The acr values that count as a second factor here."
    )


@described_input
class RegisterIssuer(_Stated, Change):
    """What an administrator or operator states of an identity provider."""

    tenants: list[OdsCode] = Field(
        default_factory=list, sa_type=ARRAY(TEXT), description="Whom it may speak for; an administrator's: its own."
    )


@described_type
class Issuer(_Stated, Kept, table=True):
    """An identity provider, bound to the organisations it may speak for: it never gives authority in another."""

    __table_args__ = (
        UniqueConstraint("tenant_ods", "iss"),
        ForeignKeyConstraint(["tenant_ods"], ["organisation.ods_code"]),
    )

    tenants: list[str] = Field(sa_type=ARRAY(TEXT), description="The organisations it may speak for, by ODS code.")
    status: IssuerStatus = Field(default=IssuerStatus.ACTIVE)

    organisation = one("schema.organisation.Organisation", "tenant_ods", description="Who answers for it.")
    mappings = many("schema.people.issuer.IssuerMapping", "issuer_id", description="Whom its codes make of people.")


@described_type
class IssuerMapping(Kept, table=True):
    """Whom an issuer's organisation and role code make of a person: our table decides, never its claims."""

    __table_args__ = (
        ForeignKeyConstraint(["tenant_ods"], ["organisation.ods_code"]),
        ForeignKeyConstraint(["organisation_ods"], ["organisation.ods_code"]),
        ForeignKeyConstraint(["tenant_ods", "issuer_id"], ["issuer.tenant_ods", "issuer.id"]),
    )

    issuer_id: strawberry.Private[uuid.UUID]
    org_code: Code = Field(description="The organisation's code as the issuer says it.")
    role_code: Code = Field(description="The role's code as the issuer says it.")
    organisation_ods: OdsCode = Field(description="The organisation it stands for here.")
    role: Role
    active: bool = True

    issuer = one("schema.people.issuer.Issuer", "issuer_id", description="Whose codes these are.")


@described_input
class DisableIssuer(Revision):
    """The kill switch: whatever the issuer said ends within 5 seconds, and it is believed no more."""

    issuer: strawberry.ID


@described_input
class EnableIssuer(Revision):
    """The disabled issuer that is believed again; whoever it signed in before signs in again."""

    issuer: strawberry.ID


@described_input
class MapIssuerRole(Change):
    """Whom an issuer's organisation and role code make of a person."""

    issuer: strawberry.ID
    org_code: Code = Field(description="The organisation's code as the issuer says it.")
    role_code: Code = Field(description="The role's code as the issuer says it.")
    organisation_ods: OdsCode | None = Field(
        default=None, description="Whom the organisation's code stands for here; null: the caller's organisation."
    )
    role: Role


@described_input
class EndIssuerMapping(Revision):
    """The mapping that ends; whoever it made somebody here is signed out."""

    mapping: strawberry.ID
