"""Bad days at the command line: one plain sentence, an exit status, no traceback, nothing half-done."""

import asyncio
import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess

import asyncpg
import pytest

from api.database import embedded
from auth.caller import Operator
from auth.clients import RegisterClient, register
from auth.tenancy import Database
from tests.conftest import clone
from tests.embedded import a_place, another_process, free_port
from tests.installed import new_key_file, reinstate, reinstate_here
from tests.stage import PASSWORDS

Said = CompletedProcess[str]
Settings = dict[str, str]


class Kit:
    """What bad days are made of: a server, its databases, and a folder for files."""

    def __init__(self, cluster: embedded.Server, folder: Path) -> None:
        self.cluster = cluster
        self.folder = folder
        self.key_file = str(new_key_file(folder))
        self.sound = clone(cluster)

    def url(self, name: str, role: str = "reinstate_app") -> str:
        """Give a database's address for a login of ours."""
        return self.cluster.url(role, PASSWORDS[role], name)

    def serving(self, url: str, **settings: str) -> Said:
        """Try to serve a database."""
        told = {"DATABASE_URL": url, "REINSTATE_KEY_FILE": self.key_file} | settings
        return reinstate_here("serve", "--port", str(free_port()), **told)

    def altered(self, *statements: str, source: str = "template") -> str:
        """Give a database in which something is not as it should be."""
        name = clone(self.cluster) if source == "template" else f"{source}_{free_port()}"
        admin_url = self.cluster.admin_url

        async def alter() -> None:
            admin = await asyncpg.connect(admin_url)
            if source == "template":
                await admin.execute(f"alter database {name} owner to reinstate_owner")
            else:
                await admin.execute(f"create database {name} template {source} owner reinstate_owner")
            await admin.close()
            inside = await asyncpg.connect(admin_url.replace("/postgres?", f"/{name}?"))
            for statement in statements:
                await inside.execute(statement)
            await inside.close()

        asyncio.run(alter())
        return name

    def file(self, name: str, text: str) -> str:
        """Write a file and give its path."""
        (self.folder / name).write_text(text)
        return str(self.folder / name)


def port_taken(kit: Kit) -> Said:
    never = kit.folder / "never"
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        said = reinstate_here("serve", "--port", str(taken.getsockname()[1]), REINSTATE_DATA=str(never))
    assert not never.exists(), "half done"
    return said


def folder_in_use(kit: Kit) -> Said:
    with another_process(kit.folder / "busy" / "postgres") as holder:
        assert holder.stdout
        assert holder.stdout.readline()
        return reinstate_here("serve", "--port", str(free_port()), REINSTATE_DATA=str(kit.folder / "busy"))


def not_a_folder_of_ours(kit: Kit) -> Said:
    (kit.folder / "photos" / "postgres").mkdir(parents=True)
    (kit.folder / "photos" / "postgres" / "cat.jpg").touch()
    return reinstate_here("serve", "--port", str(free_port()), REINSTATE_DATA=str(kit.folder / "photos"))


def newer_schema(kit: Kit) -> Said:
    newer = "insert into ledger_of_migrations.applied (name, checksum) values ('9999_of_the_future.sql', 'x')"
    return kit.serving(kit.url(kit.altered(newer)))


def newer_schema_migrated(kit: Kit) -> Said:
    newer = "insert into ledger_of_migrations.applied (name, checksum) values ('9999_of_the_future.sql', 'x')"
    return reinstate_here("migrate", DATABASE_MIGRATE_URL=kit.url(kit.altered(newer), "reinstate_migrate"))


def changed_migration(kit: Kit) -> Said:
    changed = "update ledger_of_migrations.applied set checksum = 'x' where name like '0002%'"
    return reinstate_here("migrate", DATABASE_MIGRATE_URL=kit.url(kit.altered(changed), "reinstate_migrate"))


def missing_migration(kit: Kit) -> Said:
    return kit.serving(kit.url(kit.altered("delete from ledger_of_migrations.applied where name like '0002%'")))


def no_tables(kit: Kit) -> Said:
    return kit.serving(kit.url(kit.altered(source="template0")))


def unguarded_table(kit: Kit) -> Said:
    return kit.serving(kit.url(kit.altered("alter table system no force row level security")))


def key_file_unlike_one(kit: Kit) -> Said:
    return kit.serving(kit.url(kit.sound), REINSTATE_KEY_FILE=kit.file("poem", "No key, but a poem — of two lines\n"))


def key_file_too_short(kit: Kit) -> Said:
    return kit.serving(kit.url(kit.sound), REINSTATE_KEY_FILE=kit.file("short", "abcd"))


def token_server_away(kit: Kit) -> Said:
    async def make() -> str:
        database = Database(kit.url(kit.sound))
        async with database.change(Operator("R1A"), "client add") as db:
            url = f"http://127.0.0.1:{free_port()}/oauth2/token"
            made = await register(db, url, RegisterClient(scopes=["progress:read"]))
        await database.close()
        return made.key_file.model_dump_json()

    return reinstate_here("token", kit.file("good.json", asyncio.run(make())))


def organisation_unknown(kit: Kit) -> Said:
    name = clone(kit.cluster)
    target = kit.folder / "nobody.json"
    said = reinstate_here(
        *("client", "add", "--organisation", "RZZ", "--scope", "progress:read", "--output", str(target)),
        DATABASE_URL=kit.url(name),
    )
    assert not target.exists()
    return said


