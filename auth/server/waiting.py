"""A transaction for code that cannot await: Authlib asks us in plain calls, on a greenlet of SQLAlchemy's."""

import datetime as dt
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from sqlalchemy import Executable
from sqlalchemy.util import await_only, greenlet_spawn

from auth.tenancy import Transaction

T = TypeVar("T")


class Waiting:
    """A transaction whose statements are waited for where they are called."""

    def __init__(self, db: Transaction) -> None:
        self._db = db

    def first(self, statement: Executable) -> Any:
        """Return the first row, None where there is none."""
        return next(iter(await_only(self._db.rows(statement))), None)

    def write(self, statement: Executable) -> None:
        """Run a statement that answers nothing."""
        await_only(self._db.write(statement))

    def wait(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Do what is awaited elsewhere, on the same transaction."""
        return await_only(work(self._db))

    def now(self) -> dt.datetime:
        """Return the time of sign-in: the database's own, never a demonstration's."""
        return self.wait(Transaction.clock)


async def waiting(db: Transaction, work: Callable[[Waiting], T]) -> T:
    """Run plain code on a transaction."""
    return await greenlet_spawn(work, Waiting(db))
