"""Every question that can be asked without saying anything, every page of it."""

from collections.abc import AsyncIterator
from typing import Any

from graphql import get_named_type

from api.graphql.compiled.given import MOST_FIELDS
from tests.isolation.asking import Asker
from tests.isolation.inputs import TYPES
from tests.isolation.selection import asked, needs_nothing, times
from tests.isolation.walk import is_answered

QUESTIONS: dict[str, Any] = TYPES["Query"].fields
PAGE = 25


def listed() -> list[str]:
    """Give the questions that need no argument but instants."""
    return [name for name, field in QUESTIONS.items() if needs_nothing(field)]


async def ask_all(asker: Asker, who: str) -> dict[str, list[Any]]:
    """Ask all of them, to the last page; give the pages."""
    return {name: [page async for page in _pages(asker, name, who)] for name in listed()}


async def _pages(asker: Asker, name: str, who: str) -> AsyncIterator[Any]:
    field = QUESTIONS[name]
    shape, paged = get_named_type(field.type).name, "after" in field.args
    head = (
        ("query($after: String)", f"{name}({times(field)}first: {PAGE}, after: $after)") if paged else ("query", name)
    )
    selections = [asked(shape, depth, 2) for depth in (2, 1)]
    compiled = [each for each in selections if len(each.split()) <= MOST_FIELDS] or selections[-1:]
    document = next(filter(is_answered, (f"{head[0]} {{ {head[1]} {{ {each} }} }}" for each in compiled)))
    after = None
    while True:
        body = await asker.ask(who, document, {"after": after} if after else {}, name)
        assert "errors" not in body, (name, body["errors"])
        asker.findings.calls[f"{name}()"] += 1
        asker.findings.reached.add(("Query", name))
        page = body["data"][name]
        yield page
        if not paged or not page["pageInfo"]["hasNextPage"]:
            return
        after = page["pageInfo"]["endCursor"]
