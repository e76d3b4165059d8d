"""The database this process works on: one of our own, or the embedded one, made ready either way."""

import asyncio
import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg

from api.database import embedded, installation, selfcheck
from api.database.elsewhere import default_folder
from api.database.failure import DatabaseUnavailable, plainly
from api.failure import UsageError
from api.settings import Settings
from auth.tokens.issuer import KEY_BYTES, Issuer

BESIDE = "beside.json"  # in the data folder: where commands beside a running server find it
CONNECT = 3.0  # seconds to wait for a connection
RECOVERY = 15  # seconds to wait for a server that says it is starting up


@dataclass(frozen=True)
class Place:
    """A database made ready: its address as reinstate_app, our public address, and where our key is."""

    url: str = field(repr=False)
    public_url: str
    key_file: Path
    demonstration: bool = False

    def issuer(self) -> Issuer:
        """Return ourselves as issuer of tokens."""
        try:
            key = bytes.fromhex(self.key_file.read_text(encoding="ascii"))
        except OSError as error:
            raise DatabaseUnavailable(
                f"The key file {self.key_file} cannot be read ({error.strerror}); set REINSTATE_KEY_FILE."
            ) from error
        except ValueError:
            key = b""
        if len(key) != KEY_BYTES:
            raise DatabaseUnavailable(
                f"{self.key_file} is no key file of an installation: it holds {2 * KEY_BYTES} hexadecimal digits; "
                "give back the one that was kept, or set REINSTATE_KEY_FILE to it."
            )
        try:
            return Issuer(self.public_url, key)
        except ValueError as error:
            raise DatabaseUnavailable(f"{error} Set REINSTATE_URL.") from error


@contextmanager
def opened(
    settings: Settings,
    say: Callable[[str], None] = lambda _: None,
    *,
    beside: bool = False,
    demonstration: bool = False,
) -> Iterator[Place]:
    """Have the database for as long as a block lasts, checked and ready to serve.

    `beside`: a command that may work beside the server that has the embedded database open.
    `demonstration`: the embedded database alone, new or marked as a demonstration before.
    """
    if settings.database_url is not None:
        if demonstration:
            raise UsageError("The demonstration keeps a database of its own: unset DATABASE_URL and run it again.")
        url = settings.database_url.get_secret_value()
        key_file = settings.reinstate_key_file or Path("REINSTATE_KEY_FILE")
        yield Place(url, settings.public_url, key_file, asyncio.run(_check(url)))
        return
    folder = _folder(settings.reinstate_data)
    key_file = settings.reinstate_key_file or folder / "installation.key"
    if beside and (found := _running(folder, key_file)):
        yield found
        return
    with embedded.running(default_folder(folder / "postgres"), say=say) as server:
        url = asyncio.run(_make_ready(server, demonstration=demonstration))
        _keep_secret(folder / BESIDE, json.dumps({"url": url, "public_url": settings.public_url}))
        if not key_file.exists():
            _keep_secret(key_file, secrets.token_hex(KEY_BYTES))
        yield Place(url, settings.public_url, key_file, asyncio.run(_check(url)))


def _folder(wanted: Path) -> Path:
    """Make the data folder: ours are the secrets in it, PostgreSQL's account gets a folder inside."""
    folder = wanted.expanduser()
    with plainly(folder):
        folder.mkdir(parents=True, exist_ok=True)
    return folder


async def _make_ready(server: embedded.Server, *, demonstration: bool) -> str:
    passwords = {role: secrets.token_urlsafe(24) for role in ("reinstate_app", "reinstate_migrate")}
    admin = await connect(server.admin_url)
    try:
        await installation.prepare(admin, passwords)
    finally:
        await admin.close()
    await migrate(server.url("reinstate_migrate", passwords["reinstate_migrate"], installation.DATABASE))
    if demonstration:
        await _mark_as_demonstration(server)
    return server.url("reinstate_app", passwords["reinstate_app"], installation.DATABASE)


async def _mark_as_demonstration(server: embedded.Server) -> None:
    """Let the clock of an empty database be set, as the embedded server's administrator; no role of ours may."""
    admin = await asyncpg.connect(server.admin_url, database=installation.DATABASE, timeout=CONNECT)
    try:
        holds = "select demonstration or not exists (select from organisation) from app.installation"
        if not await admin.fetchval(holds):
            raise UsageError(
                f"{server.folder} holds an installation that is no demonstration: choose another folder with --data."
            )
        await admin.execute("update app.installation set demonstration = true where not demonstration")
    finally:
        await admin.close()


async def migrate(url: str) -> list[str]:
    """Apply the missing migrations as reinstate_migrate."""
    connection = await connect(url)
    try:
        return await installation.migrate(connection)
    finally:
        await connection.close()


async def _check(url: str) -> bool:
    """Refuse what must not be served; return whether it is a demonstration."""
    connection = await connect(url)
    try:
        await selfcheck.check(connection)
        return await selfcheck.is_demonstration(connection)
    finally:
        await connection.close()


async def connect(url: str) -> asyncpg.Connection:
    """Connect, waiting for a server that recovers, or say plainly that it cannot be reached."""
    try:
        for _ in range(RECOVERY):
            with suppress(asyncpg.CannotConnectNowError):
                return await asyncpg.connect(url, timeout=CONNECT)
            await asyncio.sleep(1)
        return await asyncpg.connect(url, timeout=CONNECT)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        raise DatabaseUnavailable(
            f"The database cannot be reached ({type(error).__name__}); check its address and that it is running."
        ) from error


def _running(folder: Path, key_file: Path) -> Place | None:
    try:
        place = Place(**json.loads((folder / BESIDE).read_text(encoding="utf-8")), key_file=key_file)
        asyncio.run(_check(place.url))
    except (OSError, ValueError, TypeError, DatabaseUnavailable):
        return None
    return place


def _keep_secret(file: Path, text: str) -> None:
    """Write a file that its owner alone can read, whole or not at all."""
    new = file.with_suffix(".new")
    new.unlink(missing_ok=True)
    new.touch(mode=0o600)
    new.write_text(text, encoding="utf-8")
    new.replace(file)
