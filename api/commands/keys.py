"""Signing keys: the next one signs, the one before still verifies."""

from typing import Annotated

import typer

from api.commands.asking import operate
from auth.signing import rotate as rotate_keys

app = typer.Typer(no_args_is_help=True, help=__doc__)


@app.callback()
def keys() -> None:
    """Signing keys: the next one signs, the one before still verifies."""


@app.command()
def rotate(
    organisation: Annotated[str, typer.Option(help="ODS code of the organisation whose history records it.")],
) -> None:
    """Let the next key sign. Tokens signed before stay good until they expire; leave 10 minutes between two."""
    ring = operate(organisation, "keys rotate", lambda db, place: rotate_keys(db, place.issuer()))
    typer.echo(f"Published: {', '.join(ring.public)}.")
