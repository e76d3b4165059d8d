"""What a change answers with: the compiled statement says what the executor says."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest
from graphql import GraphQLObjectType, get_named_type, is_leaf_type, is_required_argument

from api.database import embedded
from api.graphql import engine
from api.graphql.answers import Answers
from api.graphql.change import Change
from api.graphql.context import Context
from api.graphql.engine import Answer, Request, schema
from api.graphql.nodes import NOUNS
from tests.compiled.comparing import hold_same
from tests.conftest import clone
from tests.isolation import world as worlds
from tests.isolation.canary import Canaries
from tests.isolation.world import told_by
from tests.stage import CARENOTES, Stage

TYPES = schema._schema.type_map
NASTY = 'Quotes " \\ / <b> \u2028 é 漢 😀 \u007f \t end'
FEW = 3
DEPTH = 2
VERBS = sorted(TYPES["Mutation"].fields)


def everything(name: str, depth: int = DEPTH) -> str:
    """Ask everything of a type, down to a depth."""
    kind: Any = TYPES[name]
    asked = ["__typename"]
    for field_name, field in kind.fields.items():
        inside = get_named_type(field.type)
        if any(is_required_argument(argument) for argument in field.args.values()):
            continue
        if is_leaf_type(inside):
            asked.append(field_name)
        elif depth and isinstance(inside, GraphQLObjectType):
            paging = "(first: 2)" if "first" in field.args else ""
            its = (
                f"its_{field_name}: {field_name}" if depth == DEPTH else field_name
            )  # a problem beside it may name one of its own so
            asked.append(f"{its}{paging} {{ {everything(inside.name, depth - 1)} }}")
    return " ".join(asked)


class Nasty(Canaries):
    """Texts that need escaping, wherever a field takes them."""

    def texts(self, owner: str, field: str) -> Iterator[str]:
        """Give a nasty spelling of one new text, then plain ones."""
        plain = [*super().texts(owner, field)]
        yield from () if field == "client" else (self._plant(f"{NASTY}{plain[1]}"),)
        yield from plain


class Witness:
    """Lets the executor word changes that were compiled, in the same transaction; of each verb the first few."""

    def __init__(self) -> None:
        self.compiled: dict[str, list[tuple[bytes | None, bytes]]] = defaultdict(list)
        self._compiling = engine._changed

    async def changed(self, request: Request, change: Change, context: Context, answers: Answers) -> Answer:
        """Answer as the engine does, and note what the executor would have said."""
        noted = self.compiled[change.field.name.value]
        if len(noted) == FEW:
            return await self._compiling(request, change, context, answers)
        body = await change.answer(context, answers)
        executed = await engine._execute(request, change.operation.document, context)
        noted.append((body, executed.body))
        return executed


def answered_by(verb: str) -> str:
    """Give the type of what a verb answers with when it does what it says."""
    answer: Any = TYPES[f"{verb[0].upper()}{verb[1:]}Answer"]
    (thing,) = (each.name for each in answer.types if "Problem" not in [face.name for face in each.interfaces])
    return str(thing)


def asked(verb: str) -> str:
    """Ask everything of what a verb answers with."""
    return f"{told_by(verb)} {everything(answered_by(verb))}"


@pytest.fixture(scope="module")
def told(cluster: embedded.Server) -> dict[str, list[tuple[bytes | None, bytes]]]:
    """Every mutation, by those who may, with text that needs escaping: the story of the isolation tests."""
    witness = Witness()
    with patch.object(engine, "_changed", witness.changed):
        asyncio.run(worlds.build(Stage(cluster, clone(cluster)), Nasty(), asked))
    return witness.compiled


@pytest.mark.parametrize("verb", VERBS)
def test_a_change_is_answered_as_the_executor_answers_it(
    told: dict[str, list[tuple[bytes | None, bytes]]], verb: str
) -> None:
    assert told[verb]
    for compiled, executed in told[verb]:
        assert (compiled is None) == (answered_by(verb) not in NOUNS), "what is kept is compiled"
        if compiled is not None:
            hold_same(compiled, json.loads(executed), verb)


def test_the_answer_that_is_kept_is_the_one_that_was_given(stage: Stage) -> None:
    document = "mutation($input: RegisterProduct!) { made: registerProduct(input: $input) { ...on Product { name } } }"
    given = {**CARENOTES, "code": "OTHER", "name": NASTY}
    first, again = (stage.answer("RIVAL", document, "key-0001", input=given) for _ in range(2))
    assert first.body == again.body
    assert NASTY.strip().encode()[-3:] in first.body


def test_an_alias_and_a_fragment_that_is_switched_off_are_answered_alike(stage: Stage) -> None:
    document = """mutation($input: RegisterProduct!, $on: Boolean!) { made: registerProduct(input: $input) {
        ...Made @include(if: $on) __typename } } fragment Made on Product { title: name }"""
    given = {**CARENOTES, "code": "SWITCH"}
    answers = [
        stage.answer("RIVAL", document, None, input={**given, "code": f"SWITCH_{on:d}"}, on=on).body
        for on in (True, False)
    ]
    assert answers == [
        b'{"data":{"made":{"title":"Carenotes","__typename":"Product"}}}',
        b'{"data":{"made":{"__typename":"Product"}}}',
    ]
