"""An API that listens on a port of this machine's, in this process, and clients that converse with it."""

import asyncio
import json
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self

import httpx
import uvicorn
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from api.app import create_app
from api.serving import configured
from auth.tenancy import Database
from auth.tokens.issuer import Issuer
from tests.installed import URL, ring_of, token_of

PROTOCOL = "graphql-transport-ws"
ACTIVITY = "subscription($after: String) { activity(after: $after) { cursor node { verb objectType objectId after } } }"
KEY = secrets.token_bytes(32)  # one for all who serve a database of these tests
VIEWER = "{ viewer { organisation { odsCode } } }"
PATIENCE = 10.0  # seconds
QUIET = 0.4  # seconds in which nothing comes that will not come


class Api:
    """The whole application behind uvicorn, as `reinstate serve` runs it."""

    def __init__(self, url: str) -> None:
        self.issuer = Issuer(URL, KEY)
        self.database = Database(url)
        self.app = create_app(self.database, self.issuer)
        self.port = 0

    @classmethod
    @asynccontextmanager
    async def serving(cls, url: str) -> AsyncIterator[Self]:
        """Serve for as long as a block lasts."""
        api = cls(url)
        server = uvicorn.Server(configured(api.app))
        with socket.socket() as claimed:
            claimed.bind(("127.0.0.1", 0))
            claimed.listen()
            api.port = claimed.getsockname()[1]
            running = asyncio.create_task(server.serve(sockets=[claimed]))
            try:
                while not server.started:  # noqa: ASYNC110 - what is waited for says nothing
                    await asyncio.sleep(0.01)
                yield api
            finally:
                server.should_exit = True
                await running

    async def token(self, code: str, **says: Any) -> str:
        """Give a token of an organisation's with every scope of its kind."""
        return token_of(code, self.issuer, await ring_of(self.database, self.issuer), **says)

    async def post(self, code: str, query: str, **variables: Any) -> Any:
        """Ask by POST; give the data."""
        headers = {"Authorization": f"Bearer {await self.token(code)}"}
        async with httpx.AsyncClient(trust_env=False) as http:
            answer = await http.post(self.url, json={"query": query, "variables": variables}, headers=headers)
        assert "errors" not in answer.json(), answer.text
        return answer.json()["data"]

    async def settled(self) -> None:
        """Wait until everybody who has begun to listen is told of what comes from now on."""
        streams: Any = self.app.endpoint.streams
        async with asyncio.timeout(PATIENCE):
            while streams._listening != sum(len(group._listeners) for group in streams._groups.values()):  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}/graphql"

    @asynccontextmanager
    async def met(self, *protocols: str, **options: Any) -> AsyncIterator["Client"]:
        """Have a connection on which nothing has been said yet."""
        address = f"ws://127.0.0.1:{self.port}/graphql"
        spoken: Any = list(protocols or (PROTOCOL,))
        async with connect(address, subprotocols=spoken, proxy=None, **options) as wire:
            yield Client(wire, self)

    @asynccontextmanager
    async def client(self, code: str = "", token: str = "", **options: Any) -> AsyncIterator["Client"]:
        """Have a connection of an organisation's that was let in."""
        async with self.met(**options) as client:
            bearer = token or await self.token(code)
            await client.say(type="connection_init", payload={"Authorization": f"Bearer {bearer}"})
            assert await client.hear() == {"type": "connection_ack"}
            yield client

    @asynccontextmanager
    async def listener(self, code: str, **variables: Any) -> AsyncIterator["Client"]:
        """Have a connection on which an organisation listens to activity, and has joined those who are told."""
        async with self.client(code) as client:
            await client.subscribe(**variables)
            await client.settled()
            yield client


class Client:
    """One who converses by graphql-transport-ws."""

    def __init__(self, wire: ClientConnection, api: Api) -> None:
        self.wire = wire
        self.api = api

    async def say(self, **message: Any) -> None:
        """Send a message."""
        await self.wire.send(json.dumps(message))

    async def hear(self) -> Any:
        """Give the next message."""
        async with asyncio.timeout(PATIENCE):
            return json.loads(await self.wire.recv())

    async def subscribe(self, query: str = ACTIVITY, id_: str = "1", **variables: Any) -> None:
        """Begin an operation; return when the server has taken it up."""
        await self.say(id=id_, type="subscribe", payload={"query": query, "variables": variables})

    async def settled(self) -> None:
        """Wait until the server has taken up what was said: a question that is asked after it takes its time."""
        await self.subscribe(VIEWER, "settled")
        while (await self.hear()).get("type") != "complete":
            pass
        await self.api.settled()

    async def events(self, number: int, field: str = "activity") -> list[Any]:
        """Give the next so many events."""
        heard = [await self.hear() for _ in range(number)]
        assert all(each["type"] == "next" for each in heard), heard
        return [each["payload"]["data"][field] for each in heard]

    async def silent(self) -> bool:
        """Tell whether nothing comes."""
        try:
            async with asyncio.timeout(QUIET):
                await self.wire.recv()
        except TimeoutError:
            return True
        return False

    async def closed(self) -> int:
        """Give the code with which the server hangs up, whatever it says before."""
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    await self.wire.recv()
        except ConnectionClosed:
            return int(self.wire.close_code or 0)
