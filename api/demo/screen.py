"""What the demonstration shows at the terminal: its progress, and what to do with it."""

import shlex
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from schema.people.account import home_of

REQUESTS = {
    "Region Midlands: where does every trust stand?": (
        "region-y60",
        (
            '{ progress(incident: "CARENOTES-2022") { organisation { odsCode name } testing percentMet openFailures '
            "hoursSinceReport nextMilestone { title forecastOn slippedDays } } }"
        ),
    ),
    "Trust R1A: our system and our test reports.": (
        "trust-r1a",
        (
            '{ systems(incident: "CARENOTES-2022") { nodes { name teamsTotal accountsTotal currentBuild { label } '
            "interimSystems { nodes { name liveOn } } reports(first: 5) { totalCount nodes { test outcome planned "
            "passed exitMet asOf } } } } }"
        ),
    ),
    "Region Midlands: who waits for whom, longest first?": (
        "region-y60",
        (
            '{ blockers(incident: "CARENOTES-2022") { organisation { odsCode } kind code what since '
            "waitsFor { odsCode } waitsForRoles } }"
        ),
    ),
    "Trust RQ3: what stands between our system and our users?": (
        "trust-rq3",
        (
            '{ systems(incident: "CARENOTES-2022") { nodes { name state gates { nodes { code standing shut since '
            "expiresAt detail waitsFor { odsCode } waitsForRoles } } } } }"
        ),
    ),
    "Supplier: what did we promise, and how did it slip?": (
        "supplier",
        (
            '{ milestones(product: "CARENOTES", first: 5) { nodes { title baselineOn forecastOn status slippedDays '
            "timesSlipped overdue forecasts { nodes { forecastOn movedDays reasonCode note } } } } }"
        ),
    ),
}


@contextmanager
def progress(title: str, total: int) -> Iterator[Callable[[], None]]:
    """Show how far a piece of work has come; one plain line where nobody watches, none where nothing is to do."""
    if not total or not sys.stdout.isatty():
        if total:
            typer.echo(f"{title}: {total} …")
        yield lambda: None
        return
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    with Progress(*columns) as bar:
        task = bar.add_task(title, total=total)
        yield lambda: bar.advance(task)


def invitation(base_url: str, folder: Path) -> str:
    """Return what to open, where the keys are, and requests that are ready to paste."""
    lines = [
        "",
        f"Open {base_url}/ and {base_url}/schema.graphql. Ctrl-C stops; the data stays.",
        "This is demonstration data: real organisations are named for public facts alone, and invented trouble",
        "stays on the fictional trusts ZZA, ZZB and ZZC.",
        f"The key files of every tenant are in {_near(folder)}/.",
    ]
    for title, (client, document) in REQUESTS.items():
        lines += ["", f"# {title}", _curl(base_url, folder / f"{client}.json", document)]
    return "\n".join(lines)


def sign_in_table(base_url: str, accounts: Mapping[str, str | None], file: Path) -> str:
    """Return who may sign in by which one-time password: all of the organisations that have their own administrator.

    Of the others only those who sign and decide have accounts; the file has theirs.
    """
    whole = {home_of(subject) for subject in accounts if subject.startswith("administrator@")}
    shown = {subject: once for subject, once in accounts.items() if home_of(subject) in whole} or accounts
    lines = [
        "",
        f"Sign in at {base_url}/sign-in, or by `{_command()} login`, as any of these people of the demonstration.",
        "A password works once and for 72 hours; you then choose your own, and a second factor for what decides.",
    ]
    wide = max(map(len, shown), default=0)
    rows = [f"  {subject:{wide}}  {once or 'its own password'}" for subject, once in shown.items()]
    if others := len(accounts) - len(shown):
        rows.append(f"  {others} more, who sign or decide elsewhere, stand in {_near(file)}.")
    return "\n".join([*lines, *rows])


def _curl(base_url: str, key_file: Path, document: str) -> str:
    body = '{"query": "' + document.replace('"', '\\"') + '"}'
    token = f"{_command()} token {shlex.quote(_near(key_file))}"
    return (
        f"curl -s {base_url}/graphql -H 'Content-Type: application/json' \\\n"
        f'  -H "Authorization: Bearer $({token})" \\\n'
        f"  -d '{body}' | {shlex.quote(_near(Path(sys.executable)))} -m json.tool"
    )


def _command() -> str:
    """Return how this command is called from where its user stands."""
    program = Path(sys.argv[0])
    if program.suffix == ".py":
        return f"{shlex.quote(_near(Path(sys.executable)))} -m api.cli"
    if (found := shutil.which(program.name)) and Path(found).samefile(program):
        return program.name
    return shlex.quote(_near(program))


def _near(path: Path) -> str:
    """Spell a path from where the user stands, if it lies below."""
    here, there = Path.cwd(), path.absolute()
    return str(there.relative_to(here)) if there.is_relative_to(here) else str(there)
