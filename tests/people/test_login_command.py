"""`reinstate login`, `ask` and `logout`: a person at a terminal, against a server that runs."""

import asyncio
import json
import re
import secrets
import stat
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from joserfc.jwk import ECKey
from sqlmodel import select

from api.commands.terminal import login as command
from api.database import embedded
from auth.caller import AAL2, SignIn
from auth.grants.device import decide
from auth.grants.granted import Granted
from auth.grants.tables import DeviceCode
from auth.scope import scopes_for
from auth.tenancy import Database
from schema.people.account import Role
from tests.conftest import clone
from tests.embedded import free_port
from tests.installed import Replica, Site, reinstate_here
from tests.people.signed_in import join
from tests.stage import Stage

WHO = "it.lead@R1A"
VIEWER = "{ viewer { subject scopes } }"


class Terminal:
    """A server, and a terminal with a home of its own."""

    def __init__(self, cluster: embedded.Server, folder: Path, held: ExitStack) -> None:
        self.database_url = Stage(cluster, clone(cluster)).url
        (folder / "installation.key").write_text(secrets.token_hex(32), encoding="ascii")
        settings = {"DATABASE_URL": self.database_url, "REINSTATE_KEY_FILE": str(folder / "installation.key")}
        self.server = Replica(free_port(), settings, folder / "log")
        self.server.start()
        held.callback(self.server.kill)
        self.home = folder / "home"
        with asyncio.Runner() as runner:
            site = Site(self.database_url, runner)
            runner.run(join(site, WHO, "R1A", [Role.TRUST_IT]))
            site.close()
        assert self.server.ready()

    @property
    def session(self) -> Path:
        """The file that a session is kept in."""
        return self.home / "reinstate" / "session.json"

    def run(self, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command."""
        with patch("sys.stdin.read", lambda: given):
            return reinstate_here(*arguments, XDG_CONFIG_HOME=str(self.home))

    def log_in(self, approve: bool | None = True, waits: int = 2) -> subprocess.CompletedProcess[str]:
        """Sign in; the person decides (None: never does) when the terminal has asked some times."""
        pauses: list[float] = []

        def pause(seconds: float) -> None:
            pauses.append(seconds)
            if len(pauses) == waits and approve is not None:
                asyncio.run(self._decide(approve))

        self.pauses = pauses
        with patch.object(command.time, "sleep", pause):
            return self.run("login", "--url", self.server.url, "--organisation", "R1A")

    async def _decide(self, approve: bool) -> None:
        database, roles = Database(self.database_url), frozenset({Role.TRUST_IT})
        async with database.change(SignIn(), "test decision") as db:
            rows = await db.all(select(DeviceCode))
            code = max(rows, key=lambda row: row.expires_at).user_code
            now = (await db.lane.rows("select clock_timestamp()"))[0][0]
            given = Granted(WHO, "R1A", roles, frozenset(scopes_for(roles)), AAL2, now)
            assert await decide(db, code, approve, given)
        await database.close()


@pytest.fixture(scope="module")
def terminal(cluster: embedded.Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    with ExitStack() as held:
        yield Terminal(cluster, tmp_path_factory.mktemp("terminal"), held)


@pytest.fixture
def signed_in(terminal: Terminal) -> dict[str, Any]:
    done = terminal.log_in()
    assert done.returncode == 0, done.stderr
    kept: dict[str, Any] = json.loads(terminal.session.read_text())
    return kept


def test_a_person_signs_in_asks_and_signs_out(terminal: Terminal, tmp_path: Path) -> None:
    done = terminal.log_in()
    assert done.returncode == 0, done.stderr
    address = re.search(r"Open (\S+)", done.stdout)
    assert address
    code = re.search(r"code ([A-Z]{4}-[A-Z]{4})", done.stdout)
    assert code
    assert address[1] == f"{terminal.server.url}/device?user_code={code[1]}&organisation=R1A"
    assert f"Signed in as {WHO} for R1A: activity:read" in done.stdout
    asked = terminal.run("ask", "-", given=VIEWER)
    assert (asked.returncode, json.loads(asked.stdout)["data"]["viewer"]["subject"]) == (0, WHO)
    document = tmp_path / "question.graphql"
    document.write_text("query($r: String!) { incident(reference: $r) { id } }")
    asked = terminal.run("ask", str(document), "--variables", '{"r": "NONE"}')
    assert (asked.returncode, json.loads(asked.stdout)) == (0, {"data": {"incident": None}})
    out = terminal.run("logout")
    assert (out.returncode, out.stdout) == (0, "Signed out.\n")
    assert not terminal.session.exists()
    again = terminal.run("ask", "-", given=VIEWER)
    assert (again.returncode, again.stderr) == (2, "reinstate: Nobody is signed in here; run `reinstate login`.\n")
    assert terminal.run("logout").returncode == 2


def test_it_waits_longer_when_it_is_told_to(terminal: Terminal) -> None:
    done = terminal.log_in(waits=4)  # the test does not wait at all, which the server minds
    assert done.returncode == 0, done.stderr
    assert terminal.pauses == [5, 5, 10, 15]


def test_a_refusal_is_said_plainly(terminal: Terminal) -> None:
    done = terminal.log_in(approve=False)
    assert done.returncode == 1
    assert "The person did not approve" in done.stderr
    assert "Traceback" not in done.stderr


def test_nobody_s_approval_is_waited_for_forever(terminal: Terminal) -> None:
    began = time.monotonic()
    with patch.object(command.time, "monotonic", lambda: began + 1000 * len(terminal.pauses)):
        done = terminal.log_in(approve=None)
    assert (done.returncode, "in time" in done.stderr) == (1, True)


def test_the_session_is_its_owner_s_and_bound_to_its_key(terminal: Terminal, signed_in: dict[str, Any]) -> None:
    assert stat.S_IMODE(terminal.session.stat().st_mode) == 0o600
    assert stat.S_IMODE(terminal.session.parent.stat().st_mode) == 0o700
    assert [file.name for file in terminal.session.parent.iterdir()] == ["session.json"]
    before = terminal.session.read_bytes()
    for _ in range(2):
        assert terminal.run("ask", "-", given=VIEWER).returncode == 0
    assert terminal.session.read_bytes() == before  # the key binds it: it is not rotated
    stolen = signed_in | {"private_key": _other_key(signed_in)}
    terminal.session.write_text(json.dumps(stolen))
    refused = terminal.run("ask", "-", given=VIEWER)
    assert refused.returncode == 1
    assert "another key" in refused.stderr
    assert signed_in["refresh_token"] not in refused.stderr


def _other_key(kept: dict[str, Any]) -> dict[str, Any]:

    key = dict(ECKey.generate_key("P-256").as_dict(private=True))
    assert key["d"] != kept["private_key"]["d"]
    return key


def test_a_session_that_was_ended_elsewhere_says_so(terminal: Terminal, signed_in: dict[str, Any]) -> None:
    kept = terminal.session.read_text()
    assert terminal.run("logout").returncode == 0
    terminal.session.write_text(kept)
    asked = terminal.run("ask", "-", given=VIEWER)
    assert asked.returncode == 1
    assert "reinstate login" in asked.stderr


def test_errors_are_printed_and_told_by_the_status(terminal: Terminal, signed_in: dict[str, Any]) -> None:
    for document, code in (("{ nothing }", "BAD_REQUEST"), ("{ accounts { totalCount } }", "NOT_PERMITTED")):
        asked = terminal.run("ask", "-", given=document)
        assert asked.returncode == 1
        assert json.loads(asked.stdout)["errors"][0]["extensions"]["code"] == code


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["login", "--url", "http://127.0.0.1:9"], 1, "cannot be reached"),
        (["login", "--url", "http://reinstate.example"], 2, "must be an https address"),
        (["login", "--url", "ftp://127.0.0.1"], 2, "must be an https address"),
        (["login", "--url", "http://localhost:{port}"], 2, "say --url http://127.0.0.1:{port}"),
        (["ask", "/nowhere/at/all"], 2, "cannot be read"),
        (["ask", "-", "--variables", "[]"], 2, "must be a JSON object"),
        (["ask", "-", "--variables", "{"], 2, "must be a JSON object"),
    ],
)
def test_mistakes_are_said_plainly(terminal: Terminal, arguments: list[str], status: int, words: str) -> None:
    port = str(terminal.server.port)
    done = terminal.run(*(each.replace("{port}", port) for each in arguments), given="{ viewer { subject } }")
    assert done.returncode == status, done.stderr
    assert words.replace("{port}", port) in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("kept", ["", "{}", "[]", '{"server": 1}', "\x00"])
def test_a_file_that_is_no_session_is_said_plainly(terminal: Terminal, kept: str) -> None:
    terminal.session.parent.mkdir(parents=True, exist_ok=True)
    terminal.session.write_text(kept)
    asked = terminal.run("ask", "-", given=VIEWER)
    assert (asked.returncode, "is no session of reinstate" in asked.stderr) == (2, True)
    terminal.session.unlink()
