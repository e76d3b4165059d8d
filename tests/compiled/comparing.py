"""A document answered both ways: by its statement and field by field; the two must be one answer."""

import asyncio
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from graphql import GraphQLError

from api.graphql.compiled.given import UncompiledError
from api.graphql.documents import Prepared
from api.graphql.engine import Engine, Request, documents
from api.graphql.failure import failure_of
from auth.caller import Caller
from auth.scope import Scope
from tests.compiled.documents import Sent, Signature

TRIES = 10
PLACES = {"endCursor", "cursor"}  # the fields that tell where to go on


class DifferentError(AssertionError):
    """The two ways differ."""


@dataclass
class Tally:
    """What was compared."""

    documents: set[str] = field(default_factory=set)
    answers: Counter[str] = field(default_factory=Counter)
    asked: set[tuple[str, str]] = field(default_factory=set)

    def note(self, sent: Sent, verdict: str) -> None:
        """Note one comparison."""
        self.answers[verdict] += 1
        if verdict == "compiled":
            self.documents.add(sent.document)
            self.asked |= sent.asked

    def __str__(self) -> str:
        return f"{len(self.documents)} documents compiled; {dict(self.answers)}"


class Comparison:
    """Asks both ways and holds the answers beside each other."""

    def __init__(self, engine: Engine, tally: Tally) -> None:
        self._engine = engine
        self._tally = tally

    async def compare(
        self, sent: Sent, who: Caller, variables: dict[str, Any], *, may_refuse: bool
    ) -> dict[str, Any] | None:
        """Compare the answers to a document; give the data."""
        request = Request(sent.document, variables, sent.operation_name, "the-same")
        try:
            operation = documents.read(sent.document).operation(sent.operation_name, variables)
        except GraphQLError as error:
            if not may_refuse and (error.extensions or {}).get("code") != "TOO_MUCH":
                raise DifferentError(f"the generated document is invalid: {error}") from error
            self._tally.note(sent, "invalid")
            return None
        compiled, answer = await asyncio.gather(
            self._compiled(request, operation, who), self._executed(request, operation, who)
        )
        executed = json.loads(answer)
        self._tally.note(sent, "compiled" if isinstance(compiled, bytes) else compiled)
        if isinstance(compiled, bytes):
            hold_same(compiled, executed, f"{sent.document}\n{variables}\nas {who}")
        elif compiled == "refused" and not ("errors" in executed or may_refuse):
            raise DifferentError(f"refused without need; the executor answers {executed}")
        elif compiled not in ("refused", "introspection") or (compiled == "introspection" and not sent.about_itself):
            raise DifferentError(f"not compiled: {compiled}; the executor answers {executed}")
        data: dict[str, Any] | None = executed.get("data")
        return data

    async def _executed(self, request: Request, operation: Prepared, who: Caller) -> bytes:
        """Give the executor's answer; a busy machine is no finding."""
        for tries in range(TRIES):
            try:
                answer = await self._engine.executed(request, operation, who)
            except Exception as error:
                if tries == TRIES - 1 or not failure_of(error).retryable:
                    raise
            else:
                if not answer.retryable:
                    return answer.body
            await asyncio.sleep(0.2 * tries)
        raise DifferentError("the executor is out of reach")

    async def _compiled(self, request: Request, operation: Prepared, who: Caller) -> bytes | str:
        try:
            return (await self._engine.compiled(request, operation, who)).body
        except UncompiledError as error:
            return error.reason


def hold_same(compiled: bytes, executed: dict[str, Any], asked: str) -> None:
    """Hold that both ways answer the same: values, the order of fields, each key once."""
    told = canonical(json.loads(compiled, object_pairs_hook=_once))
    if told != canonical(executed):
        raise DifferentError(f"{asked}\ncompiled {told}\nexecuted {canonical(executed)}")


def canonical(answer: Any) -> str:
    """Spell an answer so that equal ones are the same; the order of fields is part of a GraphQL answer."""
    return json.dumps(answer)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Hold that an object has each key once."""
    told = dict(pairs)
    if len(told) != len(pairs):
        raise DifferentError(f"a key twice: {pairs}")
    return told


def permitted(who: Caller) -> bool:
    """Whether a caller may ask everything."""
    return {Scope.PROGRESS_READ, Scope.ACTIVITY_READ} <= who.scopes


def onward(sent: Sent, variables: dict[str, Any], data: Any) -> dict[str, Any] | None:
    """Give the variables that ask for the page after the one that was answered, where a variable says the place."""
    for key, (_, _, arguments) in sent.keys.items():
        if "after: $" in arguments:
            name = arguments.split("after: $")[1].split(",")[0].split(")")[0]
            cursors = [cursor for page in _under(data, key) for cursor in _cursors(page, sent.keys)]
            if cursors:
                return {**variables, name: cursors[0]}
    return None


def _under(value: Any, key: str) -> list[Any]:
    """Give what stands under a key, anywhere in an answer."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    found = [value[key]] if isinstance(value, dict) and key in value else []
    return found + [each for one in inner for each in _under(one, key)]


def _cursors(page: Any, keys: dict[str, Signature]) -> list[str]:
    wanted = [key for key, (name, _, _) in keys.items() if name in PLACES]
    return [text for key in wanted for text in _under(page, key) if isinstance(text, str)]