DAYS: dict[str, tuple[int, str, Callable[[Kit], Said]]] = {
    "port taken": (2, "choose another with --port", port_taken),
    "port out of range": (2, "--port", lambda _: reinstate_here("serve", "--port", "70000")),
    "no such command": (2, "No such command", lambda _: reinstate_here("surf")),
    "setting that is none": (2, "REINSTATE_PORT", lambda _: reinstate_here("serve", REINSTATE_PORT="eighty")),
    "folder in use": (1, "Another reinstate is already running", folder_in_use),
    "folder of somebody's": (1, "choose a folder that is empty", not_a_folder_of_ours),
    "database unreachable": (
        1,
        "check its address",
        lambda kit: kit.serving(f"postgresql://a:b@127.0.0.1:{free_port()}/c"),
    ),
    "database address that is none": (1, "check its address", lambda kit: kit.serving("http://example.org/")),
    "database password wrong": (
        1,
        "check its address",
        lambda kit: kit.serving(kit.cluster.url("reinstate_app", "wrong", kit.sound)),
    ),
    "database missing": (1, "check its address", lambda kit: kit.serving(kit.url("no_such_database"))),
    "superuser": (
        1,
        "use the login reinstate_app",
        lambda kit: kit.serving(kit.cluster.admin_url.replace("/postgres?", f"/{kit.sound}?")),
    ),
    "no tables": (1, "run reinstate migrate", no_tables),
    "newer schema": (1, "install the newer version", newer_schema),
    "newer schema migrated": (1, "install the newer version", newer_schema_migrated),
    "changed migration": (1, "put the original file back", changed_migration),
    "missing migration": (1, "is not applied", missing_migration),
    "unguarded table": (1, "table system lacks forced row-level security", unguarded_table),
    "migrate without address": (2, "Set DATABASE_MIGRATE_URL", lambda _: reinstate_here("migrate")),
    "migrate as the wrong login": (
        1,
        "reinstate_migrate",
        lambda kit: reinstate_here("migrate", DATABASE_MIGRATE_URL=kit.url(kit.sound)),
    ),
    "prepare without passwords": (2, "Set DATABASE_ADMIN_URL", lambda _: reinstate_here("prepare")),
    "prepare as the wrong login": (
        1,
        "administrator",
        lambda kit: reinstate_here(
            "prepare",
            DATABASE_ADMIN_URL=kit.url(kit.sound),
            REINSTATE_APP_PASSWORD="a",
            REINSTATE_MIGRATE_PASSWORD="b",
        ),
    ),
    "key file missing": (
        1,
        "set REINSTATE_KEY_FILE",
        lambda kit: kit.serving(kit.url(kit.sound), REINSTATE_KEY_FILE="/no/such/file"),
    ),
    "key file not named": (
        1,
        "set REINSTATE_KEY_FILE",
        lambda kit: reinstate_here("serve", "--port", str(free_port()), DATABASE_URL=kit.url(kit.sound)),
    ),
    "key file unlike one": (1, "64 hexadecimal digits", key_file_unlike_one),
    "key file too short": (1, "64 hexadecimal digits", key_file_too_short),
    "public address in the clear": (
        1,
        "must be https",
        lambda kit: kit.serving(kit.url(kit.sound), REINSTATE_URL="http://reinstate.example"),
    ),
    "client's key file missing": (2, "cannot be read", lambda _: reinstate_here("token", "/no/such/file")),
    "client's key file is a poem": (
        2,
        "is not a key file of reinstate",
        lambda kit: reinstate_here("token", kit.file("poem.txt", "Roses are red")),
    ),
    "client's key file lacks its key": (
        2,
        "it lacks",
        lambda kit: reinstate_here("token", kit.file("part.json", json.dumps({"client_id": "x"}))),
    ),
    "token server away": (1, "cannot be reached", token_server_away),
    "organisation unknown": (2, "List the organisation first", organisation_unknown),
}


@pytest.fixture(scope="module")
def kit(cluster: embedded.Server) -> Iterator[Kit]:
    """What bad days are made of."""
    with a_place() as place:
        yield Kit(cluster, place)


@pytest.mark.parametrize("day", DAYS)
def test_a_bad_day_is_told_in_a_sentence(kit: Kit, day: str) -> None:
    status, words, story = DAYS[day]
    said = story(kit)
    assert said.returncode == status, said.stderr
    assert words in said.stderr
    assert "Traceback" not in said.stderr
    assert 'File "' not in said.stderr
    assert said.stdout == ""
    if not said.stderr.startswith("Usage: "):  # Typer's own, in a box
        (sentence,) = said.stderr.splitlines()
        assert sentence.startswith("reinstate: ")
        assert sentence.endswith(".")


def test_a_process_of_its_own_says_the_same(kit: Kit) -> None:
    said = reinstate("serve", "--port", str(free_port()), DATABASE_URL=f"postgresql://a:b@127.0.0.1:{free_port()}/c")
    assert (said.returncode, said.stdout) == (1, "")
    assert said.stderr.startswith("reinstate: The database cannot be reached")
    assert said.stderr.endswith(".\n")
