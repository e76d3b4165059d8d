"""The folder of one embedded PostgreSQL, and what lies in it."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from api.database.account import Account, account_for
from api.database.failure import DatabaseUnavailable

RUNS_LOGGED = 5
LONGEST_SOCKET = 103  # bytes that fit macOS; Linux has room for 107


@dataclass(frozen=True)
class Place:
    """A folder that is ours alone, and the user it belongs to."""

    folder: Path
    account: Account

    @property
    def data(self) -> Path:
        """The data folder, which exists only once it is complete."""
        return self.folder / "data"

    @property
    def password(self) -> Path:
        """The file that keeps the superuser's password."""
        return self.folder / "password"

    @property
    def ours(self) -> Path:
        """The file that is made first and locked while we run: what tells our folder from any other."""
        return self.folder / "reinstate.lock"

    @property
    def theirs(self) -> Path:
        """The file that PostgreSQL keeps locked while any process of it lives."""
        return self.folder / "postgres.lock"

    def new_log(self) -> Path:
        """Make a folder for the log of this run, and forget all but the latest few."""
        kept = self.folder / "log"
        log = kept / time.strftime("%Y-%m-%dT%H%M%SZ", time.gmtime())
        self.account.keep_folder(log)
        for older in sorted(kept.iterdir())[:-RUNS_LOGGED]:
            shutil.rmtree(older)
        return log

    @contextmanager
    def socket(self, port: int) -> Iterator[Path]:
        """Make a fresh private folder for the socket; what a dead server left in it says nothing."""
        home = self.folder / "socket"
        shutil.rmtree(home, ignore_errors=True)
        if not _fits(home, port):
            home = Path(tempfile.mkdtemp(prefix="reinstate-"))
        try:
            if not _fits(home, port):
                raise DatabaseUnavailable(
                    f"A socket's path may have {LONGEST_SOCKET} bytes and no comma, which neither "
                    f"{self.folder} nor {home.parent} allows for: choose a shorter folder or TMPDIR."
                )
            self.account.keep_folder(home)
            self.account.must_reach(home)
            yield home
        finally:
            shutil.rmtree(home, ignore_errors=True)


def settle(folder: Path) -> Place:
    """Make the folder ours: new, empty, or ours already, and never anybody else's."""
    folder = folder.expanduser().resolve()
    place = Place(folder, account_for(folder))
    if folder.is_dir() and any(folder.iterdir()) and not place.ours.exists():
        raise DatabaseUnavailable(
            f"{folder} holds something else: choose a folder that is empty or does not exist yet."
        )
    place.account.must_reach(folder)
    place.account.keep_folder(folder)
    if place.data.exists():
        _hand_over(place)
    return place


def _hand_over(place: Place) -> None:
    if place.data.stat().st_uid != place.account.uid:  # restored by root from a backup, say
        for path in place.folder.rglob("*"):
            place.account.own(path)
    place.account.keep_folder(place.data)


def _fits(home: Path, port: int) -> bool:
    path = os.fsencode(home / f".s.PGSQL.{port}")
    return len(path) <= LONGEST_SOCKET and b"," not in path  # clients read a comma as a second host
