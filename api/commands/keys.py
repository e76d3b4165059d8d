"""Signing keys: the next one signs, the one before still verifies."""

import typer

from api import installation
from api.commands.asking import run_as
from api.settings import Settings
from auth.caller import SignIn
from auth.signing import rotate as rotate_keys

app = typer.Typer(no_args_is_help=True, help=__doc__)


@app.callback()
def keys() -> None:
    """Signing keys: the next one signs, the one before still verifies."""


@app.command()
def rotate() -> None:
    """Let the next key sign. Tokens signed before stay good until they expire; leave 10 minutes between two."""
    settings = Settings()
    with installation.opened(settings, beside=True) as place:
        issuer = place.issuer()
        ring = run_as(place, SignIn(), "keys rotate", lambda db: rotate_keys(db, issuer))
    typer.echo(f"Published: {', '.join(ring.public)}.")
