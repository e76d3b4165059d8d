"""The accounts of the cast, one for each role: opened by the operator's rules, with passwords that work once."""

import asyncio
import datetime as dt
import os
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ValidationError
from sqlmodel import col, select

from api.demo.scenario import Part, subject_of
from api.demo.screen import progress
from api.failure import UsageError
from auth.caller import Operator, SignIn
from auth.people import accounts, passwords
from auth.people.tables import OneTimePassword
from auth.tenancy import Database
from schema.people.account import Account, OpenAccount, ResetAccount, Role
from schema.problem import Problem

AT_ONCE = 4  # two are hashed while the others are kept
NOTICE = (
    "Accounts of a demonstration. Each password works once, within 72 hours; a person then chooses its own. "
    "null: it has one of its own."
)


class _Kept(BaseModel):
    notice: str = NOTICE
    accounts: dict[str, str | None]


@dataclass(frozen=True)
class Post:
    """A role in an organisation, which somebody has."""

    ods_code: str
    role: Role

    @property
    def subject(self) -> str:
        """The account."""
        return subject_of(self.role, self.ods_code)


@dataclass(frozen=True)
class Opened:
    """What there is of an account: its id, whether a one-time password was used, until when the newest works."""

    id: str
    used: bool
    until: dt.datetime | None


def posts_of(parts: Iterable[Part], acting: Container[str | None]) -> list[Post]:
    """Return the posts of the cast, in its order: of whole organisations all, of the others those who act."""
    posts = [(part, Post(part.ods_code, role)) for part in parts for role in part.people]
    return [post for part, post in posts if part.whole or post.subject in acting]


async def open_all(database: Database, posts: list[Post], file: Path) -> None:
    """Open the accounts that are missing, and keep in a file the one-time passwords that still work.

    Written when all is done: what was not written is given anew at the next start.
    """
    kept = read(file)
    there, now = await _standing(database)
    fresh = [post for post in posts if _needs_password(post, there, kept, now)]
    once = {post.subject: passwords.new_one_time_password() for post in fresh}
    turns = asyncio.Semaphore(AT_ONCE)

    async def give(post: Post) -> None:
        async with turns:
            await _give(database, post, once[post.subject], there.get(post.subject))
            tick()

    with progress("Opening accounts", len(fresh)) as tick:
        await asyncio.gather(*(give(post) for post in fresh))
    _write(file, {post.subject: once.get(post.subject) or _left(post, there, kept) for post in posts})


def read(file: Path) -> dict[str, str | None]:
    """Return the one-time password of each account; None: its person has chosen one of its own."""
    try:
        return _Kept.model_validate_json(file.read_bytes()).accounts
    except (OSError, ValidationError):
        return {}


def _needs_password(post: Post, there: Mapping[str, Opened], kept: Mapping[str, str | None], now: dt.datetime) -> bool:
    standing = there.get(post.subject)
    if standing is None:
        return True
    works = standing.until is not None and standing.until > now and kept.get(post.subject) is not None
    return not standing.used and not works


def _left(post: Post, there: Mapping[str, Opened], kept: Mapping[str, str | None]) -> str | None:
    return None if there[post.subject].used else kept.get(post.subject)


async def _standing(database: Database) -> tuple[dict[str, Opened], dt.datetime]:
    async with database.transaction(SignIn(), "list", read_only=True) as db:
        opened = await db.all(select(Account))
        given = await db.all(select(OneTimePassword).order_by(col(OneTimePassword.id)))
        now = await db.clock()
    used = {each.subject for each in given if each.used_at}
    until = {each.subject: each.expires_at for each in given}
    there = {each.subject: Opened(each.global_id(), each.subject in used, until.get(each.subject)) for each in opened}
    return there, now


async def _give(database: Database, post: Post, once: str, standing: Opened | None) -> None:
    operator = Operator(tenant_ods=post.ods_code)
    async with database.change(operator, "account reset" if standing else "account open") as db:
        made: Account | Problem
        if standing:
            stated = ResetAccount(account=standing.id, one_time_password=once)
            made = await accounts.reset(db, operator, stated)
        else:
            local_part = post.subject.rpartition("@")[0]
            opened = OpenAccount(local_part=local_part, roles=[post.role], one_time_password=once)
            made = await accounts.open_(db, operator, opened)
        if isinstance(made, Problem):
            db.refuse()
            raise UsageError(f"{post.subject}: {made.message} {made.next_step}")


def _write(file: Path, once: Mapping[str, str | None]) -> None:
    """Write the file, for its owner's eyes alone, in one step."""
    fresh = file.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
        opened.write(_Kept(accounts=dict(once)).model_dump_json(indent=1) + "\n")
    fresh.replace(file)
