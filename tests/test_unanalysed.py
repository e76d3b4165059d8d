"""Changes cost the same where the planner's plan is of before: the minute until PostgreSQL has analysed what grew."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from auth.connections.pool import SETTINGS
from tests.ledger import as_superuser
from tests.stage import Stage

KEPT = """
    insert into given_answer (tenant_ods, subject, key, request_hash, answer)
    select 'R1A', 'r1a-client', 'key ' || n, '', '' from generate_series(1, 1000) n
"""
ENTER = "select * from app.enter_once('R1A', 'TRUST', 'r1a-client', 'openIncident', null, null, 'a key')"
OPEN = """
    insert into incident (
        tenant_ods, id, version, created_at, created_by, reference, title, detected_at, phase, audience
    )
    select 'R1A', gen_random_uuid(), 1, now(), 'r1a-client', $1 || n, 'Ransomware', now(), 'DETECTED', 'PRIVATE'
    from generate_series(1, $2::integer) n
"""
READ = "select coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) from pg_stat_xact_user_tables where relname = $1"


@asynccontextmanager
async def a_trust(stage: Stage) -> AsyncIterator[asyncpg.Connection]:
    """Have a connection as the product makes it."""
    settings = {**SETTINGS, "role": "app_trust", "default_transaction_read_only": "off"}
    connection = await asyncpg.connect(stage.url, server_settings=settings)
    try:
        yield connection
    finally:
        await connection.close()


async def change(connection: asyncpg.Connection, reference: str, table: str, number: int = 1) -> int:
    """Enter with a key and open so many incidents; tell how many rows of a table were read."""
    async with connection.transaction():
        await connection.execute(ENTER)
        await connection.execute(OPEN, reference, number)
        read: int = await connection.fetchval(READ, table)
        return read


@pytest.mark.parametrize("table", ["event", "given_answer"])
def test_a_change_reads_a_few_rows_however_many_there_are(fresh_stage: Stage, table: str) -> None:
    as_superuser(fresh_stage, f"vacuum analyze {table}", f"alter table {table} set (autovacuum_enabled = off)")

    async def story() -> int:
        async with a_trust(fresh_stage) as connection:
            await change(connection, "FIRST-", table)
            async with a_trust(fresh_stage) as another:
                await change(another, "MANY-", table, 1000)
            await asyncio.to_thread(as_superuser, fresh_stage, KEPT)
            return await change(connection, "LAST-", table)

    assert asyncio.run(story()) < 5
