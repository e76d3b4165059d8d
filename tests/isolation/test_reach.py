"""What a change moves, over every noun there is: whoever may read its event asks anew, and no answer stays kept."""

import asyncio

from api.cache.reach import Reach, hangs_on
from schema.kept.node import global_id
from tests.isolation.oracle import EVERYONE
from tests.isolation.sql import as_admin
from tests.isolation.world import World
from tests.stage import LISTED, caller

EVENTS = """
    select tenant_ods, owner_ods, trust_ods, region_ods, supplier_ods, audience::text, xid, id, object_type, object_key
    from event order by id
"""


def _moved(world: World) -> list[tuple[str, str, set[str]]]:
    """Give of each event its id, its object's and whom it moves."""

    async def read() -> list[tuple[str, str, set[str]]]:
        async with as_admin(world.stage) as admin:
            found = []
            for row in await admin.fetch(EVENTS):
                moves = Reach(*tuple(row)[:7]).moves()
                codes = {code for code in LISTED if moves & set(hangs_on(caller(code)))}
                place = global_id("Event", f"{row['xid']}/{row['id']}")
                found.append((place, global_id(row["object_type"], row["object_key"]), codes))
            return found

    return asyncio.run(read())


def test_whoever_may_read_an_event_is_moved_by_it(world: World) -> None:
    told = [(event, thing, codes) for event, thing, codes in _moved(world) if event in world.rows]
    assert len(told) > 1000
    assert [(world.rows[thing], codes) for event, thing, codes in told if not world.rows[event].readers <= codes] == []


def test_what_is_shown_to_all_moves_all(world: World) -> None:
    moved: dict[str, set[str]] = {}
    for _, thing, codes in _moved(world):
        moved[thing] = moved.get(thing, set()) | codes
    shown = [row for row in world.rows.values() if row.readers == EVERYONE and row.noun != "Event"]
    assert len(shown) > 40
    assert [row for row in shown if row.id in moved and moved[row.id] != EVERYONE] == []
