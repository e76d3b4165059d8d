"""The embedded PostgreSQL outlives every way in which it, or the process that asked for it, can die."""

import asyncio
import fcntl
import importlib.util
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import asyncpg
import pytest

from api.database import claim, door, tether
from api.database.account import account_for
from api.database.embedded import Server, running, start
from api.database.failure import DatabaseUnavailable

ROOT = os.geteuid() == 0
HOLDER = """
import sys, time
from pathlib import Path
from api.database import tether
from api.database.embedded import start
tether.__file__ = sys.argv[2]
server = start(Path(sys.argv[1]), durable=False)
print(server.admin_url, flush=True)
time.sleep(600)
"""


@pytest.fixture
def place() -> Iterator[Path]:
    """Give a folder which PostgreSQL's user can enter; pytest's own `tmp_path` is closed to it."""
    made = Path(tempfile.mkdtemp())
    made.chmod(0o711)
    yield made
    shutil.rmtree(made)


@pytest.fixture
def folder(place: Path) -> Iterator[Path]:
    """Give the folder of a server, and see that no process of it is left in the end."""
    folder = place / "Ärzte & data"
    yield folder
    if (folder / "postgres.lock").exists():
        assert eventually(lambda: unlocked(folder)), "a process of PostgreSQL is left"


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


def postmaster(folder: Path) -> int:
    """Give the number of the server's first process."""
    return int((folder / "data/postmaster.pid").read_text().split()[0])


@contextmanager
def another_process(
    folder: Path, *before: str, program: str = tether.__file__
) -> Iterator[subprocess.Popen[str]]:
    """Have another process that holds a server, and kill it in the end."""
    command = [*before, sys.executable, "-c", HOLDER, str(folder), program]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def namespaces(*kinds: str) -> list[str]:
    """Give a command that runs another in namespaces of its own, if this machine lets us."""
    user = [] if ROOT else ["--user", "--map-current-user", "--keep-caps"]
    command = ["unshare", *user, *kinds, "--fork"]
    with suppress(OSError):
        if subprocess.run([*command, "true"], capture_output=True).returncode == 0:
            return command
    return []


def test_it_keeps_its_data_and_starts_in_less_than_a_second(folder):
    heard = []
    with running(folder, say=heard.append) as server:
        ask(server.admin_url, "CREATE TABLE kept AS SELECT 42 AS answer")
    assert heard == [f"Setting up PostgreSQL 18 in {folder}."]
    begun = time.monotonic()
    with running(folder, say=heard.append) as server:
        assert time.monotonic() - begun < 1
        assert ask(server.admin_url, "SELECT answer FROM kept") == 42
        assert ask(server.admin_url, "SHOW data_checksums") == "on"
        told = ask(server.admin_url, "SELECT datlocprovider::text || datlocale FROM pg_database LIMIT 1")
        assert told == "bC.UTF-8"
    server.stop()
    assert len(heard) == 1
    assert not answers(server.admin_url)


@pytest.mark.parametrize("system", ["this", "another"])
def test_nothing_is_left_when_the_parent_is_killed(folder, place, system):
    program = Path(tether.__file__)
    if system == "another":  # where the kernel does not tell, a watcher notices the end of a pipe
        program = place / "elsewhere.py"
        program.write_text(f"import sys\nsys.platform = 'another'\n{Path(tether.__file__).read_text()}")
    with another_process(folder, program=str(program)) as parent:
        url = parent.stdout.readline().strip()
        ask(url, "CREATE TABLE kept AS SELECT 42 AS answer")
        parent.kill()
    with running(folder) as server:  # at once: it waits for the last of them to go
        assert ask(server.admin_url, "SELECT answer FROM kept") == 42
        assert not answers(url.replace("socket", "nothing"))


def test_a_dead_server_is_not_taken_for_a_living_one(folder):
    server = start(folder, durable=False)
    dead = postmaster(folder)
    os.kill(dead, signal.SIGKILL)
    assert eventually(lambda: not answers(server.admin_url))
    os.kill(dead, 0)  # a zombie, which still has its number and its files
    assert (folder / "data/postmaster.pid").exists()
    assert (folder / "socket/.s.PGSQL.5432").exists()
    server.stop()
    with running(folder, durable=False) as server:
        assert postmaster(folder) != dead
        assert answers(server.admin_url)


@pytest.mark.parametrize("left", ["{stranger}\n/elsewhere\n1\n5432\n", "", "rubbish\n"])
def test_a_stranger_with_the_dead_servers_number_is_left_alone(folder, left):
    start(folder, durable=False).stop()
    account = account_for(folder)
    who = {"user": account.uid, "group": account.gid, "extra_groups": []} if ROOT else {}
    with subprocess.Popen(["/bin/sleep", "600"], **who) as stranger:
        (folder / "data/postmaster.pid").write_text(left.format(stranger=stranger.pid))
        with running(folder, durable=False) as server:
            assert answers(server.admin_url)
        assert stranger.poll() is None
        stranger.kill()


