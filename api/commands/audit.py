"""Proof that history is whole: verify it, export it, sign checkpoints for others to keep."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from joserfc.jwk import ECKey

from api.commands.asking import judged, run, run_as
from api.commands.audit_files import checkpoints_of, keys_of, lines_of, texts_of, writing
from api.commands.counting import counted, counting
from api.failure import UsageError
from auth.caller import SignIn
from auth.checkpoint import Checkpoint, own_keys, sign
from auth.signing import ensure_keys
from auth.tenancy import Database
from trusts.audit import chain, ledger
from trusts.audit.chain import Verdict

app = typer.Typer(no_args_is_help=True, help=__doc__)

T = TypeVar("T")
Organisation = Annotated[str, typer.Option("--organisation", help="ODS code of the organisation.")]
Output = Annotated[Path | None, typer.Option(help="Where to write it; else standard output.")]
Url = Annotated[str | None, typer.Option(help="The database, as reinstate_app; else DATABASE_URL.")]


@app.command()
def verify(
    file: Annotated[Path | None, typer.Argument(help="An export; else the database itself.")] = None,
    checkpoint: Annotated[list[Path] | None, typer.Option(help="Kept earlier; repeat for more.")] = None,
    jwks: Annotated[Path | None, typer.Option(help="The keys of the checkpoints; else the database's.")] = None,
    database_url: Url = None,
) -> None:
    """Take every hash again, follow every link. Status 1: a bad link or data lost; 2: there is no verdict."""
    texts = texts_of(checkpoint or [])
    keys = keys_of(jwks) if jwks else _own_keys(database_url) if texts else {}
    checkpoints = checkpoints_of(texts, keys)
    with counting("events hold so far") as say:
        if file:
            verdict = _verify_file(file, checkpoints, say)
        else:
            with judged(database_url) as place:
                verdict = run(place, lambda database: ledger.verify(database, checkpoints, say))
    if verdict.fault:
        typer.echo(verdict.fault.sentence, err=True)
        raise typer.Exit(1)
    whole = f"{verdict.events:,}; chains: {len(verdict.heads):,}; checkpoints held: {len(checkpoints):,}"
    typer.echo(f"Whole. Events: {whole}.")


@app.command()
def export(organisation: Organisation, output: Output = None, database_url: Url = None) -> None:
    """Write an organisation's events as JSON lines of the very strings that were hashed."""

    async def copy(database: Database) -> None:
        if await ledger.head(database, organisation) is None:
            raise UsageError(f"{organisation} has no events; give another organisation's code.")
        with writing(output) as write:
            async for page in ledger.export(database, organisation):
                write(page)

    with judged(database_url) as place:
        run(place, copy)


@app.command()
def checkpoint(
    organisation: Organisation,
    output: Output = None,
    jwks: Annotated[Path | None, typer.Option(help="Where to write the keys that verify it.")] = None,
    database_url: Url = None,
) -> None:
    """Sign the last event of an organisation's history. Keep it elsewhere, with the keys, which rotate."""
    with judged(database_url) as place:
        head = run(place, lambda database: ledger.head(database, organisation))
        if head is None:
            raise UsageError(f"{organisation} has no events; give another organisation's code.")
        issuer = place.issuer()
        ring = run_as(place, SignIn(), "audit checkpoint", lambda db: ensure_keys(db, issuer))
    with writing(output) as write:
        write(f"{sign(head, issuer, ring, time.time())}\n".encode())
    if jwks:
        with writing(jwks) as write:
            write(json.dumps({"keys": list(ring.public.values())}, indent=1).encode())


def _verify_file(file: Path, checkpoints: list[Checkpoint], say: Callable[[int], None]) -> Verdict:
    verdict = chain.verify(counted(lines_of(file), say), checkpoints)
    if not verdict.events and not (verdict.fault and verdict.fault.tenant_ods):
        raise UsageError(f"{file} is not an export: it holds no event.")
    return verdict


def _own_keys(url: str | None) -> dict[str, ECKey]:
    with judged(url) as place:
        return run_as(place, SignIn(), "audit", own_keys)
