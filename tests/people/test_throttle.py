"""Throttling: guessing is slow, and a stranger's guessing never makes the person's own browser wait."""

import asyncio
import re

import httpx
import pytest
from sqlalchemy import func, update
from sqlmodel import col, select

from api.serving import configured
from auth.caller import SignIn
from auth.people import passwords
from auth.people.tables import Attempt
from auth.people.throttle import Bucket, Visitor, buckets, network_of, remembered, take
from schema.people.account import Role
from tests.conftest import Iterator, embedded
from tests.installed import Site
from tests.people.visiting import FAR, LEAD, NEAR, Visit, have_account, open_site, run_sql

KEY = b"k" * 32


@pytest.fixture
def site(cluster: embedded.Server) -> Iterator[Site]:
    """A site with one account."""
    with open_site(cluster) as opened:
        have_account(opened, LEAD, Role.TRUST_IT)
        yield opened


def guess(visit: Visit, times: int, subject: str = LEAD) -> list[int]:
    """Guess wrongly some times, and give the answers."""
    page = visit.get("/sign-in?return_to=/account")
    return [visit.fill(page, subject=subject, password=f"guess number {turn}").status_code for turn in range(times)]


def pile_up(site: Site, kind: str) -> None:
    """Have so many failures counted of a kind that a quarter of an hour is to be waited."""
    run_sql(site, update(Attempt).where(col(Attempt.bucket).startswith(kind)).values(failures=60))


def let_pass(site: Site, seconds: int) -> None:
    """Let some seconds pass for every count."""
    ago = func.make_interval(0, 0, 0, 0, 0, 0, seconds)
    run_sql(site, update(Attempt).values(expires_at=col(Attempt.expires_at) - ago))


def test_a_strangers_failures_never_lock_the_known_browser(site: Site) -> None:
    own, stranger = Visit(site), Visit(site, FAR)
    assert own.sign_in().status_code == 200
    guess(stranger, 1)
    pile_up(site, "stranger")
    before = passwords._hashing.count
    assert stranger.sign_in().status_code == 429, "the right password is not even looked at"
    assert passwords._hashing.count == before
    assert own.sign_in(path="/sign-in?return_to=/account").status_code == 200


def test_a_stranger_elsewhere_does_not_lock_a_new_browser_either(site: Site) -> None:
    guess(Visit(site, FAR), 1)
    pile_up(site, "stranger")
    assert Visit(site, FAR).sign_in().status_code == 429
    assert Visit(site, NEAR).sign_in().status_code == 200


def test_strangers_everywhere_make_strangers_wait_and_the_known_browser_does_not(site: Site) -> None:
    own = Visit(site)
    own.sign_in()
    assert guess(Visit(site, FAR), 5) == [400] * 5
    pile_up(site, "subject")
    assert Visit(site, "8.8.8.8").sign_in().status_code == 429
    assert own.sign_in(path="/sign-in?return_to=/account").status_code == 200


def test_the_known_browser_has_its_own_count(site: Site) -> None:
    own, fresh = Visit(site), Visit(site, FAR)
    own.sign_in()
    assert guess(own, 5) == [400] * 5
    pile_up(site, "known")
    assert own.sign_in(path="/sign-in?return_to=/account").status_code == 429
    assert fresh.sign_in().status_code == 200


def test_a_known_browser_is_known_for_its_person_alone(site: Site) -> None:
    have_account(site, "other@R1A", Role.TRUST_IT)
    visit = Visit(site)
    visit.sign_in("other@R1A")
    guess(visit, 1)
    pile_up(site, "stranger")
    assert visit.sign_in(path="/sign-in?return_to=/account").status_code == 429


@pytest.mark.parametrize("forged", ["x.y", "nonce.", ".", "~" * 50, "a" * 5000, "\u00ff.\u00ff"])
def test_a_forged_cookie_makes_no_browser_known(forged: str) -> None:
    assert len(buckets(KEY, "password", LEAD, Visitor(NEAR, forged))) == 3


def test_one_browser_remembers_eight_people() -> None:
    known: str | None = None
    names = [f"post{number}@R1A" for number in range(10)]
    for name in names:
        known = remembered(KEY, name, known)
    found = [len(buckets(KEY, "password", name, Visitor(NEAR, known))) == 1 for name in names]
    assert found == [False] * 2 + [True] * 8
    assert len(buckets(b"x" * 32, "password", names[-1], Visitor(NEAR, known))) == 3
    assert not any(name in str(known) for name in names)


