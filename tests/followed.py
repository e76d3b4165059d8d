"""A subscription followed by hand: the past it tells, page by page, by either way of answering it."""

import json
from typing import Any

from api.graphql.compiled.stream import Place, Span, Told
from api.graphql.engine import Answer, Engine, Request
from api.stream.following import Following
from auth.caller import Caller

BEGINNING: Place = (0, 0)
END: Place = (2**62, 0)
PAGE = 50


async def opened(engine: Engine, who: Caller, document: str, **variables: Any) -> Following:
    """Open a subscription that is not refused."""
    found = await engine.opened(Request(document, variables, None, "followed"), who)
    assert isinstance(found, Following), found
    return found


async def refused(engine: Engine, who: Caller, document: str, **variables: Any) -> str:
    """Give the code by which a subscription is refused."""
    found = await engine.opened(Request(document, variables, None, "followed"), who)
    assert isinstance(found, Answer), found
    return str(json.loads(found.body)["errors"][0]["extensions"]["code"])


async def past(following: Following, since: Place = BEGINNING, *, executed: bool = False) -> list[Told]:
    """Give all that it tells of the past, compiled or field by field."""
    answers = following._executed if executed else following.told
    found: list[Told] = []
    while page := await answers(Span(found[-1].place if found else since, END, PAGE)):
        found += page
    return found
