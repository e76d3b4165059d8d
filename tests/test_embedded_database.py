"""The embedded PostgreSQL outlives every way in which it, or the process that asked for it, can die."""

import asyncio
import os
import signal
import stat
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import asyncpg
import pytest

from api.database import claim, door, tether
from api.database.account import account_for
from api.database.embedded import Server, running, start
from api.database.failure import DatabaseUnavailable
from tests.embedded import (
    a_place,
    another_process,
    answers,
    ask,
    eventually,
    free_port,
    namespaces,
    postmaster,
    unlocked,
)

ROOT = os.geteuid() == 0


@pytest.fixture
def place() -> Iterator[Path]:
    """Give a folder to keep servers in."""
    with a_place() as place:
        yield place


@pytest.fixture
def folder(place: Path) -> Iterator[Path]:
    """Give the folder of a server, and see that no process of it is left in the end."""
    folder = place / "Ärzte & data"
    yield folder
    assert eventually(lambda: unlocked(folder)), "a process of PostgreSQL is left"


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
    with running(folder) as server:  # at once: it waits until the last of them has let go of the lock
        assert ask(server.admin_url, "SELECT answer FROM kept") == 42


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
    with subprocess.Popen(["/bin/sleep", "60"], **who) as stranger:
        try:
            (folder / "socket").mkdir()
            for file in ("data/postmaster.pid", "socket/.s.PGSQL.5432.lock"):
                (folder / file).write_text(left.format(stranger=stranger.pid))
            with running(folder, durable=False) as server:
                assert answers(server.admin_url)
            assert stranger.poll() is None
        finally:
            stranger.kill()


@pytest.mark.parametrize("reached", ["data.new", "data.new/base/1/PG_VERSION", "data.new/global/pg_control"])
def test_killed_while_it_is_set_up_it_starts_afresh(folder, reached):
    with another_process(folder) as parent:
        assert eventually((folder / reached).exists)
        parent.kill()
    assert not (folder / "data").exists()
    assert eventually(lambda: unlocked(folder))  # asked nicely, initdb cleans up; it is not always asked
    (folder / "data.new/base").mkdir(parents=True, exist_ok=True)
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


@pytest.mark.parametrize("door", ["socket", "port"])
@pytest.mark.parametrize("password", [None, "postgres"])
def test_nobody_logs_in_without_the_password(folder, door, password):
    with running(folder, port=free_port() if door == "port" else None, durable=False) as server:
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
    try:
        with pytest.raises(DatabaseUnavailable, match=f"still at work in {folder}: start again"):
            start(folder)
    finally:
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
    with running(folder) as server:
        ask(
            server.admin_url,
            "CREATE TABLE kept AS SELECT n, repeat('x', 200) FROM generate_series(1, 300000) n",
        )
        kept = asyncio.run(_write_until_it_dies(server, folder))
    with running(folder, say=heard.append) as server:
        assert ask(server.admin_url, "SELECT count(*) FROM kept") in {kept, kept + 1}
    assert len(heard) == 1
    assert heard[0].startswith("PostgreSQL is recovering (")


async def _write_until_it_dies(server: Server, folder: Path) -> int:
    connection, kept = await asyncpg.connect(server.admin_url), 300000
    with suppress(asyncpg.PostgresError, asyncpg.InternalClientError, OSError):
        while True:
            await connection.execute("INSERT INTO kept VALUES (0, 'y')")
            kept += 1
            if kept == 300100:
                os.kill(postmaster(folder), signal.SIGKILL)
    return kept
