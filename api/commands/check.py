"""Whether the read model says what the rows say."""

from collections.abc import Callable
from typing import Annotated

import typer

from api.commands.asking import judged, run
from api.commands.counting import counting
from auth.caller import Inspector
from auth.tenancy import Database
from trusts.reckoning import Reckoned, reckon

_MEND = """\
{count} of {total:,} systems differ. Only the database's administrator can have written these rows: find out who did.
Then count each of them anew, as the administrator, in psql:
  delete from system_progress where tenant_ods = '{first.tenant_ods}' and system_id = '{first.id}';
  select app.count_anew('{first.tenant_ods}', '{first.id}');"""


def check(
    database_url: Annotated[str | None, typer.Option(help="The database, as reinstate_app; else DATABASE_URL.")] = None,
) -> None:
    """Count every system's progress anew and compare what is stored. Status 1: they differ; 2: there is no verdict."""
    with judged(database_url) as place, counting("systems agree so far") as say:
        total, wrong = run(place, lambda database: _compare(database, say))
    for system in wrong:
        typer.echo(system.sentence, err=True)
    if wrong:
        typer.echo(_MEND.format(count=len(wrong), total=total, first=wrong[0]), err=True)
        raise typer.Exit(1)
    typer.echo(f"Right. Systems compared: {total:,}.")


async def _compare(database: Database, say: Callable[[int], None]) -> tuple[int, list[Reckoned]]:
    total, wrong = 0, []
    async with database.transaction(Inspector(), "check", read_only=True) as db:
        async for system in reckon(db):
            total += 1
            say(total)
            if system.fault:
                wrong.append(system)
    return total, wrong
