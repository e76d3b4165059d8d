"""The demonstration: started, replayed and served by one command."""

import datetime as dt
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from api import installation, serving
from api.demo import accounts
from api.demo.clock import ScenarioClock
from api.demo.demonstration import Demonstration
from api.demo.scenario import read_scenario
from api.demo.screen import invitation, sign_in_table
from api.failure import UsageError
from api.settings import Settings

Port = Annotated[int | None, typer.Option(min=1, max=65535, help="Port to listen on.")]
Data = Annotated[Path | None, typer.Option(help="Folder of the demonstration's own PostgreSQL.")]
Until = Annotated[dt.datetime, typer.Option(formats=["%Y-%m-%d"], help="Replay up to this day.")]
NoServe = Annotated[bool, typer.Option("--no-serve", help="Load, and serve nothing.")]

UNTIL = dt.datetime(2023, 1, 20)  # noqa: DTZ001 - a day, as Typer reads it


def demo(port: Port = None, data: Data = None, until: Until = UNTIL, no_serve: NoServe = False) -> None:
    """Replay the Carenotes recovery of 2022 on a database of its own, and serve it."""
    scenario, settings = read_scenario(), _settings(port, data)
    if not scenario.up_to(until.date()):
        raise UsageError(f"The scenario starts on {scenario.steps[0].day}; give that day or a later one.")
    folder = settings.reinstate_data.expanduser() / "clients"
    with ExitStack() as held:
        if not no_serve:
            host, number = settings.reinstate_host, settings.reinstate_port
            claimed = held.enter_context(serving.claim_port(host, number))
        place = held.enter_context(installation.opened(settings, typer.echo, demonstration=True))
        shown = Demonstration(scenario, place, folder, ScenarioClock(scenario.opens_at))
        for refused in shown.load(until.date()):
            typer.echo(f"Refused: {refused}")
        typer.echo(f"In the demonstration it is {shown.clock():%-d %B %Y}.")
        if not no_serve:
            shown.clock.run()
            people = sign_in_table(place.public_url, accounts.read(shown.accounts), shown.accounts)
            serving.serve(shown.app(), claimed, lambda: typer.echo(f"{invitation(place.public_url, folder)}\n{people}"))


def _settings(port: int | None, data: Path | None) -> Settings:
    settings = Settings()
    given = {"reinstate_port": port, "reinstate_data": data}
    return settings.model_copy(update={name: value for name, value in given.items() if value is not None})
