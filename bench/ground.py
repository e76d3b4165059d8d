"""The ground everything is measured on: one PostgreSQL of the bench's own, with a database a scale."""

import asyncio
import importlib.resources
import secrets
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import asyncpg
from rich.progress import Progress

from api.database import embedded, installation
from bench.generate import fill
from bench.ports import free_port
from bench.scale import Scale

T = TypeVar("T")
SIDE = "side.sql"  # the peers' own tables


@dataclass(frozen=True)
class Ground:
    """A running PostgreSQL that is gone at the end."""

    server: embedded.Server
    folder: Path
    passwords: dict[str, str] = field(repr=False)

    @property
    def postmaster(self) -> int:
        """The number of PostgreSQL's first process."""
        return int((self.server.folder / "data" / "postmaster.pid").read_text().split()[0])

    def url(self, database: str) -> str:
        """Return the address of a database as the product and the peers log in."""
        return self.server.url("reinstate_app", self.passwords["reinstate_app"], database)

    def admin(self, database: str, do: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
        """Do something as the administrator."""

        async def run() -> T:
            connection = await asyncpg.connect(self.server.admin_url, database=database)
            try:
                return await do(connection)
            finally:
                await connection.close()

        return asyncio.run(run())

    def make(self, scale: Scale, progress: Progress) -> str:
        """Make and fill a database of this scale; return its name."""
        self.admin("postgres", lambda admin: installation.prepare(admin, self.passwords, scale.name))
        asyncio.run(self._migrate(scale.name))
        self.admin(scale.name, lambda admin: fill(admin, scale, progress))
        side = importlib.resources.files("bench") / "peers" / SIDE
        if side.is_file():
            self.admin(scale.name, lambda admin: admin.execute(side.read_text("utf-8")))
        return scale.name

    def copy(self, name: str, to: str) -> str:
        """Put a fresh copy of a database in another's place, so that every subject finds the same rows."""

        async def replace(admin: asyncpg.Connection) -> None:
            await admin.execute(f'drop database if exists "{to}" with (force)')
            await admin.execute(f'create database "{to}" template "{name}" owner reinstate_owner')

        self.admin("postgres", replace)
        return to

    def drop(self, name: str) -> None:
        """Drop a database."""
        self.admin("postgres", lambda admin: admin.execute(f'drop database if exists "{name}" with (force)'))

    async def _migrate(self, database: str) -> None:
        url = self.server.url("reinstate_migrate", self.passwords["reinstate_migrate"], database)
        connection = await asyncpg.connect(url)
        try:
            await installation.migrate(connection)
        finally:
            await connection.close()


@contextmanager
def ground(progress: Progress) -> Iterator[Ground]:
    """Have a fresh PostgreSQL for as long as a block lasts: its defaults, but for what a power cut would need."""
    folder = Path(tempfile.mkdtemp(prefix="reinstate-bench-")).resolve()
    folder.chmod(0o711)
    passwords = {role: secrets.token_urlsafe(24) for role in ("reinstate_app", "reinstate_migrate")}
    try:
        with embedded.running(
            folder / "postgres", port=free_port(), durable=False, say=progress.console.print
        ) as server:
            yield Ground(server, folder, passwords)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
