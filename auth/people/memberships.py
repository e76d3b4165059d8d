"""Memberships: what accounts are in an organisation, granted and ended by its administrators, or by the operator."""

from collections.abc import Iterable

from sqlalchemy import exists
from sqlalchemy.orm import aliased
from sqlmodel import col, select

from auth.caller import Administering, Operator
from auth.people import sessions
from auth.tenancy import Transaction
from schema.kept.question import Page
from schema.organisation import Organisation
from schema.people.account import Account, AccountStatus, EndRole, GrantRole, Membership, MembershipStatus, Role
from schema.problem import (
    AlreadyDecided,
    AlreadyRegistered,
    LastAdministrator,
    NotFound,
    NotYourOwn,
    ValidationFailed,
    VersionConflict,
)


async def grant(
    db: Transaction, caller: Administering, input: GrantRole
) -> Membership | NotFound | NotYourOwn | AlreadyRegistered | ValidationFailed:
    """Make an account something in the caller's organisation; it shows in the tokens it gets from now on.

    Accounts of other organisations join by the operator alone. Nobody grants a role to themselves.
    """
    account = await db.find(Account, input.account)
    if account is None or not _may_join(account, caller):
        return NotFound(path=["input", "account"])
    if account.subject == caller.subject:
        return NotYourOwn(path=["input", "account"])
    if refused := await unfit(db, caller.tenant_ods, [input.role]):
        return ValidationFailed.of("role", refused)
    await db.lock(turn_of(caller.tenant_ods))
    holds = select(Membership).where(
        col(Membership.tenant_ods) == caller.tenant_ods,
        col(Membership.subject) == account.subject,
        col(Membership.role) == input.role,
        col(Membership.status) == MembershipStatus.ACTIVE,
    )
    if existing := await db.one(holds):
        return AlreadyRegistered(message="This account has this role.", existing=existing.global_id())
    made = db.made | {"subject": account.subject}
    return await db.keep(Membership(**made, role=input.role))


async def end(
    db: Transaction, caller: Administering, input: EndRole
) -> Membership | NotFound | NotYourOwn | LastAdministrator | AlreadyDecided | VersionConflict:
    """End what an account is in the caller's organisation. The sessions that hold the role end within 5 seconds."""
    await db.lock(turn_of(caller.tenant_ods))
    membership = await db.own(Membership, input.membership, caller)
    if membership is None:
        return NotFound(path=["input", "membership"])
    is_administrators = membership.role is Role.ADMINISTRATOR
    if is_administrators and membership.subject == caller.subject:
        return NotYourOwn(path=["input", "membership"])
    if membership.status is MembershipStatus.ENDED:
        return AlreadyDecided(message="This membership has ended already.")
    if input.expected_version not in (None, membership.version):
        return VersionConflict(current_version=membership.version)
    if is_administrators and await is_last_administrator(db, membership.subject, of=caller.tenant_ods):
        return LastAdministrator()
    membership.status = MembershipStatus.ENDED
    reason = f"The role {membership.role} was ended."
    await sessions.end_of(db, caller, membership.subject, reason, membership.role)
    return await db.keep(membership)


def listed(
    subject: str | None = None, role: Role | None = None, status: MembershipStatus | None = None
) -> Page[Membership]:
    """Return the memberships the caller may see, in the order they were granted."""
    found = select(Membership)
    if subject is not None:
        found = found.where(col(Membership.subject) == subject)
    if role is not None:
        found = found.where(col(Membership.role) == role)
    if status is not None:
        found = found.where(col(Membership.status) == status)
    return Page(found)


def turn_of(ods_code: str) -> str:
    """Return the lock of who is what in an organisation."""
    return f"memberships:{ods_code}"


async def unfit(db: Transaction, ods_code: str, roles: Iterable[Role]) -> str | None:
    """Return why an organisation has no such roles, None where it has them."""
    organisation = await db.one(select(Organisation).where(col(Organisation.ods_code) == ods_code))
    if organisation is None:
        return f"no organisation {ods_code} is listed"
    beyond = sorted(role for role in roles if organisation.kind not in role.kinds)
    if not beyond:
        return None
    has = ", ".join(role for role in Role if organisation.kind in role.kinds)
    return f"{ods_code} has no {', '.join(beyond)}; its roles are {has}"


async def is_last_administrator(db: Transaction, subject: str, *, of: str | None = None) -> bool:
    """Tell whether an organisation (this one, or any) has no administrator who may sign in but this one."""
    other, their = aliased(Membership), aliased(Account)
    another = exists().where(
        col(other.tenant_ods) == col(Membership.tenant_ods),
        col(other.subject) != subject,
        col(other.role) == Role.ADMINISTRATOR,
        col(other.status) == MembershipStatus.ACTIVE,
        col(their.subject) == col(other.subject),
        col(their.status) == AccountStatus.ACTIVE,
    )
    administers = select(Membership).where(
        col(Membership.subject) == subject,
        col(Membership.role) == Role.ADMINISTRATOR,
        col(Membership.status) == MembershipStatus.ACTIVE,
        ~another,
    )
    here = administers if of is None else administers.where(col(Membership.tenant_ods) == of)
    return await db.one(here) is not None


def _may_join(account: Account, caller: Administering) -> bool:
    return isinstance(caller, Operator) or account.tenant_ods == caller.tenant_ods
