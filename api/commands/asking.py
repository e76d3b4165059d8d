"""How a command of the operator reaches the rules: the same transaction, the same ledger."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import asyncpg
from pydantic import SecretStr

from api import installation
from api.database.failure import DatabaseUnavailable
from api.failure import UsageError
from api.installation import Place
from api.settings import Settings
from auth.caller import Entrant, Operator
from auth.tenancy import Database, Transaction
from schema.problem import Problem

T = TypeVar("T")


def operate(ods_code: str, verb: str, rule: Callable[[Transaction, Place], Awaitable[T | Problem]]) -> T:
    """Run a rule as the operator, acting for an organisation; a refusal is told and keeps nothing."""
    with installation.opened(Settings(), beside=True) as place:
        answer = run_as(place, Operator(tenant_ods=ods_code), verb, lambda db: rule(db, place))
    if isinstance(answer, Problem):
        raise UsageError(f"{answer.message} {answer.next_step}")
    return answer


def administer(ods_code: str, verb: str, rule: Callable[[Transaction, Operator], Awaitable[T | Problem]]) -> T:
    """Run a rule that administrators have, too, as the operator."""
    return operate(ods_code, verb, lambda db, _: rule(db, Operator(tenant_ods=ods_code)))


def ask_all(rule: Callable[[Transaction], Awaitable[T]]) -> T:
    """Ask a question as the operator."""
    with installation.opened(Settings(), beside=True) as place:
        return run_as(place, Operator(tenant_ods=""), "list", rule)


def run_as(place: Place, caller: Entrant, verb: str, rule: Callable[[Transaction], Awaitable[T]]) -> T:
    """Run a rule in a transaction of its own; a problem keeps nothing."""

    async def change(database: Database) -> T:
        async with database.change(caller, verb) as db:
            answer = await rule(db)
            if isinstance(answer, Problem):
                db.refuse()
        return answer

    return run(place, change)


def run(place: Place, work: Callable[[Database], Awaitable[T]]) -> T:
    """Do what a command does with the database, and close it."""

    async def once() -> T:
        database = Database(place.url)
        try:
            return await work(database)
        finally:
            await database.close()

    return asyncio.run(once())


@contextmanager
def judged(url: str | None) -> Iterator[Place]:
    """Have the database that a verdict is about. Without it there is none, and status 1 is for a bad one."""
    settings = Settings()
    if url:
        settings = settings.model_copy(update={"database_url": SecretStr(url)})
    try:
        with installation.opened(settings, beside=True) as place:
            yield place
    except DatabaseUnavailable as error:
        raise UsageError(str(error)) from error
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        raise UsageError(f"The database failed while it was read ({type(error).__name__}); try again.") from error
