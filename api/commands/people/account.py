"""Accounts: who signs in, and what they are in an organisation."""

import re
from collections import defaultdict
from typing import Annotated

import strawberry
import typer
from sqlmodel import col, select
from sqlmodel.sql.expression import SelectOfScalar

from api.commands.asking import administer, ask_all
from api.failure import UsageError
from auth.caller import Operator
from auth.people import accounts, memberships, passwords
from auth.tenancy import Transaction
from schema.people.account import (
    SUBJECT,
    Account,
    EndRole,
    GrantRole,
    Membership,
    MembershipStatus,
    OpenAccount,
    ResetAccount,
    RestoreAccount,
    Role,
    SuspendAccount,
    home_of,
)
from schema.problem import Problem

app = typer.Typer(no_args_is_help=True, help=__doc__)

Subject = Annotated[str, typer.Argument(help="What it signs in by, e.g. it.lead@R1A: never a person's name.")]
ARole = Annotated[Role, typer.Argument(case_sensitive=False)]
Where = Annotated[str | None, typer.Option("--organisation", help="ODS code; else the account's own organisation.")]


@app.command("open")
def open_(
    subject: Subject,
    role: Annotated[list[Role], typer.Option(case_sensitive=False, help="What it is there; repeat for more.")],
) -> None:
    """Open an account and show its one-time password, once."""
    home, password = _home(subject), passwords.new_one_time_password()
    stated = OpenAccount(local_part=subject.rpartition("@")[0], roles=role, one_time_password=password)
    administer(home, "account open", lambda db, operator: accounts.open_(db, operator, stated))
    typer.echo(f"Opened {subject}: {', '.join(sorted(set(role)))}.")
    _show(password)


@app.command("list")
def list_(organisation: Annotated[str | None, typer.Option(help="Of this ODS code alone.")] = None) -> None:
    """List the accounts: subject, status, and as what each may ask where."""
    for line in ask_all(lambda db: _listed(db, organisation)):
        typer.echo(line)


@app.command()
def suspend(subject: Subject) -> None:
    """Suspend an account: its person is signed out within 5 seconds and cannot sign in."""

    async def rule(db: Transaction, operator: Operator) -> Account | Problem:
        return await accounts.suspend(db, operator, SuspendAccount(account=await _id(db, subject)))

    administer(_home(subject), "account suspend", rule)
    typer.echo(f"Suspended {subject}; whoever was signed in by it is signed out within 5 seconds.")


@app.command()
def restore(subject: Subject) -> None:
    """Let the person of a suspended account sign in again."""

    async def rule(db: Transaction, operator: Operator) -> Account | Problem:
        return await accounts.restore(db, operator, RestoreAccount(account=await _id(db, subject)))

    administer(_home(subject), "account restore", rule)
    typer.echo(f"Restored {subject}.")


@app.command()
def reset(subject: Subject) -> None:
    """Recover an account: a one-time password, then a new password and second factor. Signs everybody out."""
    password = passwords.new_one_time_password()

    async def rule(db: Transaction, operator: Operator) -> Account | Problem:
        stated = ResetAccount(account=await _id(db, subject), one_time_password=password)
        return await accounts.reset(db, operator, stated)

    administer(_home(subject), "account reset", rule)
    typer.echo(f"Reset {subject}; whoever was signed in by it is signed out within 5 seconds.")
    _show(password)


@app.command()
def grant(subject: Subject, role: ARole, organisation: Where = None) -> None:
    """Make an account something in an organisation, its own or another."""
    home = _home(subject)
    where = organisation or home

    async def rule(db: Transaction, operator: Operator) -> Membership | Problem:
        return await memberships.grant(db, operator, GrantRole(account=await _id(db, subject), role=role))

    administer(where, "account grant", rule)
    typer.echo(f"{subject} is {role} of {where}.")


@app.command()
def end(subject: Subject, role: ARole, organisation: Where = None) -> None:
    """End what an account is in an organisation; the sessions that hold the role end within 5 seconds."""
    home = _home(subject)
    where = organisation or home

    async def rule(db: Transaction, operator: Operator) -> Membership | Problem:
        mine = _active().where(col(Membership.subject) == subject, col(Membership.role) == role)
        held = await db.one(mine.where(col(Membership.tenant_ods) == where))
        if held is None:
            raise UsageError(f"{subject} is not {role} of {where}. See `reinstate account list`.")
        return await memberships.end(db, operator, EndRole(membership=held.global_id()))

    administer(where, "account end", rule)
    typer.echo(f"{subject} is {role} of {where} no more.")


def _home(subject: str) -> str:
    if not re.fullmatch(SUBJECT, subject):
        raise UsageError(
            f"{subject!r} is no account: give a post or staff number, @ and an ODS code, e.g. it.lead@R1A."
        )
    return home_of(subject)


def _active() -> SelectOfScalar[Membership]:
    return select(Membership).where(col(Membership.status) == MembershipStatus.ACTIVE)


async def _id(db: Transaction, subject: str) -> strawberry.ID:
    account = await db.one(select(Account).where(col(Account.subject) == subject))
    if account is None:
        raise UsageError(f"There is no account {subject}. See `reinstate account list`.")
    return strawberry.ID(account.global_id())


async def _listed(db: Transaction, organisation: str | None) -> list[str]:
    found = select(Account).order_by(col(Account.tenant_ods), col(Account.subject))
    if organisation is not None:
        found = found.where(col(Account.tenant_ods) == organisation)
    held = defaultdict(list)
    for membership in await db.all(_active().order_by(col(Membership.tenant_ods), col(Membership.role))):
        held[membership.subject].append(f"{membership.role}@{membership.tenant_ods}")
    return [
        "\t".join((each.subject, each.status.lower(), " ".join(held[each.subject]) or "-"))
        for each in await db.all(found)
    ]


def _show(password: str) -> None:
    typer.echo(f"One-time password, shown this once, good for one sign-in within 72 hours: {password}")
