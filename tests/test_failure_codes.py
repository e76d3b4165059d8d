"""What is told of an exception, and whose clock dates what is kept."""

import re
from pathlib import Path

import asyncpg
import pytest

from api.graphql.failure import failure_of
from auth.people.passwords import BusyError

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(
    ("error", "code", "retryable"),
    [
        (asyncpg.InternalClientError("got result for unknown protocol state 3"), "DATABASE_UNAVAILABLE", True),
        (asyncpg.InterfaceError("connection is closed"), "DATABASE_UNAVAILABLE", True),
        (asyncpg.ConnectionDoesNotExistError("closed in the middle of operation"), "DATABASE_UNAVAILABLE", True),
        (asyncpg.AdminShutdownError("terminating connection"), "DATABASE_UNAVAILABLE", True),
        (asyncpg.CrashShutdownError("terminating connection"), "DATABASE_UNAVAILABLE", True),
        (asyncpg.CannotConnectNowError("the database system is starting up"), "DATABASE_UNAVAILABLE", True),
        (asyncpg.TooManyConnectionsError("sorry, too many clients already"), "DATABASE_UNAVAILABLE", True),
        (TimeoutError(), "DATABASE_UNAVAILABLE", True),
        (ConnectionResetError(), "DATABASE_UNAVAILABLE", True),
        (asyncpg.DiskFullError("could not extend file"), "STORAGE_LOW", True),
        (asyncpg.DeadlockDetectedError("deadlock detected"), "BUSY", True),
        (asyncpg.SerializationError("could not serialize"), "BUSY", True),
        (asyncpg.QueryCanceledError("canceling statement"), "TIMEOUT", True),
        (BusyError("Many people sign in at this moment"), "BUSY", True),
        (asyncpg.DataError("value out of int32 range"), "BAD_VALUE", False),
        (asyncpg.CharacterNotInRepertoireError("invalid byte sequence"), "BAD_VALUE", False),
        (asyncpg.UniqueViolationError("duplicate key"), "INTERNAL", False),
        (asyncpg.InsufficientPrivilegeError("permission denied"), "INTERNAL", False),
        (KeyError("ours"), "INTERNAL", False),
    ],
    ids=lambda told: type(told).__name__ if isinstance(told, Exception) else "",
)
def test_what_the_driver_says_is_told_with_a_code(error: Exception, code: str, retryable: bool) -> None:
    failure = failure_of(error)
    assert (failure.code, failure.retryable) == (code, retryable)
    assert str(error) not in failure.message or not str(error)


@pytest.mark.parametrize("folder", ["schema", "trusts", "api/graphql"])
def test_no_rule_asks_this_machine_for_the_time(folder: str) -> None:
    """Replicas' clocks differ: what is kept is dated by the database, and ordered by its sequence."""
    clock = re.compile(r"\btime\.time\(|datetime\.now\(|\.utcnow\(|date\.today\(")
    found = [str(file) for file in (ROOT / folder).rglob("*.py") if clock.search(file.read_text())]
    assert found == []
