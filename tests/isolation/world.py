"""The world: a database in which every tenant has told everything, and what is known of every row of it."""

import datetime as dt
import json
import uuid
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import asyncpg
from sqlalchemy import Column, Enum, TypeDecorator, insert

from api.graphql.engine import Engine, Request
from api.graphql.nodes import NOUNS
from auth import clients
from auth.caller import AAL2, Operator, SignIn
from auth.clients import RegisterClient
from auth.people import accounts
from auth.people.passwords import new_one_time_password
from auth.scope import scopes_of
from auth.tenancy import Database
from schema.kept.node import global_id
from schema.people.account import Account, OpenAccount, Role
from schema.people.api_client import AssertionProfile
from schema.people.session import Session
from tests.isolation import oracle, story
from tests.isolation.canary import Canaries, Readers, keys_of, leaves
from tests.isolation.inputs import Inputs
from tests.isolation.oracle import EVERYONE, KIND, Told
from tests.sign_in_support import TOKEN_URL, key_for
from tests.stage import LISTED, PASSWORDS, Stage, mutation_document, person

EVENTS = "select xid, id, object_type, object_key, row, encode(hash, 'hex') as link, verb from event where id > $1 order by id"
NOBODYS: Readers = frozenset()
# Whoever reads one knows that there is the other, which it may not read: a system was lost to some incident.
REFERS = {"KnownIssue": ("defect_id",), "System": ("incident_id",), "WaveMember": ("wave_id",)}


def made_up(column: Column[Any]) -> Any:
    """Give a value that a column takes."""
    if isinstance(column.type, Enum):
        return column.type.enums[0]
    if column.name == "tenant_ods":
        return "R1A"
    made: dict[type, Any] = {
        dt.datetime: (dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)).isoformat(),
        str: f"a-{column.name}"[:20] + "@R1A" * (column.name == "subject"),
        uuid.UUID: str(uuid.uuid4()),
        int: 1,
        list: [],
        object: {},  # JSON
    }
    kind = column.type.impl_instance if isinstance(column.type, TypeDecorator) else column.type
    return made[kind.python_type]


def told_by(verb: str) -> str:
    """Give what is asked of what a change answers with: the id of what it made."""
    return "unmoved" if verb == "whatIf" else "id"


@dataclass(frozen=True)
class Known:
    """A row of the world: its noun, its id as clients see it, its owner, who may read it, and who of its changes."""

    noun: str
    id: str
    key: str
    owner: str
    readers: Readers
    heard: Readers | None = None

    @property
    def hearers(self) -> Readers:
        """Who may read an event about it."""
        return self.readers if self.heard is None else self.heard


@dataclass
class World:
    """What there is to leak."""

    stage: Stage
    canaries: Canaries = field(default_factory=Canaries)
    rows: dict[str, Known] = field(default_factory=dict)
    changes: set[tuple[str, str]] = field(default_factory=set)
    writes: set[tuple[str, str, str]] = field(default_factory=set)
    names: dict[str, Readers] = field(default_factory=dict)
    named: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    keys: list[str] = field(default_factory=list)
    ready: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)

    def of(self, noun: str, *, seen_by: str | None = None, owner: str | None = None) -> list[Known]:
        """Give the rows of a noun, those that somebody may read, or those of an owner."""
        return [
            row
            for row in self.rows.values()
            if row.noun == noun and (seen_by is None or seen_by in row.readers) and owner in (None, row.owner)
        ]

    def copied(self) -> "World":
        """Give the same, to learn more of than this one knows."""
        return replace(self, rows=dict(self.rows), canaries=self.canaries.copied())

    @property
    def nouns(self) -> list[str]:
        """Give every noun there is a row of."""
        return sorted({row.noun for row in self.rows.values()})


