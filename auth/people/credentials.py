"""What a person's passwords are kept as: found for a try, used up, replaced."""

import re
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, exists, func, or_, update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select

from auth.people import passwords
from auth.people.tables import Credential, OneTimePassword
from auth.tenancy import Transaction
from schema.people.account import SUBJECT, Account, AccountStatus

_NOBODY = "nobody@NOWHERE"  # looked for where a name cannot be one, so that refusing is the same work


@dataclass(frozen=True)
class Tried:
    """A password that is tried: whose, which hash it must match, and whether that works once."""

    subject: str
    password: str | None = field(repr=False)
    kept: str | None = field(repr=False)
    once: bool = False


def tidied(subject: str) -> str:
    """Return a name as it is spelt here, however it was typed: `it.lead@R1A`."""
    name, at, code = subject.strip().rpartition("@")
    return f"{name.lower()}{at}{code.upper()}"


async def tried(db: Transaction, subject: str, given: str) -> Tried:
    """Return what a password must match; nobody and a suspended account have nothing that matches."""
    password = passwords.normalised(given)
    once = password is not None and passwords.is_one_time(password)
    known = subject if re.fullmatch(SUBJECT, subject) else _NOBODY
    kept = await _one_time(db, known) if once else await _lasting(db, known)
    return Tried(subject, password, kept, once)


async def is_enrolled(db: Transaction, subject: str) -> bool:
    """Tell whether a person has a second factor."""
    has = col(Credential.totp_sealed).is_not(None)
    return await db.one(select(Credential.subject).where(col(Credential.subject) == subject, has)) is not None


async def still_kept(db: Transaction, proved: Tried, renewed: str | None) -> bool:
    """Tell whether a password that matched is still the person's; `renewed` is its hash by today's parameters."""
    mine = col(Credential.subject) == proved.subject, col(Credential.password_hash) == proved.kept
    stands = exists().where(*_active(proved.subject)), ~_was_reset()  # it may not any longer: hashing takes its time
    kept = update(Credential).where(*mine, *stands).values(password_hash=renewed or proved.kept)
    return bool(await db.rows(kept.returning(col(Credential.subject))))


async def used_up(db: Transaction, proved: Tried) -> bool:
    """Use up a password that works once, and with it whatever the person proved itself by before."""
    mine = col(OneTimePassword.subject) == proved.subject, col(OneTimePassword.password_hash) == proved.kept
    now = func.clock_timestamp()
    fresh = col(OneTimePassword.used_at).is_(None), col(OneTimePassword.expires_at) > now
    stands = exists().where(*_active(proved.subject))
    used = update(OneTimePassword).where(*mine, *fresh, stands).values(used_at=now)
    if not await db.rows(used.returning(col(OneTimePassword.subject))):
        return False
    void = {"password_hash": None, "totp_sealed": None, "totp_step": None}
    await db.write(update(Credential).where(col(Credential.subject) == proved.subject).values(**void))
    return True


async def replace(db: Transaction, subject: str, kept: str) -> None:
    """Keep a person's new password."""
    values = {"password_hash": kept, "password_set_at": func.clock_timestamp()}
    made = insert(Credential).values(subject=subject, **values)
    await db.write(made.on_conflict_do_update(index_elements=[col(Credential.subject)], set_=values))


def _active(subject: str) -> tuple[ColumnElement[bool], ...]:
    return col(Account.subject) == subject, col(Account.status) == AccountStatus.ACTIVE


async def _lasting(db: Transaction, subject: str) -> str | None:
    joined = select(Credential).join(Account, col(Account.subject) == col(Credential.subject))
    found = await db.one(joined.where(*_active(subject), ~_was_reset()))
    return found.password_hash if found else None


def _was_reset() -> ColumnElement[bool]:
    """Return whether a one-time password was given since: from then on the one before works no more, used or not."""
    since = or_(
        col(Credential.password_set_at).is_(None), col(OneTimePassword.made_at) > col(Credential.password_set_at)
    )
    return exists().where(col(OneTimePassword.subject) == col(Credential.subject), since)


async def _one_time(db: Transaction, subject: str) -> str | None:
    newest = (
        select(OneTimePassword)
        .join(Account, col(Account.subject) == col(OneTimePassword.subject))
        .where(*_active(subject))
        .order_by(col(OneTimePassword.id).desc())
        .limit(1)
    )
    found = await db.one(newest)
    return found.password_hash if found and found.used_at is None else None
