"""Documents made to cost more than they say: each is refused with a code, and cheaply."""

import asyncio
import json
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytest
from graphql import get_nullable_type, is_list_type

from api.database import embedded
from api.graphql.engine import documents, schema
from api.graphql.failure import TooMuchError
from api.graphql.limits import DEEPEST, LISTED, MOST_ALIASES
from tests.asked import GRAPHQL_JSON, Http, asking
from tests.installed import body_of, code_of

CHEAP = 500_000  # calls of functions, Python's own among them: some 25 ms of a processor
ROOM = 20 * 1024  # KB
COUNT = "totalCount"


def chain(links: int, inside: str = "__typename") -> str:
    """Give fragments, each of which holds the next, up to the last."""
    held = " ".join(f"fragment F{i} on Query {{ ...F{i + 1} }}" for i in range(links))
    return f"{held} fragment F{links} on Query {{ {inside} }}"


def fan(links: int, width: int, inside: str = "__typename") -> str:
    """Give fragments, each of which holds the next several times over."""
    held = " ".join(f"fragment L{i} on Query {{ {f'...L{i + 1} ' * width}}}" for i in range(links))
    return f"{held} fragment L{links} on Query {{ {inside} }}"


def nested(levels: int) -> str:
    """Give regions and their members in turn, so many levels deep."""
    return '{ organisation(odsCode: "Y60") { ' + "region { " * levels + "name" + " }" * levels + " } }"


def paged(levels: int, how: str) -> str:
    """Give pages of pages of systems and reports."""
    return (
        "{ systems"
        + how
        + " { nodes { "
        + f"reports{how} {{ nodes {{ system {{ " * levels
        + "id"
        + " } } }" * levels
        + " } } }"
    )


def each(text: str, times: int) -> str:
    """Give a text with its number in it, so many times."""
    return " ".join(text.replace("#", str(number)) for number in range(times))


BOMBS = {
    "aliases": f"{{ {each('a#: __typename', MOST_ALIASES + 1)} }}",
    "aliases, many": f"{{ {each('a#: viewer { kind }', 280)} }}",
    "aliases in a fragment": f"{{ ...F }} fragment F on Query {{ {each('a#: __typename', 300)} }}",
    "aliases in inline fragments": f"{{ {each('... on Query { a#: __typename }', 90)} }}",
    "aliases of a costly field": f"{{ {each('a#: progress { system { name } }', 61)} }}",
    "the same field": "{ " + "__typename " * 1990 + "}",
    "the same field with a selection": "{ " + "viewer { kind } " * 480 + "}",
    "the same field in a fragment": "{ ...F } fragment F on Query { " + "viewer { kind } " * 470 + "}",
    "the same field where nobody asks": "{ __typename } fragment F on Query { " + "viewer { kind } " * 470 + "}",
    "the same field in another operation": "query A { __typename } query B { " + "viewer { kind } " * 470 + "}",
    "the same field in inline fragments": "{ " + "... on Query { viewer { organisation { members { nodes { name } } } } } " * 110 + "}",
    "the same field below the same field": "{ " + "viewer { kind kind kind kind kind kind } " * 180 + "}",
    "fields that are not there": f"{{ {each('x#', 1900)} }}",
    "arguments that are not there": "{ viewer(" + each("a#: 1", 480) + ") { kind } }",
    "variables that are not used": "query(" + each("$v#: Int", 480) + ") { __typename }",
    "variables of no type": "query(" + each("$v#: Nothing", 480) + ") { __typename }",
    "levels": nested(DEEPEST),
    "levels, many": nested(60),
    "levels, very many": "{ a " * 500 + "}" * 500,
    "levels of nothing": "{ " * 1990,
    "levels of inline fragments": "{ " + "... { " * 600 + "__typename" + " }" * 600 + " }",
    "levels of typed inline fragments": "{ " + "... on Query { " * 300 + "__typename" + " }" * 300 + " }",
    "levels of lists": "{ nodes(ids: " + "[" * 900 + "]" * 900 + ") { id } }",
    "levels of objects": "{ nodes(ids: " + "{a:" * 450 + "1" + "}" * 450 + ") { id } }",
    "levels of types": "query($v: " + "[" * 900 + "Int" + "]" * 900 + ") { __typename }",
    "fragments, a chain": "{ ...F0 } " + chain(200),
    "fragments, a chain that nobody asks": "{ __typename } " + chain(230),
    "fragments, a chain around depth": "{ ...F0 } " + chain(20, nested(DEEPEST)[2:-2]),
    "fragments, too long a chain": "{ ...F0 } " + chain(1000),
    "fragments, a fan": "{ ...L0 } " + fan(30, 3),
    "fragments, a wide fan": "{ ...L0 } " + fan(6, 90),
    "fragments, a fan around a page": "{ ...L0 } " + fan(10, 2, "systems { nodes { id } }"),
    "fragments, a cycle of one": "{ ...A } fragment A on Query { ...A }",
    "fragments, a cycle of two": "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }",
    "fragments, a cycle through a field": "{ viewer { ...A } } fragment A on Viewer { organisation { region { members { nodes { ...B } } } } } fragment B on Organisation { members { nodes { ...B } } }",
    "fragments, a cycle that nobody asks": "{ __typename } fragment A on Query { ...B } fragment B on Query { ...A }",
    "fragments that are not there": f"{{ {each('...F#', 600)} }}",
    "fragments that are not asked": "{ __typename } " + each("fragment F# on Query { __typename }", 240),
    "directives": "{ __typename " + "@skip(if: false) " * 300 + "}",
    "directives that are not there": "{ __typename " + "@a " * 980 + "}",
    "directives on an operation": "query " + "@a " * 980 + "{ __typename }",
    "directives on many fields": "{ " + "__typename @include(if: true) " * 270 + "}",
    "tokens": "{ " + "a " * 2100 + "}",
    "tokens, as many as fit": "{" + "a " * 49_000 + "}",
    "names, very long": "{ " + "a" * 90_000 + " }",
    "numbers, very long": "{ systems(first: " + "9" * 90_000 + ") { totalCount } }",
    "fractions, very long": "{ systems(first: 0." + "9" * 90_000 + ") { totalCount } }",
    "texts, never ended": '{ incident(reference: "' + "x" * 90_000,
    "blocks, never ended": '{ incident(reference: """' + '\\"""' * 12_000,
    "escapes": '{ incident(reference: "' + "\\u0041" * 13_000,
    "pages of pages": paged(1, "(first: 200)"),
    "pages of pages, unsaid": paged(2, ""),
    "pages of pages by variable": paged(1, "(first: $n)").replace("{", "query($n: Int = 200) {", 1),
    "introspection": "{ __schema { types { " + "fields { type { " * 5 + "name" + " } }" * 5 + " } } }",
    "introspection of everything, often": "{ __schema { " + "types { name fields { name args { name type { name ofType { name } } } } } " * 40 + "} }",
    "operations": each("query Q# { __typename }", 390),
    "operations by one name": "query Q { __typename } " * 390,
    "changes": "mutation { " + each("a#: __typename", 50) + " }",
    "changes, two": "mutation { a: __typename b: __typename }",
    "ids": '{ nodes(ids: ["' + '","'.join(["x"] * 1900) + '"]) { id } }',
}  # fmt: skip


