"""The product as users run it: `reinstate serve`, one worker, real tokens, its limits and its ledger on."""

import secrets
from dataclasses import dataclass, replace
from pathlib import Path

from bench.callers import register
from bench.ground import Ground
from bench.ports import free_port
from bench.questions import QUESTIONS, Place
from bench.subject import Subject, python

COMPILED, CACHED = "reinstate, no cache", "reinstate"


@dataclass(frozen=True)
class Product:
    """Where the product will listen, and its installation's key."""

    port: int
    key_file: Path

    @property
    def url(self) -> str:
        """The public address that its clients know."""
        return f"http://127.0.0.1:{self.port}"

    def subjects(self, ground: Ground, database: str, places: list[Place]) -> list[Subject]:
        """Register clients in a database; return the product without and with its cache."""
        keys = register(ground.url(database), self.url, places)
        settings = {"REINSTATE_KEY_FILE": str(self.key_file), "REINSTATE_URL": self.url}
        command = python("-m", "api.cli", "serve", "--port", "{port}")
        cached = Subject(CACHED, command, settings, keys, self.port, "/readyz", questions=QUESTIONS)
        return [replace(cached, name=COMPILED, environment={**settings, "REINSTATE_CACHE_MB": "0"}), cached]


def install(folder: Path) -> Product:
    """Choose a port and write the key file of an installation."""
    key_file = folder / "installation.key"
    key_file.write_text(secrets.token_hex(32), encoding="ascii")
    key_file.chmod(0o600)
    return Product(free_port(), key_file)
