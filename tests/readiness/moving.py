"""State machines as tables: who moves a thing from where to where, and the ways to walk and to try it all."""

import asyncio
import uuid
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from schema.kept.node import read_global_id
from tests.stage import LISTED, Stage, person

Begun = Callable[[], str]


@dataclass(frozen=True)
class Move:
    """One verb of a machine: whose it is, from which states it leads to which."""

    verb: str
    scope: str
    actor: str
    begins: frozenset[str]
    ends: str
    given: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        """Name it in the tests' own names."""
        return f"{self.verb} to {self.ends}"


@dataclass(frozen=True)
class Machine:
    """The moves of one noun, and by which argument they name it."""

    argument: str
    states: tuple[str, ...]
    moves: tuple[Move, ...]
    hidden: frozenset[tuple[str, str]] = frozenset()  # the states in which an actor does not see a thing

    def way_to(self, state: str) -> list[Move]:
        """Give the shortest way from the first state."""
        ways: deque[tuple[str, list[Move]]] = deque([(self.states[0], [])])
        while ways:
            reached, way = ways.popleft()
            if reached == state:
                return way
            ways.extend((move.ends, [*way, move]) for move in self.moves if reached in move.begins)
        raise LookupError(state)

    def walk(self, stage: Stage, begun: str, state: str) -> str:
        """Bring a thing from its first state to another, each move by its actor; give its id."""
        for move in self.way_to(state):
            answer = self.make(stage, move, begun)
            assert answer.get("state") == move.ends, answer
        return begun

    def make(self, stage: Stage, move: Move, thing: str, who: Any = None, **given: Any) -> dict[str, Any]:
        """Make a move as its actor, or as somebody else."""
        asking = who or person(move.actor)
        told = {self.argument: thing, **move.given, **given}
        return stage.change(asking, move.verb, select="state version", **told)

    def hold_every_move(self, stage: Stage, begin: Begun, state: str) -> None:
        """Hold that from one state exactly its moves are made; the others are refused and say from where they lead."""
        stands = self.walk(stage, begin(), state)
        for move in (move for move in self.moves if state not in move.begins):
            answer = self.make(stage, move, stands)
            if (state, move.actor) in self.hidden:
                assert answer["code"] == "NOT_FOUND", (move, answer)
                continue
            assert (answer["__typename"], answer["code"]) == ("WrongState", "WRONG_STATE"), (move, answer)
            assert (answer["currentState"], set(answer["neededStates"])) == (state, move.begins), (move, answer)
            assert answer["message"]
            assert answer["nextStep"]
        for move in (move for move in self.moves if state in move.begins):
            walked = self.walk(stage, begin(), state)
            stale = self.make(stage, move, walked, expectedVersion=77)
            assert stale["code"] == "VERSION_CONFLICT", (move, stale)
            assert self.make(stage, move, walked, expectedVersion=stale["currentVersion"])["state"] == move.ends

    def hold_every_stranger(self, stage: Stage, begin: Begun, move: Move, peers: Collection[str] = ()) -> None:
        """Hold that nobody but its actor, and its `peers` with the same right, makes a move; the scope says so first.

        Past the scope, the rule does: to whoever sees the thing that they may not, to others that it is not there.
        """
        stands = self.walk(stage, begin(), min(move.begins, key=self.states.index))
        for code in LISTED.keys() - {move.actor, *peers}:
            if move.scope not in person(code).scopes:
                answer = self.make(stage, move, stands, person(code))
                assert (answer["code"], answer["needs"]) == ("NOT_PERMITTED", move.scope), (code, answer)
                assert answer["nextStep"]
            forced = person(code, scopes=person(code).scopes | {move.scope})
            answer = self.make(stage, move, stands, forced)
            assert answer["code"] in ("NOT_PERMITTED", "NOT_FOUND"), (code, answer)
        assert self.make(stage, move, stands)["state"] == move.ends


def key_of(given: str) -> uuid.UUID:
    """Give the key in a client's id."""
    return uuid.UUID((read_global_id(given) or ("", ""))[1])


def tried(stage: Stage, code: str, tries: Sequence[str | tuple[str, ...]], subject: str | None = None) -> list[str]:
    """Try a statement, or some in one transaction, as the role of a caller, past every rule, and keep nothing.

    Gives for each try the value of the last one's first row, `nothing` where it reached no row, or what the database refused it with.
    """
    who = person(code)

    async def run() -> list[str]:
        connection = await asyncpg.connect(stage.url, server_settings={"role": who.role})
        try:
            return [await _tried(connection, each if isinstance(each, tuple) else (each,)) for each in tries]
        finally:
            await connection.close()

    async def _tried(connection: Any, statements: Sequence[str]) -> str:
        change = connection.transaction()
        await change.start()
        try:
            given = code, who.kind.value, subject or who.subject
            await connection.execute("select app.enter($1, $2, $3, 'sql', '', '')", *given)
            found = [await connection.fetchval(each) for each in statements][-1]
            return "nothing" if found is None else str(found)
        except asyncpg.PostgresError as error:
            return f"{type(error).__name__}: {error}"
        finally:
            await change.rollback()

    return asyncio.run(run())
