"""The embedded PostgreSQL: started for this process, and gone with it."""

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen
from urllib.parse import quote, urlencode

from api.database.binaries import find_binaries
from api.database.claim import claim
from api.database.cluster import initialise, look_over
from api.database.door import PATIENCE, SUPERUSER, USUAL_PORT, Door, until_answering
from api.database.elsewhere import reachable
from api.database.failure import DatabaseUnavailable, plainly
from api.database.place import settle
from api.database.process import Run
from api.database.settings import settings


@dataclass(frozen=True)
class Server:
    """A running embedded server; hold on to it, and stop it when done."""

    folder: Path
    _door: Door = field(repr=False)
    _listens: bool = field(repr=False)
    _undo: ExitStack = field(repr=False, compare=False)

    def url(self, user: str, password: str | None = None, database: str = "postgres") -> str:
        """Spell the address of a database for a user."""
        login = ":".join(quote(part, safe="") for part in (user, password) if part is not None)
        path = quote(database, safe="")
        if self._listens:
            return f"postgresql://{login}@127.0.0.1:{self._door.port}/{path}"
        # The port names the socket's file; unsaid, a client would take it from PGPORT.
        where = urlencode({"host": self._door.socket, "port": self._door.port}, quote_via=quote)
        return f"postgresql://{login}@/{path}?{where}"

    @property
    def admin_url(self) -> str:
        """The superuser's address, for the process that owns the folder alone."""
        return self.url(SUPERUSER, self._door.password)

    def stop(self) -> None:
        """Stop the server cleanly and let go of its folder; harmless when it has stopped already."""
        self._undo.close()


def _unheard(_: str) -> None: ...


def start(
    folder: Path, *, port: int | None = None, durable: bool = True, say: Callable[[str], None] = _unheard
) -> Server:
    """Start the server that keeps its data in this folder, setting it up the first time.

    It listens on a private socket, and on 127.0.0.1 too where a port is given. It dies with the thread that
    called this. Not durable is for tests: quicker, but a crash loses the last commits, and a power cut all.
    """
    if sys.platform == "win32":
        raise DatabaseUnavailable("The embedded PostgreSQL needs Linux or macOS: on Windows set DATABASE_URL.")
    with plainly(folder), ExitStack() as undo:
        run = _hold(folder, undo, say)
        if not run.place.data.exists():
            say(f"Setting up PostgreSQL {run.binaries.major} in {run.place.folder}.")
            initialise(run, durable=durable)
        look_over(run)
        number = port or USUAL_PORT
        door = Door(undo.enter_context(run.place.socket(number)), number, run.place.password.read_text())
        arguments = settings(door, run.log, listens=port is not None, durable=durable)
        process = undo.enter_context(run.tethered([run.binaries.postgres, "-D", str(run.place.data), *arguments]))
        if not asyncio.run(until_answering(process, door, say)):
            raise _given_up(run, process)
        return Server(run.place.folder, door, port is not None, undo.pop_all())


@contextmanager
def running(
    folder: Path, *, port: int | None = None, durable: bool = True, say: Callable[[str], None] = _unheard
) -> Iterator[Server]:
    """Have the server for as long as a block lasts."""
    server = start(folder, port=port, durable=durable, say=say)
    try:
        yield server
    finally:
        server.stop()


def _hold(folder: Path, undo: ExitStack, say: Callable[[str], None]) -> Run:
    found = find_binaries()
    place = settle(folder)
    binaries = reachable(found, place.account, say)
    place.account.must_reach(binaries.folder / "postgres")
    return Run(place, binaries, lock=undo.enter_context(claim(place)), log=place.new_log())


def _given_up(run: Run, process: Popen[bytes]) -> DatabaseUnavailable:
    if process.poll() is not None:
        return run.explain()
    return DatabaseUnavailable(
        f"PostgreSQL in {run.place.folder} did not answer within {PATIENCE:.0f} s: start again, "
        f"and if that does not help look in {run.log}."
    )
