"""compose.yaml: its own commands, with its own environment, against a real PostgreSQL on loopback."""

import os
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from api.database import embedded
from auth.ask import ASSERTION_TYPE, write_assertion
from auth.key_file import read_key_file
from tests.embedded import a_place, eventually, free_port

ROOT = Path(__file__).parent.parent
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
REPLICAS = ("api-1", "api-2")


class Stack:
    """The stack of compose.yaml without containers: host names become loopback addresses."""

    def __init__(self, folder: Path, server: embedded.Server, port: int) -> None:
        password = re.search(r"://[^:]+:([^@]+)@", server.admin_url)
        assert password
        self.ports = {name: free_port() for name in REPLICAS}
        self.key = folder / "reinstate.key"
        self.key.write_text(secrets.token_hex(32))
        self.database = f"127.0.0.1:{port}"
        self.outside = {
            "POSTGRES_PASSWORD": password[1],
            "REINSTATE_APP_PASSWORD": "app1",
            "REINSTATE_MIGRATE_PASSWORD": "migrate1",
            "REINSTATE_URL": "https://reinstate.example.nhs.uk",
        }

    def run(self, name: str, *command: str) -> subprocess.Popen[str]:
        """Start a service's own command, or another one with its environment."""
        service = SERVICES[name]
        told = {key: self._fill(str(value), name) for key, value in service["environment"].items()}
        kept = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}  # noqa: TID251 - a child's own
        words = [sys.executable, "-m", "api.cli", *(command or service["command"])]
        return subprocess.Popen(
            words, cwd=ROOT, env={**kept, **told}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def _fill(self, value: str, name: str) -> str:
        filled = re.sub(r"\$\{(\w+):\?[^}]*\}", lambda found: self.outside[found[1]], value)
        filled = filled.replace("database:5432", self.database).replace("/run/secrets/reinstate_key", str(self.key))
        return {"8000": str(self.ports.get(name, "")), "0.0.0.0": "127.0.0.1"}.get(filled, filled)  # noqa: S104 - read, not listened on


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """The prepared stack, with both replicas up."""
    port = free_port()
    with ExitStack() as held:
        folder = held.enter_context(a_place())
        server = held.enter_context(embedded.running(folder / "pg", port=port, durable=False))
        stack = Stack(folder, server, port)
        for _ in range(2):  # safe to repeat
            preparing = stack.run("prepare")
            told, _ = preparing.communicate(timeout=60)
            assert preparing.returncode == 0, told
        for name in REPLICAS:
            replica = stack.run(name)
            held.callback(replica.communicate, timeout=20)
            held.callback(replica.terminate)
        yield stack


def ready(stack: Stack, name: str) -> bool:
    """Ask a replica whether it can answer, as its health check does."""
    try:
        return httpx.get(f"http://127.0.0.1:{stack.ports[name]}/readyz").status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def test_both_replicas_answer_and_believe_each_others_tokens(stack: Stack, tmp_path: Path) -> None:
    for name in REPLICAS:
        assert eventually(lambda name=name: ready(stack, name), within=30), name
    for command in (
        ("organisation", "add", "Y60", "--name", "Midlands", "--kind", "region"),
        (
            "client",
            "add",
            "--organisation",
            "Y60",
            "--scope",
            "progress:read",
            "--profile",
            "rfc7523",
            "--output",
            str(tmp_path / "y60.json"),
        ),
    ):
        running = stack.run("api-1", *command)
        told, _ = running.communicate(timeout=60)
        assert running.returncode == 0, told
    token = ask_token(stack, tmp_path / "y60.json")
    answer = httpx.post(
        f"http://127.0.0.1:{stack.ports['api-2']}/graphql",
        json={"query": "{ viewer { organisation { odsCode } } }"},
        headers={"Authorization": f"Bearer {token}"},
    )
    assert answer.json() == {"data": {"viewer": {"organisation": {"odsCode": "Y60"}}}}


def ask_token(stack: Stack, key_file: Path) -> str:
    """Get a token from the first replica; the key file names the public address, which a proxy would answer."""
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": write_assertion(read_key_file(key_file)),
    }
    answer = httpx.post(f"http://127.0.0.1:{stack.ports['api-1']}/oauth2/token", data=form)
    assert answer.status_code == httpx.codes.OK, answer.text
    return str(answer.json()["access_token"])


def test_the_proxy_knows_every_replica_and_its_port() -> None:
    upstreams = set(re.findall(r"(api-\d+):(\d+)", COMPOSE["configs"]["caddyfile"]["content"]))
    assert upstreams == {(name, SERVICES[name]["environment"]["REINSTATE_PORT"]) for name in REPLICAS}


def test_no_secret_stands_in_the_file() -> None:
    for service in SERVICES.values():
        for key, value in service.get("environment", {}).items():
            assert "PASSWORD" not in key or value.startswith("${"), key
            assert not re.search(r"://\w+:(?!\$\{)", value), key


def test_the_image_installs_what_is_locked_and_runs_as_nobody_special() -> None:
    text = (ROOT / "Dockerfile").read_text()
    assert "--require-hashes" in text
    assert text.index("USER reinstate") < text.index("ENTRYPOINT")
    for folder in re.findall(r"^COPY (\w+) ", text, re.MULTILINE):
        assert folder == "requirements" or (ROOT / folder).is_dir() or (ROOT / folder).suffix
