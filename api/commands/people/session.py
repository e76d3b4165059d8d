"""Sessions: where people are signed in; ending one stops its tokens within 5 seconds."""

import uuid
from typing import Annotated

import typer
from sqlmodel import col, select

from api.commands.asking import administer, ask_all
from api.failure import UsageError
from auth.people import sessions
from auth.tenancy import Transaction
from schema.people.session import EndSession, Session

app = typer.Typer(no_args_is_help=True, help=__doc__)


@app.command("list")
def list_(
    organisation: Annotated[str | None, typer.Option(help="That speak for this ODS code alone.")] = None,
    subject: Annotated[str | None, typer.Option(help="Of this account alone.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Also those that are over.")] = False,
) -> None:
    """List the sessions: id, account, organisation, application, sign-in and last use (UTC), and roles."""

    async def listed(db: Transaction) -> list[Session]:
        found = sessions.listed(subject, None if everything else True).statement.order_by(col(Session.id))
        return await db.all(found.where(col(Session.tenant_ods) == organisation) if organisation else found)

    for row in ask_all(listed):
        times = (f"{at:%Y-%m-%d %H:%M}" for at in (row.authenticated_at, row.last_used_at))
        typer.echo("\t".join((str(row.id), row.subject, row.tenant_ods, row.client_id, *times, " ".join(row.roles))))


@app.command()
def end(
    session: Annotated[uuid.UUID, typer.Argument(help="Its id, see `reinstate session list`.")],
    reason: Annotated[str, typer.Option(help="Why; it is kept in the ledger.")],
) -> None:
    """End a session: its tokens stop within 5 seconds, and it gets no more."""

    async def found(db: Transaction) -> Session | None:
        return await db.one(select(Session).where(col(Session.id) == session))

    row = ask_all(found)
    if row is None:
        raise UsageError(f"There is no session {session}. See `reinstate session list`.")
    stated = EndSession(session=row.global_id(), reason=reason)
    administer(row.tenant_ods, "session end", lambda db, operator: sessions.end(db, operator, stated))
    typer.echo(f"Ended the session of {row.subject}; its tokens stop within 5 seconds.")
