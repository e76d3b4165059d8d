"""Clients: the machines that may ask for an organisation, and the applications its people sign in at."""

from pathlib import Path
from typing import Annotated

import typer

from api.commands.asking import ask_all, operate
from api.failure import UsageError
from api.installation import Place
from auth import clients
from auth.clients import RegisterClient, Registered
from auth.key_file import write_key_file
from auth.public_keys import read_public_jwks
from auth.tenancy import Transaction
from schema.people.api_client import AssertionProfile, ClientKind
from schema.problem import Problem

app = typer.Typer(no_args_is_help=True, help=__doc__)

Organisation = Annotated[str, typer.Option(help="ODS code of the organisation it asks for.")]


@app.command()
def add(  # noqa: PLR0913, PLR0917 - each is an option by name
    organisation: Organisation,
    scope: Annotated[list[str], typer.Option(help="What it may ask for; repeat for more.")],
    redirect_uri: Annotated[list[str] | None, typer.Option(help="Where it has people sent back to; repeat.")] = None,
    output: Annotated[Path | None, typer.Option(help="Key file to write; never overwritten.")] = None,
    profile: Annotated[str, typer.Option(help="nhs (RS512) or rfc7523 (ES256).")] = "nhs",
    public_jwks: Annotated[Path | None, typer.Option(help="Its public keys as a JWK set, if it made its own.")] = None,
    application: Annotated[bool, typer.Option("--application", help="People sign in at it; else a machine.")] = False,
    public: Annotated[bool, typer.Option("--public", help="An application that can keep no key.")] = False,
    dpop: Annotated[bool, typer.Option("--dpop", help="Bind each of its tokens to a key (RFC 9449).")] = False,
    everyone: Annotated[bool, typer.Option("--everyone", help="People of every organisation sign in at it.")] = False,
) -> None:
    """Register a client and write its key file; the private key is kept nowhere else."""
    if profile not in set(AssertionProfile):
        raise UsageError(f"The profile {profile!r} is none of {', '.join(AssertionProfile)}.")
    target = output or Path(f"{organisation.lower()}.json")
    given = read_public_jwks(public_jwks) if public_jwks else None
    stated = RegisterClient(
        scopes=scope,
        profile=AssertionProfile(profile),
        public_jwks=given,
        kind=ClientKind.APPLICATION if application else ClientKind.MACHINE,
        redirect_uris=redirect_uri or (),
        public=public,
        dpop_bound=dpop,
        everyone=everyone,
    )

    async def register(db: Transaction, place: Place) -> Registered | Problem:
        made = await clients.register(db, f"{place.public_url}/oauth2/token", stated)
        if isinstance(made, Registered) and made.key_file:
            write_key_file(target, made.key_file)  # before the commit: no client whose key nobody has
        return made

    made = operate(organisation, "client add", register)
    typer.echo(f"Registered {made.client.client_id} for {organisation}.")
    if made.key_file:
        typer.echo(f"Its key file is {target}; hand it over safely and keep no copy.")


@app.command("list")
def list_(organisation: Annotated[str | None, typer.Option(help="Of this ODS code alone.")] = None) -> None:
    """List the clients: id, organisation, kind, profile, status, last use (UTC) and scopes."""
    for row in ask_all(lambda db: clients.listed(db, organisation)):
        proves = row.assertion_profile.value if row.jwks["keys"] else "public"
        told = (row.client_id, row.tenant_ods, row.kind.lower(), proves, row.status.value.lower())
        used = f"{row.last_used_at:%Y-%m-%d %H:%M}" if row.last_used_at else "never used"
        typer.echo("\t".join((*told, used, " ".join(row.scopes))))


@app.command()
def revoke(client_id: str, organisation: Organisation) -> None:
    """Revoke a client: it gets no more tokens, and those it has stop within 5 seconds."""
    operate(organisation, "client revoke", lambda db, _: clients.revoke(db, client_id))
    typer.echo(f"Revoked {client_id}; its tokens stop within 5 seconds.")
