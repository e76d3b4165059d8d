"""One owner a folder: locks that the kernel lets go of however their holder dies."""

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import IO

from api.database.failure import DatabaseUnavailable
from api.database.place import Place

if sys.platform != "win32":
    import fcntl

PATIENCE = 10.0  # PostgreSQL gives its own processes 5 s to go before it kills them


@contextmanager
def claim(place: Place) -> Iterator[int]:
    """Hold the folder alone, and give the descriptor that every process of PostgreSQL is to inherit."""
    with ExitStack() as held:
        ours = held.enter_context(place.account.keep_file(place.ours, "a"))
        if not _locked(ours, patience=0):
            raise DatabaseUnavailable(
                f"Another reinstate is already running on {place.folder}: stop it, or choose another folder."
            )
        theirs = held.enter_context(place.account.keep_file(place.theirs, "a"))
        if not _locked(theirs, patience=PATIENCE):
            raise DatabaseUnavailable(
                f"A PostgreSQL without its reinstate is still at work in {place.folder}: "
                "start again in a minute, or choose another folder."
            )
        yield theirs.fileno()


def _locked(file: IO[str], patience: float) -> bool:
    until = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                return False
            time.sleep(0.02)
        else:
            return True