@contextmanager
def counting_calls() -> Iterator[Counter[str]]:
    """Count the calls of functions: the same on every machine, whatever else it does."""
    calls: Counter[str] = Counter()

    def note(_: FrameType, event: str, __: Any) -> None:
        if event in ("call", "c_call"):
            calls[event] += 1

    sys.setprofile(note)
    try:
        yield calls
    finally:
        sys.setprofile(None)


@pytest.fixture(scope="module")
def http(cluster: embedded.Server) -> Iterator[Http]:
    with asking(cluster) as http:
        http.post("{ viewer { kind } }")
        yield http


def test_a_question_that_answers_a_list_costs_as_much_as_its_rows() -> None:
    fields = schema._schema.query_type.fields
    listed = {name for name, field in fields.items() if is_list_type(get_nullable_type(field.type))}
    assert listed - {"nodes"} == LISTED.keys()
    pages = "nodes { reports(first: 200) { nodes { id } } }"
    for name in LISTED:
        with pytest.raises(TooMuchError, match="cost"):
            documents.read(f"{{ {name} {{ systems(first: 200) {{ {pages} }} }} }}").operation(None, {})


def test_there_are_forty_bombs_and_they_fit_into_a_request() -> None:
    assert len(BOMBS) >= 40
    assert {name for name, bomb in BOMBS.items() if len(json.dumps({"query": bomb})) > 100_000} == set()


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_with_a_code_and_cheaply(http: Http, name: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    documents.read.cache_clear()
    with counting_calls() as spent:
        answer = http.post(BOMBS[name])
    executed = name == "ids"  # refused by its own field
    assert answer.status_code == (294 if executed else 400)
    assert code_of(answer) in ("TOO_MUCH", "BAD_REQUEST", "ONE_CHANGE_A_REQUEST")
    assert executed or body_of(answer).keys() == {"errors"}
    assert 1_000 < spent.total() < CHEAP
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < ROOM
    assert len(answer.content) < 5_000


@pytest.mark.parametrize(
    "document",
    [
        f"{{ {each('a#: __typename', MOST_ALIASES)} }}",
        nested(DEEPEST - 2),
        "{ systems(first: 200) { nodes { reports(first: 200) { nodes { id } } } } }",
        "{ ...F0 } " + chain(30),
        "{ " + "viewer { kind organisation { name region { name } } } " * 20 + "}",
        "{ " + "#" * 90_000 + "\n__typename }",
        "{ " + "," * 90_000 + "__typename }",
    ],
    ids=["aliases", "levels", "cost", "chain", "repeated", "comment", "commas"],
)
def test_what_stays_within_the_limits_is_answered(http: Http, document: str) -> None:
    answer = http.post(document)
    assert answer.status_code == 200, answer.text[:300]
    assert answer.headers["content-type"].startswith(GRAPHQL_JSON)


def test_others_are_answered_while_bombs_fall(http: Http) -> None:
    async def story() -> list[float]:
        bombs = [http.site.post(bomb, token=http.token) for bomb in list(BOMBS.values()) * 2]
        falling = asyncio.gather(*bombs)
        waits = []
        while not falling.done():
            began = time.monotonic()
            answer = await http.site.post("{ viewer { kind } }", token=http.token)
            assert answer.status_code == 200
            waits.append(time.monotonic() - began)
        await falling
        return waits

    waits = http.run(story())
    assert waits
    assert max(waits) < 5
