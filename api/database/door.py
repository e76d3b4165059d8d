"""The private door to a server, and whether anybody answers it."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen

import asyncpg

from api.database.failure import DatabaseUnavailable

SUPERUSER = "postgres"
USUAL_PORT = 5432
PATIENCE = 60.0
BLINK = 0.5  # a clean start says "starting up" too, for a blink


@dataclass(frozen=True)
class Door:
    """A socket in a folder that nobody else may enter, and the superuser's key."""

    socket: Path
    port: int
    password: str = field(repr=False)

    async def answers(self) -> bool:
        """Ask something; False when nobody listens yet, CannotConnectNowError when they are busy."""
        try:
            connection = await asyncpg.connect(
                host=str(self.socket),
                port=self.port,
                user=SUPERUSER,
                password=self.password,
                database="postgres",
                ssl=False,
                timeout=5,
            )
            try:
                return bool(await connection.fetchval("SELECT 1", timeout=5) == 1)
            finally:
                await connection.close(timeout=5)
        except (OSError, asyncpg.PostgresConnectionError):
            return False
        except asyncpg.InvalidPasswordError as error:
            raise DatabaseUnavailable(
                "The password kept with the data is not this server's: restore it from the backup, "
                "or choose another folder."
            ) from error


async def until_answering(process: Popen[bytes], door: Door, say: Callable[[str], None]) -> bool:
    """Wait for the server; False when it has ended, or when the time is up."""
    begun, told = time.monotonic(), False
    while (waited := time.monotonic() - begun) < PATIENCE and process.poll() is None:
        try:
            if await door.answers():
                return True
        except asyncpg.CannotConnectNowError as busy:
            if waited > BLINK and not told:
                say(f"PostgreSQL is recovering ({busy}): this may take up to {PATIENCE:.0f} s.")
                told = True
        await asyncio.sleep(0.02)
    return False
