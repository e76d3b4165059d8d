"""Nobody learns what is another tenant's, and nobody changes it: every position of the schema, tried by everyone."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from unittest.mock import patch

import asyncpg
import pytest
from graphql import GraphQLObjectType

from api.graphql.engine import Engine, documents
from auth.tenancy import Database
from schema.organisation import OrganisationKind as Kind
from tests.isolation.asking import Asker, Findings
from tests.isolation.changing import Changes
from tests.isolation.inputs import TYPES
from tests.isolation.lists import ask_all
from tests.isolation.oracle import KIND
from tests.isolation.positions import Position, positions
from tests.isolation.walk import THOROUGH, Breadth, Walk
from tests.isolation.world import World, app_url
from tests.stage import LISTED, Stage

POSITIONS = positions()
UNTOLD = {"Event", "Session"}  # no event is about them
LISTS = {
    "activity": "Event",
    "assurances": "SecurityAssurance",
    "cohorts": "Cohort",
    "defects": "Defect",
    "disputes": "Dispute",
    "holds": "Hold",
    "knownIssues": "KnownIssue",
    "milestones": "Milestone",
    "signOffs": "SafetySignOff",
    "slots": "ReinstatementSlot",
    "systems": "System",
    "waves": "Wave",
}
QUESTIONS = [position for position in POSITIONS if position.type != "Mutation"]
CHANGES = [position for position in POSITIONS if position.type == "Mutation"]


@dataclass
class Walked:
    """What the walks found, and the pages of every list as everyone sees it."""

    questions: Findings
    changes: Findings
    lists: dict[str, dict[str, list[Any]]]


@pytest.fixture(scope="session")
def walked(world: World, copies: dict[str, Stage], thorough: bool) -> Walked:
    """Everything asked and tried, once; each document is compiled once for all who ask it."""
    with patch.object(documents, "read", lru_cache(maxsize=512)(documents.read.__wrapped__)):
        return asyncio.run(_walk(world, copies, thorough=thorough))


async def _walk(world: World, copies: dict[str, Stage], *, thorough: bool) -> Walked:
    async with AsyncExitStack() as open_until_done:
        askers = []
        learning = world.copied()  # while changes are tried, some is shown to more than before
        for use, canaries in (("reading", world.canaries), ("changing", learning.canaries)):
            database = Database(app_url(copies[use]))
            open_until_done.push_async_callback(database.close)
            askers.append(Asker(Engine(database), canaries))
        admin = await asyncpg.connect(copies["changing"].server.admin_url, database=copies["changing"].name)
        open_until_done.push_async_callback(admin.close)
        walk = Walk(world, askers[0], THOROUGH if thorough else Breadth())
        changes = Changes(learning, askers[1], admin, everything=thorough)
        lists = {}
        for position in QUESTIONS:  # by all, before the next: its documents are compiled once
            for who in LISTED:
                await walk.everything([position], who)
        for who in sorted(LISTED, key=lambda code: KIND[code] is not Kind.SUPPLIER):  # what is booked, trusts hand back
            lists[who] = await ask_all(askers[0], who)
            await changes.everything(CHANGES, who)
        return Walked(askers[0].findings, askers[1].findings, lists)


def test_no_question_tells_what_is_not_the_callers_to_know(walked: Walked) -> None:
    assert not walked.questions.leaks, str(walked.questions)


def test_no_change_tells_or_touches_what_is_not_the_callers(walked: Walked) -> None:
    assert not walked.changes.leaks, str(walked.changes)


@pytest.mark.parametrize("who", LISTED)
def test_lists_show_exactly_what_the_caller_may_see(walked: Walked, world: World, who: str) -> None:
    for name, noun in LISTS.items():
        shown = [row["id"] for page in walked.lists[who][name] for row in page["nodes"]]
        assert sorted(shown) == sorted(row.id for row in world.of(noun, seen_by=who)), name
        assert {page["totalCount"] for page in walked.lists[who][name]} == {len(shown)}, name
    moved = [row["objectId"] for page in walked.lists[who]["changes"] for row in page["nodes"]]
    assert sorted(moved) == sorted(
        id_ for id_, row in world.rows.items() if row.noun not in UNTOLD and who in row.hearers
    )


def test_every_field_was_reached(walked: Walked) -> None:
    there = {
        (name, field)
        for name, kind in TYPES.items()
        if isinstance(kind, GraphQLObjectType) and not name.startswith("__") and name != "Subscription"
        for field in kind.fields
    }
    assert there - walked.questions.reached - walked.changes.reached == set()


@pytest.mark.parametrize("position", POSITIONS, ids=str)
def test_every_position_was_tried(walked: Walked, position: Position) -> None:
    calls = walked.questions.calls + walked.changes.calls
    assert calls[str(position)] >= len(LISTED)


def test_the_walk_is_long(walked: Walked, thorough: bool) -> None:
    made = walked.questions.calls.total() + walked.changes.calls.total()
    assert made > (100_000 if thorough else 20_000)
