"""The first answer to each idempotency key, kept in the transaction of its effect."""

from sqlalchemy import insert

from api.graphql.compiled.payload import given_answer
from auth.tenancy import Transaction
from schema.problem import IdempotencyMismatch


class Answers:
    """The answers given to one key. Without a key nothing is kept, and a repeat is a new change."""

    def __init__(self, db: Transaction, key: str | None, digest: bytes) -> None:
        self._db = db
        self.key = key
        self.digest = digest

    def given(self) -> str | IdempotencyMismatch | None:
        """Return the answer given before, or why there cannot be one, or None: it is the first."""
        given = self._db.given
        if given is None:
            return None
        return given.answer if given.request_hash == self.digest else IdempotencyMismatch()

    async def keep(self, answer: str) -> None:
        """Keep the first answer, where it was not kept as it was written."""
        if self.key is None:
            return
        kept = {
            "tenant_ods": self._db.caller.tenant_ods,
            "subject": self._db.caller.subject,
            "key": self.key,
            "request_hash": self.digest,
            "answer": answer,
        }
        await self._db.write(insert(given_answer).values(**kept))
