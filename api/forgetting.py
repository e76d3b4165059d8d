"""What may be forgotten is forgotten: once an hour, as the operator."""

import asyncio
import logging

from sqlalchemy import column, delete, func, table

from auth.caller import Operator
from auth.forgetting import forget_expired
from auth.tenancy import Database

log = logging.getLogger("reinstate")
EVERY = 3600.0  # seconds
KEPT_DAYS = 8  # answers to idempotency keys; at least 7 are promised

_given_answer = table("given_answer", column("given_at"))


async def forget_now_and_then(database: Database) -> None:
    """Forget old answers and expired proofs for as long as the process runs; a failure waits for the next turn."""
    while True:
        await asyncio.sleep(EVERY)
        try:
            await forget(database)
        except Exception:
            log.warning("old answers could not be forgotten this hour", exc_info=True)


async def forget(database: Database) -> None:
    """Forget what is past its time; the database's policies decide what that is."""
    async with database.change(Operator(tenant_ods=""), "forget") as db:
        await forget_expired(db)
        age = func.make_interval(0, 0, 0, KEPT_DAYS)
        await db.write(delete(_given_answer).where(_given_answer.c.given_at < func.now() - age))
