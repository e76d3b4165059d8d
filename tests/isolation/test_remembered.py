"""As known at: over every noun and every change of the story, `known` holds each row as its latest event then had it."""

import asyncio

import asyncpg

from tests.isolation.sql import NOUN_CLASSES, as_admin
from tests.isolation.world import World

TIMELESS = ("Event", "Organisation", "Session", "TestMilestone")  # no event tells these, or whole
MOMENTS = 16
BESIDES = ("region_ods", "last_used_at", "sightings", "member_count", "live_count")  # of today, or no event's
INSTANTS = "select distinct recorded_at from event order by 1"
KNOWN = "select set_config('app.known_at', $1::timestamptz::text, true), set_config('timezone', 'UTC', true)"
DIFFERENT = """
    select k.id::text, (
        select jsonb_object_agg(now.key, jsonb_build_array(now.value, heard.value))
        from jsonb_each(to_jsonb(k) - $2::text[]) now join jsonb_each(e.row) heard using (key)
        where now.value is distinct from heard.value
    ) as differs
    from known.{table} k cross join lateral (
        select v.row from event v where v.object_type = $1 and v.object_key = k.id::text and v.owner_ods = k.tenant_ods
        and v.recorded_at <= app.known_at() order by v.id desc limit 1
    ) e where (to_jsonb(k) - $2::text[]) <> (e.row - $2::text[])
"""
MISSING = """
    select v.object_key from event v where v.object_type = $1 and v.recorded_at <= app.known_at()
    and not exists (select from known.{table} k where k.id::text = v.object_key and k.tenant_ods = v.owner_ods)
"""


async def _differences(admin: asyncpg.Connection) -> list[str]:
    """Give where `known` tells a row otherwise than its events, at instants of the whole story."""
    instants = [row["recorded_at"] for row in await admin.fetch(INSTANTS)]
    found = []
    for instant in [*instants[:: 1 + len(instants) // MOMENTS], instants[-1]]:
        async with admin.transaction():
            await admin.fetch(KNOWN, instant)
            for noun, kept in NOUN_CLASSES.items():
                if noun not in TIMELESS:
                    table = kept.__tablename__
                    rows = await admin.fetch(DIFFERENT.format(table=table), noun, list(BESIDES))
                    found += [f"{noun} {row['id']} at {instant}: {row['differs']}" for row in rows]
                    rows = await admin.fetch(MISSING.format(table=table), noun)
                    found += [f"{noun} {row['object_key']} is missing at {instant}" for row in rows]
    return found


def test_known_holds_every_row_as_its_latest_event_had_it(world: World) -> None:
    async def look() -> list[str]:
        async with as_admin(world.stage) as admin:
            return await _differences(admin)

    assert asyncio.run(look()) == []
