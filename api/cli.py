"""The command line `reinstate`: every expected failure is one sentence and an exit status."""

import signal
import sys

import asyncpg
import typer
from pydantic import ValidationError

from api.commands import audit, check, client, demo, keys, organisation, server, token
from api.commands.people import account, issuer, session
from api.commands.terminal import ask, login
from api.database.failure import DatabaseUnavailable
from api.failure import UsageError
from api.logs import start_logs
from auth.ask import TokenRefused
from auth.key_file import KeyFileError
from auth.signing import SigningKeyUnreadableError

app = typer.Typer(
    name="reinstate", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__
)
app.add_typer(account.app, name="account")
app.add_typer(audit.app, name="audit")
app.add_typer(client.app, name="client")
app.add_typer(issuer.app, name="issuer")
app.add_typer(keys.app, name="keys")
app.add_typer(organisation.app, name="organisation")
app.add_typer(session.app, name="session")
app.command("ask")(ask.ask)
app.command("check")(check.check)
app.command("demo")(demo.demo)
app.command("login")(login.login)
app.command("logout")(login.logout)
app.command("migrate")(server.migrate)
app.command("prepare")(server.prepare)
app.command("serve")(server.serve)
app.command("token")(token.token)

_USAGE = (UsageError, KeyFileError, ValidationError)
_DATABASE = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError)
_FAILED = (DatabaseUnavailable, SigningKeyUnreadableError, TokenRefused)


def main() -> None:
    """Run a command; say an expected failure in one sentence."""
    start_logs()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # an end that closes what is open
    try:
        app()
    except _USAGE as error:
        _give_up(error, 2)
    except (*_FAILED, *_DATABASE) as error:
        _give_up(error, 1)


def _give_up(error: Exception, status: int) -> None:
    if isinstance(error, ValidationError):
        told = error.errors()[0]
        text = f"{'.'.join(map(str, told['loc'])).upper()}: {told['msg']}."
    elif isinstance(error, _DATABASE):
        text = _plain(error)
    else:
        text = str(error)
    sys.stderr.write(f"reinstate: {text}\n")
    raise SystemExit(status)


def _plain(error: BaseException) -> str:
    """Return what the database said, without the statement; what it is about is in the command."""
    while isinstance(getattr(error, "orig", None), BaseException):
        error = error.orig  # type: ignore[attr-defined] # asked for above
    said = (str(error).splitlines() or [type(error).__name__])[0]
    return (
        f"The database did not do it ({said}); check that it runs, and that its address is that of the right login "
        "(reinstate_app to serve, reinstate_migrate to migrate, an administrator to prepare)."
    )


if __name__ == "__main__":
    main()
