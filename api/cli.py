"""The command line `reinstate`: every expected failure is one sentence and an exit status."""

import sys

import typer
from pydantic import ValidationError

from api.commands import audit, client, demo, keys, organisation, server, token
from api.database.failure import DatabaseUnavailable
from api.failure import UsageError
from api.logs import start_logs
from auth.ask import TokenRefused
from auth.key_file import KeyFileError
from auth.signing import SigningKeyUnreadableError

app = typer.Typer(
    name="reinstate", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__
)
app.add_typer(audit.app, name="audit")
app.add_typer(client.app, name="client")
app.add_typer(keys.app, name="keys")
app.add_typer(organisation.app, name="organisation")
app.command("demo")(demo.demo)
app.command("migrate")(server.migrate)
app.command("prepare")(server.prepare)
app.command("serve")(server.serve)
app.command("token")(token.token)

_USAGE = (UsageError, KeyFileError, ValidationError)
_FAILED = (DatabaseUnavailable, SigningKeyUnreadableError, TokenRefused)


def main() -> None:
    """Run a command; say an expected failure in one sentence."""
    start_logs()
    try:
        app()
    except _USAGE as error:
        _give_up(error, 2)
    except _FAILED as error:
        _give_up(error, 1)


def _give_up(error: Exception, status: int) -> None:
    if isinstance(error, ValidationError):
        told = error.errors()[0]
        text = f"{'.'.join(map(str, told['loc']))}: {told['msg']}"
    else:
        text = str(error)
    sys.stderr.write(f"reinstate: {text}\n")
    raise SystemExit(status)


if __name__ == "__main__":
    main()
