"""Documents generated from the schema are answered the same by the compiler and by the executor.

A failure prints the documents asked together, with variables and callers, and a line `@reproduce_failure(...)` to be put above
`each`. The seed is that of pyproject.toml; other documents are asked by pytest tests/compiled/test_differential.py
--hypothesis-seed=N, with any N, and the same N asks the same again.
"""

import asyncio
import itertools
from collections.abc import Coroutine
from random import Random
from typing import Any

from graphql import get_named_type, is_abstract_type
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from api.graphql.engine import schema
from auth.caller import Caller
from tests.compiled.comparing import Comparison, Tally, onward, permitted
from tests.compiled.conftest import Ground
from tests.compiled.documents import Sent, about_itself, generated
from tests.compiled.material import lesser
from tests.compiled.whole import whole
from tests.isolation.inputs import TYPES

ENOUGH = 2_000
AT_ONCE = 4
FEW = 3  # who ask each of the documents that ask for everything, in turn
TRIES = 650
Others = dict[str, Any] | None
CHECKS = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]


def test_generated_documents_have_one_answer_either_way(rich: Ground) -> None:
    tally = Tally()
    comparison = Comparison(rich.engine, tally)

    @settings(max_examples=TRIES, deadline=None, database=None, print_blob=True, suppress_health_check=CHECKS)
    @given(chance=st.randoms(use_true_random=True))
    def each(chance: Random) -> None:
        rich.runner.run(_together([_asked(comparison, *_drawn(rich, chance)) for _ in range(AT_ONCE)]))

    callers = itertools.cycle(rich.material.callers)
    for sent in whole(rich.material):
        rich.runner.run(_together([_asked(comparison, sent, who, None) for who in itertools.islice(callers, FEW)]))
    each()
    assert len(tally.documents) >= ENOUGH, str(tally)
    assert _fields() <= tally.asked, _fields() - tally.asked


def _drawn(rich: Ground, chance: Random) -> tuple[Sent, Caller, Others]:
    """Give a document, who asks it, and perhaps other values for its variables: all chance is taken before it is asked."""
    sent = generated(chance, rich.material)
    who = chance.choice(rich.material.callers)
    who = lesser(chance, who) if chance.random() < 0.08 else who
    others = sent.again() if sent.variables and chance.random() < 0.2 else None
    note(f"{sent.document}\n{sent.variables}, then {others}\nas {who}")
    return sent, who, others


async def _together(work: list[Coroutine[Any, Any, None]]) -> None:
    await asyncio.gather(*work)


async def _asked(comparison: Comparison, sent: Sent, who: Caller, others: Others) -> None:
    """Ask, then ask on: for the next page, and for other values of the variables."""
    may_refuse = sent.daring or not permitted(who)
    data = await comparison.compare(sent, who, sent.variables, may_refuse=may_refuse)
    if data is not None and (further := onward(sent, sent.variables, data)):
        await comparison.compare(sent, who, further, may_refuse=True)
    if others is not None:
        await comparison.compare(sent, who, others, may_refuse=True)


def _fields() -> set[tuple[str, str]]:
    """Give every field that a question can reach."""
    found: set[tuple[str, str]] = set()
    unseen: list[Any] = [TYPES["Query"]]
    while unseen:
        kind = unseen.pop()
        fields = {(kind.name, name) for name, of in getattr(kind, "fields", {}).items() if not about_itself(of)}
        if not fields <= found:
            found |= fields
            unseen += [get_named_type(kind.fields[name].type) for _, name in fields]
        if is_abstract_type(kind):
            unseen += schema._schema.get_possible_types(kind)
    return found
