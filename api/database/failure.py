"""How the database says no: one plain sentence with its remedy."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_FULL = {errno.ENOSPC, errno.EDQUOT}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}


class DatabaseUnavailable(Exception):  # noqa: N818 - it names what is so, for the person who reads it
    """There is no database to be had, and the message says what to do about it."""


def full(folder: Path) -> DatabaseUnavailable:
    """Say that there is no room left."""
    return DatabaseUnavailable(
        f"The disk that holds {folder} is full: make room and start again, nothing that was kept is lost."
    )


@contextmanager
def plainly(folder: Path) -> Iterator[None]:
    """Turn what the operating system refuses into a sentence for a person."""
    try:
        yield
    except OSError as error:
        raise _sentence(error, folder) from error


def _sentence(error: OSError, folder: Path) -> DatabaseUnavailable:
    where = error.filename or folder
    if error.errno in _FULL:
        return full(folder)
    if error.errno in _FORBIDDEN:
        return DatabaseUnavailable(
            f"This user may not use {where}: start reinstate as the user whom {folder} belongs to, "
            "or choose another folder."
        )
    return DatabaseUnavailable(
        f"PostgreSQL cannot be kept in {folder} ({error.strerror} at {where}): "
        "choose another folder, or set DATABASE_URL."
    )
