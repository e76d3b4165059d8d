"""Passwords: which are taken (NIST SP 800-63B), and how they are kept (argon2id, RFC 9106)."""

import asyncio
import re
import secrets
import unicodedata
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import Parameters, PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

from schema.people.account import ONCE, home_of

SHORTEST, LONGEST = 12, 200
_AT_ONCE = 2  # each takes 64 MiB and four lanes
_MOST_WAITING = 40  # some seconds' work
_NO_LETTERS = {"Cc", "Cs"}  # control characters, NUL among them; lone surrogates
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # those of schema.people.account.ONCE
_RUNS = ("abcdefghijklmnopqrstuvwxyz", "qwertyuiop", "asdfghjkl", "zxcvbnm", "0123456789")
_OFTEN = ("password", "passw0rd", "letmein", "welcome", "reinstate")

T = TypeVar("T")


class BusyError(Exception):
    """Too many passwords wait to be hashed; answer 503."""


class _Hashing:
    """Hashes in threads, few at a time, so that sign-in leaves the machine to those who are signed in."""

    def __init__(self, hasher: PasswordHasher) -> None:
        self._hasher = hasher
        self._threads = ThreadPoolExecutor(_AT_ONCE, "argon2")
        self._waiting = 0
        self.count = 0

    async def hash(self, password: str) -> str:
        return await self._run(lambda: self._hasher.hash(password))

    async def verify(self, kept: str, password: str) -> bool:
        def tried() -> bool:
            try:
                return self._hasher.verify(kept, password)
            except (VerificationError, InvalidHashError):
                return False

        return await self._run(tried)

    def is_outdated(self, kept: str) -> bool:
        return self._hasher.check_needs_rehash(kept)

    async def _run(self, work: Callable[[], T]) -> T:
        if self._waiting >= _MOST_WAITING:
            raise BusyError("Many people sign in at this moment; try again shortly.")
        self._waiting += 1
        self.count += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1


def _nobodys(by: Parameters) -> str:
    # Any bytes serve as a hash that no password has; hashing one in earnest would delay every command.
    salt, digest = (b64encode(secrets.token_bytes(size)).decode().rstrip("=") for size in (by.salt_len, by.hash_len))
    return f"$argon2id$v={by.version}$m={by.memory_cost},t={by.time_cost},p={by.parallelism}${salt}${digest}"


_hashing = _Hashing(PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY))
DUMMY = _nobodys(RFC_9106_LOW_MEMORY)


def normalised(given: str) -> str | None:
    """Return a password in one spelling of its letters (NFKC), None for what cannot be one."""
    if len(given) > LONGEST or any(unicodedata.category(letter) in _NO_LETTERS for letter in given):
        return None
    spelt = unicodedata.normalize("NFKC", given)
    return spelt if len(spelt) <= LONGEST else None


async def hashed(password: str) -> str:
    """Return what is kept of a password that was normalised."""
    return await _hashing.hash(password)


async def matches(kept: str | None, password: str | None) -> bool:
    """Tell whether a password is the kept one; where there is none, the same work is done in vain."""
    right = await _hashing.verify(kept or DUMMY, password or "")
    return right and kept is not None and password is not None


def is_outdated(kept: str) -> bool:
    """Tell whether a password was kept by other parameters than today's."""
    return _hashing.is_outdated(kept)


def new_one_time_password() -> str:
    """Return a password that is to be used once, easy to read out: 98 bits in four groups."""
    return "-".join(["once", *("".join(secrets.choice(_LETTERS) for _ in range(5)) for _ in range(4))])


def is_one_time(password: str) -> bool:
    """Tell by its shape whether a password is one that works once; nobody may choose such a one."""
    return re.fullmatch(ONCE, password) is not None


def refusal(password: str | None, subject: str) -> str | None:
    """Return why a person may not choose a password, None where it may: length counts, kinds of letters do not."""
    if password is None:
        return f"Use at most {LONGEST} letters, digits, spaces and signs."
    if len(password) < SHORTEST:
        return f"Use at least {SHORTEST} characters. Three or four random words are easy to remember."
    if _is_guessable(password.casefold(), subject.casefold()) or is_one_time(password):
        return "This is too easy to guess. Choose another; three or four random words serve well."
    return None


def _is_guessable(password: str, subject: str) -> bool:
    """Tell whether a password is little more than what anybody would try: known words, runs, repetitions."""
    name, _, code = subject.rpartition("@")
    rest = password
    for word in (subject, name, *re.split(r"[._-]", name), home_of(subject), code, *_OFTEN):
        rest = rest.replace(word, "") if len(word) > 1 else rest
    rest = re.sub(r"(.+?)\1{2,}", r"\1", rest)  # what is said thrice or more counts once
    rest = re.sub(r"(.{4,})\1", r"\1", rest)
    for run in (run[i : i + 4] for way in _RUNS for run in (way, way[::-1]) for i in range(len(way) - 3)):
        rest = rest.replace(run, "")
    return len(rest) < SHORTEST // 2
