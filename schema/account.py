"""Account: a person who signs in, and Membership: what that person is in one organisation."""

import enum
from typing import Annotated, Self

from pydantic import BaseModel, StringConstraints
from sqlalchemy import ForeignKeyConstraint, UniqueConstraint
from sqlmodel import Field

from schema.kept.described import described_enum, described_type
from schema.kept.node import Kept
from schema.kept.relation import one
from schema.organisation import OrganisationKind as Kind

SUBJECT = r"^[a-z0-9][a-z0-9._-]{1,39}@[A-Z0-9]{3,10}$"
Subject = Annotated[
    str,
    StringConstraints(pattern=SUBJECT),
    Field(
        max_length=60,
        description="The name it signs in by, e.g. `it.lead@R1A`: a post or a staff number, then its organisation. "
        "Never a person's name or e-mail address.",
    ),
]


@described_enum
class Role(enum.StrEnum):
    """What a person is in an organisation; `kinds` are the kinds of organisation that have it."""

    kinds: frozenset[Kind]

    def __new__(cls, value: str, *kinds: Kind) -> Self:
        """Return the role with the kinds of organisation that have it; none named: all."""
        role = str.__new__(cls, value)
        role._value_ = value
        role.kinds = frozenset(kinds or Kind)
        return role

    ADMINISTRATOR = "ADMINISTRATOR"
    ASSURER = "ASSURER", Kind.ASSURER
    AUDITOR = "AUDITOR", Kind.AUDITOR
    ICB = "ICB", Kind.ICB
    NATIONAL_IMT = "NATIONAL_IMT", Kind.NATIONAL
    REGION = "REGION", Kind.REGION
    SUPPLIER_CSO = "SUPPLIER_CSO", Kind.SUPPLIER
    SUPPLIER_LEAD = "SUPPLIER_LEAD", Kind.SUPPLIER
    TRUST_CSO = "TRUST_CSO", Kind.TRUST
    TRUST_EXEC = "TRUST_EXEC", Kind.TRUST
    TRUST_IT = "TRUST_IT", Kind.TRUST
    TRUST_SIRO = "TRUST_SIRO", Kind.TRUST


@described_enum
class AccountStatus(enum.StrEnum):
    """Whether a person may sign in."""

    ACTIVE = "ACTIVE"
    SUSPENDED = "SUSPENDED"


@described_enum
class MembershipStatus(enum.StrEnum):
    """Whether a membership holds."""

    ACTIVE = "ACTIVE"
    ENDED = "ENDED"


class _Named(BaseModel):
    subject: Subject


@described_type
class Account(_Named, Kept, table=True):
    """A person who signs in. Nothing else is known of that person; its organisation administers it."""

    __table_args__ = (
        UniqueConstraint("tenant_ods", "subject"),
        ForeignKeyConstraint(["tenant_ods"], ["organisation.ods_code"]),
    )

    status: AccountStatus = AccountStatus.ACTIVE

    organisation = one("schema.organisation.Organisation", "tenant_ods", description="Who administers it.")


@described_type
class Membership(_Named, Kept, table=True):
    """What an account is in one organisation. A token speaks for one organisation, with the roles held there."""

    __table_args__ = (ForeignKeyConstraint(["tenant_ods"], ["organisation.ods_code"]),)

    role: Role
    status: MembershipStatus = MembershipStatus.ACTIVE

    organisation = one("schema.organisation.Organisation", "tenant_ods", description="Where it holds.")


def home_of(subject: str) -> str:
    """Return the ODS code of the organisation that administers an account."""
    return subject.rpartition("@")[2]
