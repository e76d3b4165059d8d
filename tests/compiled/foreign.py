"""Compiled statements sent under another scope than the one they were asked in, and what they give away."""

import asyncio
import itertools
import json
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from random import Random
from typing import Any, Self

import asyncpg
from graphql import GraphQLError

from api.graphql.compiled.given import Given, UncompiledError
from api.graphql.compiled.plan import Plan
from api.graphql.engine import documents
from auth.caller import Caller
from auth.connections import pool
from schema.kept.connection import BadCursorError, BadPageError
from tests.compiled.documents import generated
from tests.compiled.material import Material
from tests.isolation.canary import leaves
from tests.isolation.oracle import EVERYONE
from tests.isolation.selection import asked
from tests.isolation.world import World, app_url
from tests.stage import Stage, person

REFUSED = (GraphQLError, UncompiledError, BadCursorError, BadPageError)
CLOCK = "2031-01-01T00:00:00+00:00"  # of demonstrations, so that an answer is the same twice
MOST = 150  # rows of a noun
ENTERS = 3  # settings
LINES = f"{{ progress {{ {asked('SystemProgress', 1, 2)} }} }}"


@dataclass(frozen=True)
class Asking:
    """A compiled document, as its owner asks it."""

    document: str
    said: str
    plan: Plan
    given: Given

    @property
    def owner(self) -> Caller:
        """Who asks."""
        return self.given.caller

    def asked(self, who: Caller) -> list[tuple[Any, str, list[Any]]]:
        """Give the statements with the parameters of somebody else's scope."""
        return self.plan.asked(replace(self.given, caller=who))


def sampled(material: Material, seeds: Sequence[int]) -> Iterator[Asking]:
    """Give compiled documents, generated and asked by each organisation in turn."""
    for seed, who in zip(seeds, itertools.cycle(material.callers), strict=False):
        sent = generated(Random(seed), material)  # noqa: S311 - the same documents each time
        if sent.daring:  # what it dares, the database may refuse
            continue
        try:
            yield asking(sent.document, who, sent.variables, sent.operation_name)
        except REFUSED:
            continue


def asking(document: str, who: Caller, variables: dict[str, Any], name: str | None = None) -> Asking:
    """Compile a document for somebody."""
    operation = documents.read(document).operation(name, variables)
    plan, arguments = operation.compiled.planned(variables)
    given = Given(who, CLOCK, arguments)
    plan.asked(given)
    return Asking(document, document + json.dumps(variables), plan, given)


def standing(world: World, who: Caller) -> list[Asking]:
    """Give documents that ask for what there is, by its id: of every noun, many."""
    found = [asking(LINES, who, {})]
    for noun in world.nouns:
        document = f"query($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on {noun} {{ {asked(noun, 1, 2)} }} }} }}"
        ids = [row.id for row in world.of(noun)]
        ids = ids[:: 1 + len(ids) // MOST]
        found += [asking(document, who, {"ids": ids[at : at + 100]}) for at in range(0, len(ids), 100)]
    return found


class Wires:
    """A connection a role, as compiled reads have them."""

    def __init__(self, stage: Stage) -> None:
        self._url = app_url(stage)
        self._open: dict[str, asyncpg.Connection] = {}
        self._stack = AsyncExitStack()

    async def answer(self, who: Caller, statements: list[tuple[Any, str, list[Any]]]) -> bytes:
        """Give the answer to statements on a connection with somebody's role."""
        connection = await self.of(who.role)
        found = []
        for instant, text, arguments in statements:
            async with connection.transaction(readonly=True):
                if instant is not None:
                    await connection.execute("select app.read_as($1, null, $2)", who.tenant_ods, instant)
                found.append(await connection.fetchval(text, *arguments))
        return b'{"data":{' + b",".join(found) + b"}}"

    async def of(self, role: str) -> asyncpg.Connection:
        """Give the connection of a role."""
        if role not in self._open:
            settings = {**pool.SETTINGS, "role": role}
            self._open[role] = await asyncpg.connect(self._url, server_settings=settings)
            self._stack.push_async_callback(self._open[role].close)
        return self._open[role]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.shield(self._stack.aclose())


def unentered(statements: list[tuple[Any, str, list[Any]]]) -> list[tuple[Any, str, list[Any]]]:
    """Give statements of now with what sets their scope made to set nothing."""
    stripped = []
    for instant, text, arguments in statements:
        assert text.count("set_config(") == ENTERS, text
        stripped += [(instant, text.replace("set_config(", "concat("), arguments)] if instant is None else []
    return stripped


def learnt(world: World, body: bytes, who: str, said: str) -> list[str]:
    """Give what an answer tells somebody that is not theirs to know; what they said themselves is no news."""
    told = json.loads(body.replace(b"\x01", b"null"))  # a broken promise: the executor would word an error
    found = []
    for leaf in leaves(told):
        readers = world.canaries.readers(leaf) or EVERYONE
        if readers != EVERYONE and who not in readers and str(leaf) not in said:
            found.append(f"{who} learns {leaf}")
    return found


def stranger_to(who: Caller) -> Caller:
    """Give a caller of the same kind who is somebody else; where the list has none, a trust."""
    others = {
        "R1A": "RNK",
        "RYG": "RNK",
        "RNK": "R1A",
        "Y60": "Y56",
        "Y56": "Y60",
        "SUPPLIER": "RIVAL",
        "RIVAL": "SUPPLIER",
    }
    return replace(person(others.get(who.tenant_ods, "RNK")), scopes=who.scopes)
