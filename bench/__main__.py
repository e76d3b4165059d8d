"""`python -m bench` measures at seed scale; `--full` at national scale too, and how cost grows."""

import signal
import sys
from dataclasses import replace
from typing import Annotated

import typer
from rich.console import Console
from rich.markdown import Markdown
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench.failure import BenchError
from bench.report import reached
from bench.run import FULL, SHORT, run


def bench(
    full: Annotated[bool, typer.Option(help="National scale and growth too; about an hour.")] = False,
    rounds: Annotated[int | None, typer.Option(min=1, help="Other than the usual number of rounds.")] = None,
) -> None:
    """Measure the product beside its limits and its peers; write results.json, the charts and docs/speed.md."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that whatever was started is stopped
    pace = FULL if full else SHORT
    pace = replace(pace, rounds=rounds) if rounds else pace
    console = Console()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    try:
        with Progress(*columns, console=console) as progress:
            told = run(pace, progress)
    except BenchError as error:
        sys.exit(str(error))
    console.print(Markdown(reached(told)))
    for what, why in told["failures"].items():
        console.print(f"Not measured: {what}: {why}", markup=False)


typer.run(bench)
