"""Who PostgreSQL runs as, and what belongs to that user."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from api.database.failure import DatabaseUnavailable

if sys.platform != "win32":
    import pwd


@dataclass(frozen=True)
class Account:
    """A user of this machine; everything it is given is readable by nobody else."""

    name: str
    uid: int
    gid: int

    def own(self, path: Path) -> None:
        """Give the path to this user."""
        if path.lstat().st_uid != self.uid:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def keep_folder(self, path: Path) -> None:
        """Make a private folder, and the parents that are missing; parents that exist stay as they are."""
        if not path.parent.exists():
            self.keep_folder(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)
        opened = os.open(path, os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            os.fchown(opened, self.uid, self.gid)
            os.fchmod(opened, 0o700)
        finally:
            os.close(opened)

    @contextmanager
    def keep_file(self, path: Path, mode: str) -> Iterator[IO[str]]:
        """Open a private file of this user's."""
        with open(path, mode, encoding="utf-8", opener=_private) as file:
            self.own(path)
            yield file

    def must_reach(self, path: Path) -> None:
        """Refuse a path below a folder which this user may not enter; opening that up is its owner's call."""
        if closed := self._closed(path):
            raise DatabaseUnavailable(
                f"PostgreSQL would run as the user {self.name}, who may not enter {closed}: keep {path} "
                "where that user can go, or start reinstate as an ordinary user."
            )

    def may_reach(self, path: Path) -> bool:
        """Tell whether this user may enter every folder above a path."""
        return self._closed(path) is None

    def _closed(self, path: Path) -> Path | None:
        if os.geteuid() != 0:
            return None  # we are that user: the kernel says so itself, and knows our groups
        above = sorted({*path.parents, *path.resolve().parents})  # a link needs both ways to be open
        return next((parent for parent in above if parent.exists() and not self._may_enter(parent)), None)

    def _may_enter(self, folder: Path) -> bool:
        status = folder.stat()
        if status.st_uid == self.uid:
            return bool(status.st_mode & 0o100)
        if status.st_gid == self.gid:
            return bool(status.st_mode & 0o010)
        return bool(status.st_mode & 0o001)


def account_for(folder: Path) -> Account:
    """Choose who runs PostgreSQL: whoever starts it, but never root, whom it refuses."""
    if os.geteuid() != 0:
        return Account(f"number {os.geteuid()}", os.geteuid(), os.getegid())
    if folder.exists() and (owner := folder.stat().st_uid) != 0:
        with suppress(KeyError):
            return _account(pwd.getpwuid(owner))
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            return _account(pwd.getpwnam(name))
    raise DatabaseUnavailable(
        "PostgreSQL refuses to run as root and there is no user postgres or nobody: "
        "add one, start reinstate as an ordinary user, or set DATABASE_URL."
    )


def _account(user: "pwd.struct_passwd") -> Account:
    return Account(user.pw_name, user.pw_uid, user.pw_gid)


def _private(path: str, flags: int) -> int:
    # Root writes into a folder that is another user's: a link left there must not lead it astray.
    return os.open(path, flags | os.O_NOFOLLOW, 0o600)
