"""The data folder: laid out whole or not at all, and looked over before each start."""

import os
import secrets
import shutil
from pathlib import Path

from api.database.door import SUPERUSER
from api.database.failure import DatabaseUnavailable
from api.database.place import Place
from api.database.process import Run

BUILTIN_LOCALES_SINCE = 17


def initialise(run: Run, *, durable: bool) -> None:
    """Lay out a new data folder beside its place, and move it there in one step."""
    place, fresh = run.place, run.place.folder / "data.new"
    shutil.rmtree(fresh, ignore_errors=True)
    _choose_password(place)
    try:
        with run.tethered(_initdb(run, fresh, durable=durable)) as process:
            if process.wait() != 0:
                raise run.explain()
        fresh.rename(place.data)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    _sync(place.folder)


def _choose_password(place: Place) -> None:
    with place.account.keep_file(place.password, "w") as file:
        file.write(secrets.token_urlsafe(32))
        file.flush()
        os.fsync(file.fileno())


def _initdb(run: Run, fresh: Path, *, durable: bool) -> list[str]:
    command = [
        *(run.binaries.initdb, "--pgdata", str(fresh), "--encoding", "UTF8", "--locale", "C"),
        *("--username", SUPERUSER, "--pwfile", str(run.place.password), "--auth", "scram-sha-256"),
        *("--data-checksums", "--no-instructions"),
    ]
    if run.binaries.major >= BUILTIN_LOCALES_SINCE:
        command += ["--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"]
    return command if durable else [*command, "--no-sync"]


def _sync(folder: Path) -> None:
    # A rename is kept once its folder is: losing it in a power cut would lose the data it names.
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def look_over(run: Run) -> None:
    """Refuse what cannot be started, and make a dead server's leavings harmless."""
    place, major = run.place, str(run.binaries.major)
    made_by = (place.data / "PG_VERSION").read_text().strip()
    if made_by != major:
        raise DatabaseUnavailable(
            f"{place.folder} was made by PostgreSQL {made_by} and this one is {major}: "
            f"install PostgreSQL {made_by}, or choose another folder."
        )
    if not place.password.exists():
        raise DatabaseUnavailable(
            f"{place.password} is missing and nobody can log in without it: "
            "restore it from the backup, or choose another folder."
        )
    _disown(place)


def _disown(place: Place) -> None:
    # A stranger may by now have the number a dead server left, and PostgreSQL refuses to start while the
    # process of that number lives, unless it is its own parent: so we put ours there. The rest of the file
    # stays, for its key still finds a server that somebody started by hand.
    left = place.data / "postmaster.pid"
    if left.exists():
        _, *rest = left.read_text().splitlines() or [""]
        with place.account.keep_file(left, "w") as file:
            file.write("\n".join([str(os.getpid()), *rest, ""]))