@pytest.mark.parametrize("reached", ["data.new", "data.new/base/1/PG_VERSION", "data.new/global/pg_control"])
def test_killed_while_it_is_set_up_it_starts_afresh(folder, reached):
    with another_process(folder) as parent:
        assert eventually((folder / reached).exists)
        parent.kill()
    assert not (folder / "data").exists()
    (folder / "data.new").mkdir(exist_ok=True)
    with running(folder, durable=False) as server:
        assert answers(server.admin_url)
    assert not (folder / "data.new").exists()


def test_nobody_else_may_look_in_and_parents_stay_as_they_are(folder, place):
    with running(folder, durable=False):
        paths = [folder, *folder.rglob("*")]
        assert len(paths) > 900
        open_to_others = {p for p in paths if not p.is_socket() and stat.S_IMODE(p.lstat().st_mode) & 0o077}
        assert open_to_others == set()
    assert stat.S_IMODE(place.stat().st_mode) == 0o711
    closed = place / "closed"
    closed.mkdir(mode=0o700)
    if ROOT:
        with pytest.raises(DatabaseUnavailable, match=f"who may not enter {closed}: keep"):
            start(closed / "data")
        assert list(closed.iterdir()) == []
    else:
        start(closed / "data", durable=False).stop()
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


@pytest.mark.parametrize("port", [None, 54399])
@pytest.mark.parametrize("password", [None, "postgres"])
def test_nobody_logs_in_without_the_password(folder, port, password):
    with running(folder, port=port, durable=False) as server:
        assert answers(server.admin_url)
        with pytest.raises(asyncpg.InvalidPasswordError):
            ask(server.url("postgres", password))
        rules = (folder / "data/pg_hba.conf").read_text().splitlines()
        assert {rule.split()[-1] for rule in rules if rule and rule[0] != "#"} == {"scram-sha-256"}


def test_a_second_instance_is_refused(folder):
    with running(folder, durable=False) as server:
        with pytest.raises(DatabaseUnavailable, match=f"already running on {folder}: stop it, or"):
            start(folder)
        for before in ([], namespaces("--pid", "--ipc")):
            with another_process(folder, *before) as second:
                assert f"already running on {folder}" in second.communicate(timeout=20)[1]
        assert answers(server.admin_url)


def test_a_second_instance_is_refused_while_an_orphan_is_at_work(folder, monkeypatch):
    monkeypatch.setattr(claim, "PATIENCE", 0.2)
    with another_process(folder) as parent:
        parent.stdout.readline()
        orphan = postmaster(folder)
        os.kill(orphan, signal.SIGSTOP)
        parent.kill()
    with pytest.raises(DatabaseUnavailable, match=f"still at work in {folder}: start again"):
        start(folder)
    os.kill(orphan, signal.SIGCONT)
    assert eventually(lambda: unlocked(folder))
    start(folder, durable=False).stop()


def test_it_gets_over_a_killed_backend(folder):
    with running(folder, durable=False) as server:
        first = postmaster(folder)

        async def kill_one() -> None:
            connection = await asyncpg.connect(server.admin_url)
            os.kill(await connection.fetchval("SELECT pg_backend_pid()"), signal.SIGKILL)
            with pytest.raises((asyncpg.PostgresError, OSError)):
                await connection.execute("SELECT pg_sleep(5)")

        asyncio.run(kill_one())
        assert eventually(lambda: answers(server.admin_url))
        assert postmaster(folder) == first


def test_what_was_acknowledged_is_there_after_a_long_recovery(folder, monkeypatch):
    monkeypatch.setattr(door, "BLINK", 0)
    heard = []
    server = start(folder)
    ask(server.admin_url, "CREATE TABLE kept AS SELECT n, repeat('x', 200) FROM generate_series(1, 300000) n")
    kept = asyncio.run(_write_until_it_dies(server, folder))
    server.stop()
    with running(folder, say=heard.append) as server:
        assert ask(server.admin_url, "SELECT count(*) FROM kept") in {kept, kept + 1}
    assert len(heard) == 1
    assert heard[0].startswith("PostgreSQL is recovering (")


async def _write_until_it_dies(server: Server, folder: Path) -> int:
    connection, kept = await asyncpg.connect(server.admin_url), 300000
    with suppress(asyncpg.PostgresError, OSError):
        while True:
            await connection.execute("INSERT INTO kept VALUES (0, 'y')")
            kept += 1
            if kept == 300100:
                os.kill(postmaster(folder), signal.SIGKILL)
                os.kill(connection.get_server_pid(), signal.SIGKILL)
    return kept
