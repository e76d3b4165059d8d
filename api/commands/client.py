"""Clients: the machines that may ask for an organisation."""

import json
from pathlib import Path
from typing import Annotated

import typer

from api.commands.asking import ask_all, operate
from api.commands.key_files import write_key_file
from api.failure import UsageError
from api.settings import Settings
from auth import clients
from auth.clients import RegisterClient
from schema.api_client import AssertionProfile

app = typer.Typer(no_args_is_help=True, help=__doc__)

Organisation = Annotated[str, typer.Option(help="ODS code of the organisation it asks for.")]


@app.command()
def add(
    organisation: Organisation,
    scope: Annotated[list[str], typer.Option(help="What it may ask for; repeat for more.")],
    output: Annotated[Path | None, typer.Option(help="Key file to write; never overwritten.")] = None,
    profile: Annotated[str, typer.Option(help="nhs (RS512) or rfc7523 (ES256).")] = "nhs",
    public_jwks: Annotated[
        Path | None, typer.Option(help="Its public keys as a JWK set, if it made its own.")
    ] = None,
) -> None:
    """Register a client and write its key file; the private key is kept nowhere else."""
    if profile not in set(AssertionProfile):
        raise UsageError(f"The profile {profile!r} is none of {', '.join(AssertionProfile)}.")
    target = output or Path(f"{organisation.lower()}.json")
    if public_jwks is None and target.exists():
        raise UsageError(f"{target} exists; name another file with --output.")
    stated = RegisterClient(
        scopes=scope,
        profile=AssertionProfile(profile),
        public_jwks=_read_jwks(public_jwks) if public_jwks else None,
    )
    token_url = f"{Settings().public_url}/oauth2/token"
    made = operate(organisation, "client add", lambda db: clients.register(db, token_url, stated))
    typer.echo(f"Registered {made.client.client_id} for {organisation}.")
    if made.key_file:
        write_key_file(target, made.key_file)
        typer.echo(f"Its key file is {target}; hand it over safely and keep no copy.")


@app.command("list")
def list_(organisation: Annotated[str | None, typer.Option(help="Of this ODS code alone.")] = None) -> None:
    """List the clients: id, organisation, profile, status and scopes."""
    for row in ask_all(lambda db: clients.listed(db, organisation)):
        status = row.status.value.lower()
        typer.echo(
            f"{row.client_id}\t{row.tenant_ods}\t{row.assertion_profile.value}\t{status}\t{' '.join(row.scopes)}"
        )


@app.command()
def revoke(client_id: str, organisation: Organisation) -> None:
    """Revoke a client: it gets no more tokens, and those it has stop within 5 seconds."""
    operate(organisation, "client revoke", lambda db: clients.revoke(db, client_id))
    typer.echo(f"Revoked {client_id}; its tokens stop within 5 seconds.")


def _read_jwks(file: Path) -> dict[str, object]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f'{file} is not a JWK set; give a file with {{"keys": […]}}.') from error
    if not isinstance(found, dict):
        raise UsageError(f'{file} is not a JWK set; give a file with {{"keys": […]}}.')
    return found
