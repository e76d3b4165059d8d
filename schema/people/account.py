"""Account: a person who signs in, and Membership: what that person is in one organisation."""

import enum
from typing import Annotated, Self

import strawberry
from pydantic import BaseModel, StringConstraints
from sqlalchemy import ForeignKeyConstraint, UniqueConstraint
from sqlmodel import Field

from schema.change import Change, Revision
from schema.kept.described import described_enum, described_input, described_type
from schema.kept.node import Instant, Kept
from schema.kept.relation import one
from schema.kept.text import ODS
from schema.organisation import OrganisationKind as Kind

LOCAL = r"[a-z0-9][a-z0-9._-]{1,39}"
SUBJECT = rf"^{LOCAL}@{ODS.pattern}$"
ONCE = r"once(-[a-hjkmnp-z2-9]{5}){4}"  # no letter is mistaken for another; nobody's own password looks like this
Subject = Annotated[
    str,
    StringConstraints(pattern=SUBJECT),
    Field(
        max_length=60,
        description="The name it signs in by, e.g. `it.lead@R1A`: a post or a staff number, then its organisation. "
        "Never a person's name or e-mail address.",
    ),
]
OneTimePassword = Annotated[
    str,
    StringConstraints(pattern=rf"^{ONCE}$"),
    Field(
        repr=False,
        description="Made by chance, given to the person alone, kept as its hash: `once-` and four groups of five of "
        "abcdefghjkmnpqrstuvwxyz23456789 with hyphens between. It works once, within 72 hours, and is never answered.",
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
    signed_out_at: Instant | None = Field(
        default=None, description="Whoever signed in by it before is signed out, UTC; null: nobody was."
    )

    organisation = one("schema.organisation.Organisation", "tenant_ods", description="Who administers it.")


@described_type
class Membership(_Named, Kept, table=True):
    """What an account is in one organisation. A token speaks for one organisation, with the roles held there."""

    __table_args__ = (ForeignKeyConstraint(["tenant_ods"], ["organisation.ods_code"]),)

    role: Role
    status: MembershipStatus = MembershipStatus.ACTIVE

    organisation = one("schema.organisation.Organisation", "tenant_ods", description="Where it holds.")


@described_input
class OpenAccount(Change):
    """A new account of the caller's organisation: as what it begins, and what it first signs in by."""

    local_part: Annotated[str, StringConstraints(pattern=f"^{LOCAL}$")] = Field(
        description="What stands before the @ of its subject: a post or a staff number, never a person's name."
    )
    roles: list[Role] = Field(min_length=1, max_length=12, description="What it is in the caller's organisation.")
    one_time_password: OneTimePassword


@described_input
class SuspendAccount(Revision):
    """The account that may not sign in any more; whoever is signed in by it is signed out."""

    account: strawberry.ID


@described_input
class RestoreAccount(Revision):
    """The suspended account that may sign in again."""

    account: strawberry.ID


@described_input
class ResetAccount(Revision):
    """The account whose person lost password or second factor: whoever is signed in by it is signed out."""

    account: strawberry.ID
    one_time_password: OneTimePassword


@described_input
class GrantRole(Change):
    """What an account becomes in the caller's organisation."""

    account: strawberry.ID
    role: Role


@described_input
class EndRole(Revision):
    """The membership that ends; the sessions that hold its role end with it."""

    membership: strawberry.ID


def home_of(subject: str) -> str:
    """Return the ODS code of the organisation that administers an account."""
    return subject.rpartition("@")[2]
