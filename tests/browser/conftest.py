"""What the tests in a browser share: our server as a process, the browser, axe, and a folder for pictures."""

import asyncio
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from api.database import embedded
from schema.people.account import Role
from tests.browser.chromium import Tab, chromium
from tests.conftest import clone
from tests.embedded import free_port
from tests.installed import Replica, Site, new_key_file
from tests.oauth.node import install
from tests.people.visiting import LEAD, have_account
from tests.stage import Stage

FOLDER = Path(__file__).with_name("node")
STANDARDS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
PICTURES = Path(tempfile.gettempdir()) / "reinstate-pages"


@dataclass(frozen=True)
class Opened:
    """Our server at an address of this machine's, and its database."""

    url: str
    site: Site


@pytest.fixture(scope="module")
def opened(cluster: embedded.Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    """Our server as a process, with an account whose person chose a password."""
    folder, port = tmp_path_factory.mktemp("served"), free_port()
    url = Stage(cluster, clone(cluster)).url
    environment = {
        "DATABASE_URL": url,
        "REINSTATE_KEY_FILE": str(new_key_file(folder)),
        "REINSTATE_URL": f"http://127.0.0.1:{port}",
    }
    replica = Replica(port, environment, folder / "log")
    with asyncio.Runner() as runner:
        site = Site(url, runner)
        try:
            replica.start()
            assert replica.ready(), (folder / "log").read_text()
            have_account(site, LEAD, Role.TRUST_IT, Role.TRUST_SIRO)
            yield Opened(replica.url, site)
        finally:
            replica.kill()
            site.close()


@pytest.fixture
def tab() -> Iterator[Tab]:
    """A new browser."""
    with chromium() as page:
        page.sized(1000)
        yield page


class Looked:
    """What is found on a page: by axe, and by what axe cannot see."""

    def __init__(self) -> None:
        install(FOLDER)
        self._axe = (FOLDER / "node_modules/axe-core/axe.min.js").read_text(encoding="utf-8")
        PICTURES.mkdir(exist_ok=True)

    def at(self, tab: Tab, name: str) -> None:
        """Look at a page: nothing wrong in the standards, no sideways scrolling on a narrow screen; keep pictures."""
        tab.paint(PICTURES / f"{name}.png")
        assert self._violations(tab) == []
        tab.sized(320)
        tab.paint(PICTURES / f"{name}-narrow.png")
        assert tab.run("document.documentElement.scrollWidth") <= 320
        assert self._violations(tab) == []
        tab.sized(1000)

    def _violations(self, tab: Tab) -> list[Any]:
        tab.run(f"{self._axe}; true")
        asked = json.dumps({"runOnly": STANDARDS, "resultTypes": ["violations"]})
        found = tab.run(f"axe.run(document, {asked}).then(r => [r.passes.length, r.violations])")
        passes, violations = found
        assert passes > 10
        return [(each["id"], [node["html"] for node in each["nodes"]]) for each in violations]


@pytest.fixture(scope="session")
def looked() -> Looked:
    """Whoever looks at pages."""
    return Looked()
