"""Accounts: opened, suspended, restored and reset by their organisation's administrators, or by the operator."""

import datetime as dt
import re

import uuid_utils.compat
from sqlalchemy import func, insert
from sqlmodel import col, select

from auth.caller import Administering
from auth.federation.claims import OF_ISSUERS
from auth.people import memberships, passwords, sessions
from auth.people.tables import OneTimePassword
from auth.tenancy import Transaction
from schema.kept.question import Page
from schema.people.account import (
    Account,
    AccountStatus,
    Membership,
    OpenAccount,
    ResetAccount,
    RestoreAccount,
    SuspendAccount,
)
from schema.problem import (
    AlreadyDecided,
    AlreadyRegistered,
    LastAdministrator,
    NotFound,
    NotYourOwn,
    ValidationFailed,
    VersionConflict,
)

LIFE = dt.timedelta(hours=72)  # of a one-time password


async def open_(
    db: Transaction, caller: Administering, input: OpenAccount
) -> Account | NotYourOwn | AlreadyRegistered | ValidationFailed:
    """Open an account of the caller's organisation. Its person first signs in by the one-time password."""
    subject = f"{input.local_part}@{caller.tenant_ods}"
    if subject == caller.subject:
        return NotYourOwn(path=["input", "localPart"])
    if re.fullmatch(OF_ISSUERS, input.local_part):
        return ValidationFailed.of("localPart", "must not be x and 16 digits: so issuers' people are named")
    if unfit := await memberships.unfit(db, caller.tenant_ods, input.roles):
        return ValidationFailed.of("roles", unfit)
    await db.lock(f"account:{subject}")
    if existing := await db.one(select(Account).where(col(Account.subject) == subject)):
        return AlreadyRegistered(message=f"There is an account {subject}.", existing=existing.global_id())
    await _give(db, subject, input.one_time_password)
    made = db.made | {"subject": subject}
    account = await db.keep(Account(**made))
    for role in sorted(set(input.roles)):
        await db.keep(Membership(**made, role=role))
    return account


async def suspend(
    db: Transaction, caller: Administering, input: SuspendAccount
) -> Account | NotFound | LastAdministrator | AlreadyDecided | VersionConflict:
    """Suspend an account: its person is signed out everywhere within 5 seconds and cannot sign in."""
    await db.lock(memberships.turn_of(caller.tenant_ods))
    account = await _own(db, caller, input.account)
    if account is None:
        return NotFound(path=["input", "account"])
    if account.status is AccountStatus.SUSPENDED:
        return AlreadyDecided(message="This account is suspended already.")
    if input.expected_version not in (None, account.version):
        return VersionConflict(current_version=account.version)
    if await memberships.is_last_administrator(db, account.subject):
        return LastAdministrator()
    account.status = AccountStatus.SUSPENDED
    return await _sign_out(db, caller, account, "The account was suspended.")


async def restore(
    db: Transaction, caller: Administering, input: RestoreAccount
) -> Account | NotFound | NotYourOwn | AlreadyDecided | VersionConflict:
    """Let the person of a suspended account sign in again, by the password and second factor of before."""
    account = await _own(db, caller, input.account)
    if account is None:
        return NotFound(path=["input", "account"])
    if account.subject == caller.subject:
        return NotYourOwn(path=["input", "account"])
    if account.status is AccountStatus.ACTIVE:
        return AlreadyDecided(message="This account is not suspended.")
    if input.expected_version not in (None, account.version):
        return VersionConflict(current_version=account.version)
    account.status = AccountStatus.ACTIVE
    return await db.keep(account)


async def reset(
    db: Transaction, caller: Administering, input: ResetAccount
) -> Account | NotFound | NotYourOwn | VersionConflict:
    """Recover an account: whoever is signed in by it is signed out, and its person begins anew.

    By the one-time password the person sets a new password and a new second factor; the old password works no more.
    """
    account = await _own(db, caller, input.account)
    if account is None:
        return NotFound(path=["input", "account"])
    if account.subject == caller.subject:
        return NotYourOwn(path=["input", "account"])
    if input.expected_version not in (None, account.version):
        return VersionConflict(current_version=account.version)
    await _give(db, account.subject, input.one_time_password)
    return await _sign_out(db, caller, account, "The account was reset.")


def listed(status: AccountStatus | None = None) -> Page[Account]:
    """Return the accounts the caller may see, in the order they were opened."""
    found = select(Account)
    return Page(found if status is None else found.where(col(Account.status) == status))


async def _own(db: Transaction, caller: Administering, given: str) -> Account | None:
    """Return an account of the caller's organisation, its turn taken."""
    account = await db.own(Account, given, caller)
    if account is not None:
        await db.take(account)
    return account


async def _sign_out(db: Transaction, caller: Administering, account: Account, reason: str) -> Account:
    """End what is signed in: here with its event, in other organisations and in browsers by the time alone."""
    account.signed_out_at = await db.clock()
    await sessions.end_of(db, caller, account.subject, reason)
    return await db.keep(account)


async def _give(db: Transaction, subject: str, password: str) -> None:
    """Keep a one-time password, before any event: to hash takes long, and an event takes its organisation's chain."""
    now, password_hash = func.clock_timestamp(), await passwords.hashed(password)
    given = {"tenant_ods": db.caller.tenant_ods, "id": uuid_utils.compat.uuid7(), "subject": subject}
    await db.write(
        insert(OneTimePassword).values(**given, password_hash=password_hash, made_at=now, expires_at=now + LIFE)
    )