def test_waits_double_up_to_a_quarter_of_an_hour_and_are_forgotten() -> None:
    bucket = Bucket("x", free=5, leak=600)
    assert [bucket.wait(failures, 0) for failures in range(12)] == [0] * 5 + [1, 2, 4, 8, 16, 32, 64]
    assert bucket.wait(40, 0) == 900
    assert bucket.wait(8, 3.5) == 5
    assert bucket.wait(8, 600) == 0
    assert bucket.level(8, 3 * 600) == 5
    assert bucket.level(8, 99 * 600) == 0


def test_an_answer_says_for_how_long_and_then_lets_in(site: Site) -> None:
    stranger = Visit(site, FAR)
    guess(stranger, 1)
    pile_up(site, "stranger")
    page = stranger.sign_in()
    assert page.status_code == 429
    seconds = int(page.headers["retry-after"])
    assert 600 < seconds <= 900
    assert "Wait 15 minutes" in page.text
    let_pass(site, seconds)
    assert stranger.sign_in().status_code == 200
    assert guess(Visit(site, FAR), 5) == [400] * 5, "the count of this person at this place was forgotten"


def test_the_unknown_are_throttled_alike(site: Site) -> None:
    for name in (LEAD, "nobody.here@R1A", "<no name at all>", "x" * 300):
        assert guess(Visit(site, FAR), 5, name) == [400] * 5
        pile_up(site, "stranger")
        assert guess(Visit(site, FAR), 1, name) == [429]


def test_as_many_at_once_as_there_are_connections_are_counted_each(site: Site) -> None:
    counted = buckets(KEY, "password", LEAD, Visitor(FAR))

    async def one() -> int:
        async with site.database.change(SignIn(), "test") as db:
            return await take(db, counted)

    async def all_at_once() -> list[int]:
        return await asyncio.gather(*(one() for _ in range(8)))

    waits = site.runner.run(all_at_once())
    assert waits.count(0) == 5


def test_what_is_kept_names_nobody_and_no_address(site: Site) -> None:
    guess(Visit(site, FAR), 1)

    async def kept() -> list[str]:
        async with site.database.transaction(SignIn(), "test", read_only=True) as db:
            return [row.bucket for row in await db.all(select(Attempt))]

    names = site.runner.run(kept())
    assert len(names) == 3
    assert all(re.fullmatch(r"(stranger|subject|network) [0-9a-f]{64}", name) for name in names)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("9.9.9.9", "9.9.9.0/24"),
        ("::ffff:9.9.9.9", "9.9.9.0/24"),
        ("2a00:23c5:1:2:3:4:5:6", "2a00:23c5:1:2::/64"),
        ("10.1.2.3", None),
        ("127.0.0.1", None),
        ("::1", None),
        ("testclient", None),
        (None, None),
    ],
)
def test_a_network_is_a_public_one_for_a_private_address_may_be_a_proxys(
    address: str | None, network: str | None
) -> None:
    assert network_of(address) == network


def test_a_network_that_tries_everybody_waits(site: Site) -> None:
    counted = [buckets(KEY, "password", f"post{number}@R1A", Visitor(f"9.9.9.{number}")) for number in range(104)]

    async def spray() -> list[int]:
        async with site.database.change(SignIn(), "test") as db:
            return [await take(db, each) for each in counted]

    waits = site.runner.run(spray())
    assert waits[:100] == [0] * 100
    assert any(waits[100:])


def test_a_proxy_is_believed_who_asks_when_it_is_named_and_nobody_else() -> None:
    async def seen(proxies: str, comes_from: str) -> str:
        config = configured(whoami, proxies)
        config.load()
        transport = httpx.ASGITransport(config.loaded_app, client=(comes_from, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as http:
            return (await http.get("/", headers={"X-Forwarded-For": FAR})).text

    assert asyncio.run(seen("10.1.2.3,10.9.0.0/16", "10.1.2.3")) == FAR
    assert asyncio.run(seen("10.1.2.3,10.9.0.0/16", "10.9.8.7")) == FAR
    assert asyncio.run(seen("10.1.2.3,10.9.0.0/16", NEAR)) == NEAR
    assert asyncio.run(seen("", "127.0.0.1")) == "127.0.0.1"


async def whoami(scope, receive, send) -> None:
    """Answer with the address of whoever asks."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": scope["client"][0].encode()})
