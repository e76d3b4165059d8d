"""An installation under test: the application in this process, or replicas of it as processes of their own."""

import asyncio
import io
import json
import logging
import os
import secrets
import signal
import subprocess
import sys
import time
import traceback
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx

from api.app import create_app
from api.cli import main
from auth.caller import SignIn
from auth.signing import Ring, ensure_keys
from auth.tenancy import Database
from auth.tokens.access_token import AccessToken, new_token_id
from auth.tokens.issuer import Issuer
from tests.embedded import eventually
from tests.stage import caller

URL = "https://reinstate.example"


class Site:
    """The whole application on a database, asked over HTTP within this process."""

    def __init__(self, url: str, runner: asyncio.Runner, issuer: Issuer | None = None) -> None:
        self.runner = runner
        self.issuer = issuer or Issuer(URL, secrets.token_bytes(32))
        self.database = Database(url)
        self.app = create_app(self.database, self.issuer)
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        self.http = httpx.AsyncClient(transport=transport, base_url=URL, timeout=30)
        self._ring: Ring | None = None

    async def token(self, code: str = "NATIONAL") -> str:
        """Give a token of an organisation's with every scope of its kind."""
        if self._ring is None:
            self._ring = await ring_of(self.database, self.issuer)
        return token_of(code, self.issuer, self._ring)

    async def post(
        self, document: str, headers: dict[str, str] | None = None, /, token: str = "", **variables: Any
    ) -> httpx.Response:
        """Post a document as somebody."""
        known = {"Authorization": f"Bearer {token or await self.token()}"}
        body = {"query": document, "variables": variables}
        return await self.http.post("/graphql", json=body, headers=known | (headers or {}))

    def close(self) -> None:
        """Let go of everything."""
        self.runner.run(self.http.aclose())
        self.runner.run(self.database.close())


async def ring_of(database: Database, issuer: Issuer) -> Ring:
    """Give the keys that an installation signs with."""
    async with database.change(SignIn(), "test") as db:
        return await ensure_keys(db, issuer)


def token_of(code: str, issuer: Issuer, ring: Ring, **says: Any) -> str:
    """Write a token of an organisation's with every scope of its kind, and whatever else it says."""
    as_, now = caller(code), int(time.time())
    told = {"scopes": as_.scopes, "token_id": new_token_id(), "issued_at": now, "expires_at": now + 600, **says}
    return AccessToken(as_.subject, code, as_.kind, **told).write(issuer, ring)


def code_of(answer: httpx.Response) -> str:
    """Give the code of an answer's first error."""
    return str(answer.json()["errors"][0]["extensions"]["code"])


class Replica:
    """One API process on a port of this machine's."""

    def __init__(self, port: int, environment: dict[str, str], log: Path, *command: str) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.environment = environment
        self._log = log
        self._command = command or ("serve", "--port", str(port))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, without waiting for its answer."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                cli(*self._command), env=plain_environment(self.environment), stdout=log, stderr=log
            )

    def ready(self, within: float = 20) -> bool:
        """Tell whether it answers that it is ready, in some time."""
        return eventually(self._is_ready, within)

    @property
    def alive(self) -> bool:
        """Tell whether the process runs."""
        return self._process is not None and self._process.poll() is None

    def kill(self, how: int = signal.SIGKILL) -> None:
        """Kill it, and wait for it to be gone."""
        if self._process:
            self._process.send_signal(how)
            self._process.wait(20)

    def _is_ready(self) -> bool:
        time.sleep(0.05)
        try:
            return httpx.get(f"{self.url}/readyz", timeout=2, trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False


def cli(*arguments: str) -> list[str]:
    """Give the command line of `reinstate` with these arguments."""
    return [sys.executable, "-m", "api.cli", *arguments]


def plain_environment(settings: dict[str, str]) -> dict[str, str]:
    """Give this process's environment without its own settings, and with these."""
    ours = {
        name: value
        for name, value in os.environ.items()  # noqa: TID251 - what a child inherits, no setting
        if not name.startswith(("DATABASE_", "REINSTATE_", "PG"))
    }
    return ours | settings


def reinstate(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the command line to its end."""
    environment = plain_environment(settings)
    return subprocess.run(cli(*arguments), env=environment, capture_output=True, text=True, timeout=60, check=False)


def reinstate_here(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the command line in this process: quicker by its start; 124 when it goes on and on."""
    out, err, status = io.StringIO(), io.StringIO(), 0
    handlers = logging.root.handlers[:]
    signal.signal(signal.SIGALRM, _give_up)
    signal.alarm(20)
    try:
        with (
            patch.dict(os.environ, plain_environment(settings), clear=True),  # noqa: TID251 - what a child inherits
            patch.object(sys, "argv", ["reinstate", *arguments]),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            main()
    except SystemExit as gone:
        status = int(gone.code or 0)
    except Exception:  # noqa: BLE001 - what Python would print
        status = 1
        err.write(traceback.format_exc())
    finally:
        signal.alarm(0)
        logging.basicConfig(level=logging.WARNING, handlers=handlers, force=True)
    return subprocess.CompletedProcess(arguments, status, out.getvalue(), err.getvalue())


def _give_up(_number: int, _frame: object) -> None:
    raise SystemExit(124)


def new_key_file(folder: Path) -> Path:
    """Write an installation's key file."""
    file = folder / "installation.key"
    file.write_text(secrets.token_hex(32), encoding="ascii")
    return file


def body_of(answer: httpx.Response) -> dict[str, Any]:
    """Give an answer's body, which must be a JSON object."""
    told = json.loads(answer.content)
    assert isinstance(told, dict), told
    return told
