"""Passwords: which may be chosen, how they are kept, and that refusing is as much work as letting in."""

import asyncio
import re

import pytest
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from sqlalchemy import update

from auth.people import passwords
from auth.people.passwords import BusyError, hashed, is_one_time, matches, new_one_time_password, normalised, refusal
from auth.people.tables import Credential
from schema.people.account import ONCE
from tests.conftest import embedded
from tests.people.visiting import LEAD, PASSWORD, Visit, credential, have_account, open_site, run_sql

GUESSABLE = [
    "aaaaaaaaaaaaaaa",
    "abababababab",
    "abcdefghijkl",
    "lkjihgfedcba",
    "123456789012",
    "qwertyuiopasdf",
    "it.lead@R1A1234",
    "R1A it.lead 1",
    "Reinstate2024!",
    "reinstate-reinstate",
    "passwordpassword",
    "PASSWORDpassword1",
    "once-abcde-fghjk-mnpqr-stuvw",
]
GOOD = [
    "correct horse battery",
    "blue kettle 91 north",
    "xK9#mQ2$vL5!",
    "ไม่มีใครรู้รหัสนี้เลย",
    "пароль из трёх слов",
    "🐄🛞🌂🧲🪗🎏🛖🧿🪁🎣🧊🦩",
]


@pytest.mark.parametrize("password", GOOD)
def test_length_counts_and_kinds_of_letters_do_not(password: str) -> None:
    assert refusal(normalised(password), LEAD) is None


@pytest.mark.parametrize("password", GUESSABLE)
def test_what_anybody_would_try_may_not_be_chosen(password: str) -> None:
    assert refusal(normalised(password), LEAD)


def test_twelve_to_two_hundred_characters() -> None:
    assert "at least 12" in str(refusal(normalised("kq8 zu3 vm1"), LEAD))
    assert refusal(normalised("kq8 zu3 vm1w"), LEAD) is None
    long = " ".join(f"{word}{number}" for number in range(12, 40) for word in ("owl", "fig"))[:200]
    assert refusal(normalised(long), LEAD) is None
    assert "at most 200" in str(refusal(normalised(long + "x"), LEAD))


@pytest.mark.parametrize("given", ["a" * 11 + "\0b", "half a pair \ud800", "line\nbreak in it", "ﷺ" * 190])
def test_what_cannot_be_typed_is_no_password(given: str) -> None:
    assert normalised(given) is None


def test_one_spelling_of_the_same_letters() -> None:
    assert normalised("ﬁve cafe\u0301s") == normalised("five cafés") == "five cafés"


def test_kept_by_the_low_memory_profile_of_rfc_9106() -> None:
    kept = asyncio.run(hashed(PASSWORD))
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert asyncio.run(matches(kept, PASSWORD))
    assert not asyncio.run(matches(kept, PASSWORD.upper()))
    assert not asyncio.run(matches("no hash at all", PASSWORD))


def test_nobody_costs_one_hash_as_somebody_does() -> None:
    kept, before = asyncio.run(hashed(PASSWORD)), passwords._hashing.count
    for against, given in ((kept, "wrong"), (None, "wrong"), (None, None), (kept, None), (None, "")):
        assert not asyncio.run(matches(against, given))
    assert passwords._hashing.count == before + 5


def test_at_most_two_are_hashed_at_once_and_a_flood_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert passwords._hashing._threads._max_workers == 2
    monkeypatch.setattr(passwords, "_MOST_WAITING", 1)

    async def flood() -> list[object]:
        return await asyncio.gather(*(matches(None, "x") for _ in range(3)), return_exceptions=True)

    assert [type(each) for each in asyncio.run(flood())] == [bool, BusyError, BusyError]


def test_a_flood_is_answered_with_a_page(cluster: embedded.Server, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_site(cluster) as site:
        visit = Visit(site)
        page = visit.get("/sign-in")
        monkeypatch.setattr(passwords, "_MOST_WAITING", 0)
        answer = visit.fill(page, subject=LEAD, password=PASSWORD)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert "We cannot answer now" in answer.text


def test_one_time_passwords_are_all_different_and_nobodys_own() -> None:
    made = {new_one_time_password() for _ in range(100)}
    assert len(made) == 100
    assert all(re.fullmatch(ONCE, each) and is_one_time(each) for each in made)


def test_a_password_is_kept_anew_when_the_parameters_move(cluster: embedded.Server) -> None:
    with open_site(cluster) as site:
        have_account(site)
        weaker = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
        run_sql(site, update(Credential).values(password_hash=weaker))
        assert Visit(site).sign_in(password="wrong password").status_code == 400
        kept = credential(site)
        assert kept
        assert kept.password_hash == weaker
        assert Visit(site).sign_in().status_code == 200
        kept = credential(site)
        assert kept
        assert str(kept.password_hash).startswith("$argon2id$v=19$m=65536,t=3,p=4$")
        assert Visit(site).sign_in().status_code == 200


def test_a_hash_that_no_password_has_costs_what_every_other_costs() -> None:
    assert not passwords.is_outdated(passwords.DUMMY)
    assert not asyncio.run(passwords.matches(passwords.DUMMY, "correct horse battery staple"))
    with pytest.raises(VerifyMismatchError):  # the work is done, and then it differs
        PasswordHasher().verify(passwords.DUMMY, "correct horse battery staple")
