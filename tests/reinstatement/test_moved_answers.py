"""Answers kept: a supplier that moves a trust's system moves what is kept for the trust, its region and the nation."""

from collections.abc import Iterator

import pytest

from tests.cached import Pair, paired
from tests.stage import Stage

STATES = "{ systems { nodes { state organisation { odsCode } } } }"
MOVE = "mutation($input: BeginRebuild!) { beginRebuild(input: $input) { __typename } }"


@pytest.fixture(scope="module")
def pair(stage: Stage) -> Iterator[Pair]:
    """Two replicas on the module's stage."""
    with paired(stage) as pair:
        yield pair


async def states(pair: Pair, code: str, number: int) -> dict[str, str]:
    """Give the states of the systems that an organisation sees."""
    nodes = (await pair.post(code, number, STATES)).json()["data"]["systems"]["nodes"]
    return {each["organisation"]["odsCode"]: each["state"] for each in nodes}


async def moves(pair: Pair) -> None:
    readers = {"R1A": {"R1A"}, "SUPPLIER": {"R1A", "RNK"}, "NATIONAL": {"R1A", "RNK"}, "RNK": {"RNK"}}
    for code, seen in readers.items():
        for _ in range(2):
            assert await states(pair, code, 0) == dict.fromkeys(seen, "OUTAGE")
    body = {"query": MOVE, "variables": {"input": {"system": pair.told["R1A"]}}}
    headers = await pair.bearer("SUPPLIER")
    answer = await pair.sites[0].http.post("/graphql", json=body, headers=headers)
    assert answer.json()["data"]["beginRebuild"]["__typename"] == "System"
    for code, seen in readers.items():
        assert await states(pair, code, 0) == {each: "REBUILDING" if each == "R1A" else "OUTAGE" for each in seen}


def test_what_a_supplier_moves_is_seen_at_once_by_whoever_sees_the_system(pair: Pair) -> None:
    pair.run(moves)
