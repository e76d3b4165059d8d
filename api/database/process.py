"""PostgreSQL's programs as our children: how they start, how they end, and why one would not."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from api.database import tether
from api.database.binaries import Binaries
from api.database.failure import DatabaseUnavailable, full
from api.database.place import Place

ROOM = 32 * 2**20  # two segments of the write-ahead log
LOOKS = 20  # at a log, a tenth of a second apart
ENDINGS = ((signal.SIGINT, 20), (signal.SIGQUIT, 10), (signal.SIGKILL, 10))

_REASON = re.compile(r"(?:FATAL|PANIC|error): +(.+)")


@dataclass(frozen=True)
class Run:
    """One run of PostgreSQL in a place that is held for it by a lock."""

    place: Place
    binaries: Binaries
    log: Path
    lock: int

    @contextmanager
    def tethered(self, command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
        """Run a command as the folder's user while this block lasts, and never longer than this process."""
        account = self.place.account
        tie = [sys.executable, "-I", "-S", tether.__file__, os.getpid(), account.uid, account.gid, self.lock]
        with (
            account.keep_file(self.log / "start.log", "a") as output,
            subprocess.Popen(  # noqa: S603 - our own program and PostgreSQL's, by their full paths
                [*map(str, tie), *command],
                stdin=subprocess.PIPE,  # held open: its end is how other systems than Linux notice ours
                stdout=output,
                stderr=output,
                pass_fds=[self.lock],
                cwd="/",
                env={"LC_ALL": "C", "TZ": "UTC"},
                start_new_session=True,  # Ctrl-C in a terminal is for us, and we stop it in our own time
            ) as process,
        ):
            try:
                yield process
            finally:
                _end(process)

    def explain(self) -> DatabaseUnavailable:
        """Say why PostgreSQL gave up, from what it wrote while it tried."""
        told, folder = self._told(), self.place.folder
        if "No space left on device" in told or shutil.disk_usage(folder).free < ROOM:
            return full(folder)
        if "Address already in use" in told:
            return DatabaseUnavailable("The port for PostgreSQL is taken on 127.0.0.1: choose another.")
        reasons = _REASON.findall(told) or told.splitlines() or ["it said nothing"]
        return DatabaseUnavailable(
            f"PostgreSQL would not start in {folder} ({reasons[-1]}): "
            f"mend that (its log is in {self.log}), choose another folder, or set DATABASE_URL."
        )

    def _told(self) -> str:
        """Return what it wrote, as soon as that gives a reason: the process that keeps its log may be behind."""
        for _ in range(LOOKS):
            told = "".join(file.read_text(errors="replace") for file in sorted(self.log.iterdir()))
            if _REASON.search(told):
                break
            time.sleep(0.1)
        return told


def _end(process: subprocess.Popen[bytes]) -> None:
    for how, patience in ENDINGS:
        process.send_signal(how)
        with suppress(subprocess.TimeoutExpired):
            process.wait(patience)
            return
