"""The first answer to each idempotency key, kept in the transaction of its effect."""

from sqlalchemy import column, insert, select, table

from auth.tenancy import Transaction
from schema.problem import IdempotencyMismatch

given_answer = table("given_answer", *map(column, ("tenant_ods", "subject", "key", "request_hash", "answer")))


class Answers:
    """The answers given to one key. Without a key nothing is kept, and a repeat is a new change."""

    def __init__(self, db: Transaction, key: str | None, digest: bytes) -> None:
        self._db = db
        self._key = key
        self._digest = digest

    async def given(self) -> str | IdempotencyMismatch | None:
        """Return the answer given before, or why there cannot be one, or None: it is the first."""
        if self._key is None:
            return None
        await self._db.lock(f"answer:{self._db.caller.tenant_ods}:{self._db.caller.subject}:{self._key}")
        mine = select(given_answer.c.request_hash, given_answer.c.answer).where(
            given_answer.c.tenant_ods == self._db.caller.tenant_ods,
            given_answer.c.subject == self._db.caller.subject,
            given_answer.c.key == self._key,
        )
        found = await self._db.rows(mine)
        if not found:
            return None
        return str(found[0].answer) if found[0].request_hash == self._digest else IdempotencyMismatch()

    async def keep(self, answer: str) -> None:
        """Keep the first answer."""
        if self._key is None:
            return
        kept = {
            "tenant_ods": self._db.caller.tenant_ods,
            "subject": self._db.caller.subject,
            "key": self._key,
            "request_hash": self._digest,
            "answer": answer,
        }
        await self._db.write(insert(given_answer).values(**kept))
