"""The world holds what the other tests believe it holds."""

import asyncio

from api.graphql.nodes import NOUNS
from api.graphql.register import OPERATIONS
from schema.organisation import OrganisationKind as Kind
from tests.isolation.oracle import EVERYONE, KIND, of_kind
from tests.isolation.sql import NOUN_CLASSES, as_admin
from tests.isolation.world import World

# Verbs whose scope is wider than the verb, since a scope is of several: who holds it and has nothing to do it with.
NEVER = {
    "acceptWorkaround": of_kind(Kind.SUPPLIER),  # signs its own safety case; a workaround is the trust's to accept
    "confirmHold": of_kind(Kind.ASSURER, Kind.SUPPLIER),  # places holds; those proposed are a trust's
    "dismissHold": of_kind(Kind.ASSURER, Kind.SUPPLIER),
    "sightKnownIssue": of_kind(Kind.SUPPLIER),  # raises defects; an issue is seen on a trust's system
    "whatIf": of_kind(Kind.AUDITOR, Kind.ICB),  # reads; makes none of the changes that may be tried
}


def test_every_organisation_made_every_change_its_kind_may(world: World) -> None:
    changes = [operation for operation in OPERATIONS if operation.is_change]
    may = {(change.name, code) for change in changes for code, kind in KIND.items() if kind in change.kinds}
    assert world.changes == may - {(verb, code) for verb, codes in NEVER.items() for code in codes}


def test_every_noun_has_rows_to_leak(world: World) -> None:
    assert {*world.nouns, "TestMilestone"} == NOUNS.keys()
    private = {row.noun for row in world.rows.values() if row.readers != EVERYONE}
    assert NOUNS.keys() - private == {"Build", "KnownIssue", "Organisation", "Product", "TestMilestone"}


def test_every_row_of_a_tenant_is_known(world: World) -> None:
    async def look() -> set[tuple[str, str]]:
        found = set()
        async with as_admin(world.stage) as admin:
            for noun, kept in NOUN_CLASSES.items():
                key = " || '/' || ".join(f"{column}::text" for column in kept.ORDER)
                rows = await admin.fetch(f"select {key} as key from {kept.__tablename__}")  # noqa: S608 - the nouns' own names
                found |= {(noun, row["key"]) for row in rows}
        return found

    there = {place for place in asyncio.run(look()) if place[0] != "TestMilestone"}
    assert there == {(row.noun, row.key) for row in world.rows.values()}
