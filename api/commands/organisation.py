"""Organisations: who is listed. A code is taken as given, never parsed."""

from typing import Annotated

import typer

from api.commands.asking import ask_all, operate
from schema.organisation import ListOrganisation, OrganisationKind
from trusts import organisations

app = typer.Typer(no_args_is_help=True, help=__doc__)


@app.command()
def add(
    ods_code: str,
    name: Annotated[str, typer.Option(help="Its name.")],
    kind: Annotated[OrganisationKind, typer.Option(help="What part it plays.", case_sensitive=False)],
    region: Annotated[str | None, typer.Option(help="ODS code of its region, listed before.")] = None,
    icb: Annotated[str | None, typer.Option(help="ODS code of its integrated care board, listed before.")] = None,
) -> None:
    """List an organisation, or change what is listed of it."""
    stated = ListOrganisation(ods_code=ods_code, name=name, kind=kind, region_ods=region, icb_ods=icb)
    operate(ods_code, "organisation add", lambda db, _: organisations.put_on_list(db, stated))
    typer.echo(f"Listed {ods_code}.")


@app.command("list")
def list_() -> None:
    """List every organisation: code, kind, region and name."""
    for row in ask_all(organisations.everyone):
        typer.echo(f"{row.ods_code}\t{row.kind.value.lower()}\t{row.region_ods or '-'}\t{row.name}")