class Builder:
    """Builds a world by changes sent to the engine, reading as administrator what each one wrote."""

    def __init__(
        self, world: World, database: Database, admin: asyncpg.Connection, asked: Callable[[str], str] = told_by
    ) -> None:
        """`asked` says what is asked of what a verb answers with, its id among it."""
        self._world = world
        self._asked = asked
        self._database = database
        self._engine = Engine(database)
        self._admin = admin
        self._last = 0
        self._shown: set[str] = set()

    async def build(self) -> None:
        """Build all of it."""
        for code in LISTED:
            await self._learn(Told(code), "organisation add", until_owner=code)
        for code in LISTED:
            await self._client(code)
            await self._account(code)
        await story.tell(self)
        await self._sign_in()
        self._world.names |= dict.fromkeys((row.key for row in self._world.of("Organisation")), EVERYONE)

    async def change(self, told: Told, verb: str, **given: Any) -> str:
        """Make a change and return the id of what it made."""
        made = Inputs(self._world.canaries, told.who).make(f"{verb[0].upper()}{verb[1:]}", given)
        request = Request(mutation_document(verb, self._asked(verb)), {"input": made}, None, str(uuid.uuid4()))
        asking = person(told.who, *([told.role] if told.role else []))
        body = json.loads((await self._engine.answer(request, asking)).body)
        assert "errors" not in body, (told, verb, body)
        thing: dict[str, Any] = body["data"][verb]
        assert "message" not in thing, (told, verb, made, thing)
        await self._learn(told, verb)
        self._world.changes.add((verb, told.who))
        if "id" in thing:
            self._note_names(made, thing["id"])
        return str(thing.get("id"))

    def leave(self, told: Told, verb: str, **given: Any) -> None:
        """Note what a change of somebody's can be made with, once, after the story."""
        self._world.ready[verb, told.who] = given

    async def signed_in(self, told: Told) -> str:
        """Have somebody sign in for an organisation, as the token endpoint does, and return the id of the session."""
        canaries, now = self._world.canaries, dt.datetime.now(dt.UTC)
        secret = next(canaries.texts(told.owner, "jkt"))
        session = Session(
            tenant_ods=told.owner,
            subject=f"somebody@{told.owner}",
            client_id=next(canaries.texts(told.owner, "application")),
            roles=["ADMINISTRATOR"],
            scopes=[],
            acr=AAL2,
            issuer=next(canaries.texts(told.owner, "issuer")),
            jkt=secret,
            **dict.fromkeys(("authenticated_at", "started_at", "last_used_at"), now),
            expires_at=now + dt.timedelta(days=1),
        )
        async with self._database.change(SignIn(), "sign in") as db:
            await db.write(insert(Session).values(session.model_dump()))
        readers = oracle.readers("Session", told)
        made = Known("Session", session.global_id(), str(session.id), told.owner, readers)
        self._world.rows[made.id] = made
        for key in (*canaries.planted, made.id, made.key):
            canaries.let_read(key, NOBODYS if str(key) in secret else readers)
        canaries.planted.clear()
        return made.id

    async def _sign_in(self) -> None:
        """Give sign-in's own tables, which no question can reach, a row each."""
        nouns: set[str] = {noun.__tablename__ for noun in NOUNS.values()}  # type: ignore[attr-defined] # tables
        for table in Session.metadata.sorted_tables:
            if table.name in nouns or table.info.get("view"):
                continue
            row = {column.name: made_up(column) for column in table.columns if not column.nullable}
            made = f"select {', '.join(row)} from jsonb_populate_record(null::{table.name}, $1)"  # noqa: S608 - our tables' own names
            await self._admin.execute(f"insert into {table.name} ({', '.join(row)}) {made}", json.dumps(row))

    async def gate(self, incident: str, code: str) -> str:
        """Return the id of a gate of an incident's catalogue."""
        found = "select id::text from gate where incident_id = $1::text::uuid and code = $2"
        return global_id("Gate", await self._admin.fetchval(found, self._world.rows[incident].key, code))

    async def made_by(self, told: Told, noun: str) -> str:
        """Return the id of the latest row of a noun that an organisation made."""
        return self._world.of(noun, owner=told.owner)[-1].id

    def _note_names(self, made: dict[str, Any], thing: str) -> None:
        readers = self._world.rows[thing].readers
        names = [made[name] for name in ("reference", "code", "label") if name in made]
        names += [f"{made['localPart']}@{self._world.rows[thing].owner}"] if "localPart" in made else []
        self._world.names |= dict.fromkeys(names, readers)
        self._world.named[self._world.rows[thing].noun] += names
        if "oneTimePassword" in made:
            self._world.canaries.let_read(made["oneTimePassword"], NOBODYS)
        self._world.keys.append(made["idempotencyKey"])

    async def _client(self, code: str) -> None:
        canaries = self._world.canaries
        stated = RegisterClient(
            scopes=[scope.value for scope in scopes_of(KIND[code])],
            profile=AssertionProfile.RFC7523,
            client_id=next(canaries.texts(code, "client")),
            key=key_for("ES256"),
        )
        async with self._database.change(Operator(tenant_ods=code), "client add") as db:
            registered = await clients.register(db, TOKEN_URL, stated)
        assert isinstance(registered, clients.Registered), registered
        canaries.planted += [leaf for leaf in leaves(registered.client.jwks) if len(str(leaf)) > 20]
        await self._learn(Told(code), "client add")

    async def _account(self, code: str) -> None:
        """Have the operator open the account of whoever makes the changes."""
        local_part, operator = person(code).subject.partition("@")[0], Operator(tenant_ods=code)
        once = new_one_time_password()
        stated = OpenAccount(local_part=local_part, roles=[Role.ADMINISTRATOR], one_time_password=once)
        async with self._database.change(operator, "account open") as db:
            opened = await accounts.open_(db, operator, stated)
        assert isinstance(opened, Account), opened
        self._world.canaries.let_read(once, NOBODYS)
        await self._learn(Told(code), "account open")

    async def _learn(self, told: Told, verb: str, until_owner: str | None = None) -> None:
        """Read the events of a change: which rows it wrote, and which of them hold its canaries."""
        canaries = self._world.canaries
        homeless = set(canaries.planted)
        for event in await self._admin.fetch(EVENTS, self._last):
            if until_owner and event["object_key"] != until_owner:
                break
            self._last = event["id"]
            row = json.loads(event["row"])
            readers = self._know(told, event, row, verb)
            held = {key for leaf in leaves(row) for key in keys_of(leaf)} & set(canaries.planted)
            homeless -= held
            for key in held:
                canaries.let_read(key, readers)
            kind = "operator" if " " in verb else KIND[told.who].lower()
            self._world.writes.add((kind, event["object_type"], "insert" if row["version"] == 1 else "update"))
        for key in homeless:  # kept beside the answer to its idempotency key, or not at all
            canaries.let_read(key, frozenset({told.who}))
        canaries.planted.clear()

    def _know(self, told: Told, event: Any, row: dict[str, Any], verb: str) -> Readers:
        """Note the row and the event about it; give who may read what the change said of it."""
        noun, key, owner = event["object_type"], event["object_key"], row.get("tenant_ods", told.owner)
        made = self._world.rows.get(id_ := global_id(noun, key))  # whoever changes it, it stays whose it is
        made = made or Known(noun, id_, key, owner, oracle.readers(noun, told))
        self._world.rows[made.id] = made
        readers = made.readers
        joins = noun in oracle.SHOWN_BY and global_id("Wave", row.get("wave_id", "")) in self._shown
        if joins or oracle.SHOWN_BY.get(noun) == verb:
            self._shown.add(made.id)
            self._world.canaries.let_read_all(row, readers)
        heard = oracle.hearers(noun, told, readers, shown=made.id in self._shown)
        self._world.rows[made.id] = replace(made, heard=(made.heard or heard) | heard)
        place = f"{event['xid']}/{event['id']}"
        told_of = Known("Event", global_id("Event", place), place, owner, heard)
        self._world.rows[told_of.id] = told_of
        for secret in (told_of.id, place, event["link"]):
            self._world.canaries.let_read(secret, heard)
        for secret in (made.id, key) if readers != EVERYONE else ():
            self._world.canaries.let_read(secret, readers)
        self._world.canaries.let_read_all({column: row[column] for column in REFERS.get(noun, ())}, readers)
        return heard if noun in oracle.SHOWN_BY else readers


async def build(stage: Stage, canaries: Canaries | None = None, asked: Callable[[str], str] = told_by) -> World:
    """Build a world on a database whose organisations are listed."""
    world = World(stage, canaries or Canaries())
    database = Database(stage.url)
    admin = await asyncpg.connect(stage.server.admin_url, database=stage.name)
    try:
        await Builder(world, database, admin, asked).build()
    finally:
        await admin.close()
        await database.close()
    return world


def app_url(stage: Stage) -> str:
    """Give the address of the app's login."""
    return stage.server.url("reinstate_app", PASSWORDS["reinstate_app"], stage.name)
