"""The second factor: RFC 6238's own figures, one step early or late, and each code once, however many bring it."""

import asyncio
import base64
import time
from urllib.parse import parse_qs, urlsplit

import pyotp
import pytest
from sqlalchemy import update

from auth.caller import SignIn
from auth.people.second_factor import address, new_seed, opened_seed, picture, sealed_seed, step_of, use
from auth.people.tables import Attempt, Credential
from auth.tokens.issuer import Issuer
from tests.conftest import Iterator, embedded
from tests.installed import URL, Site
from tests.people.visiting import LEAD, PASSWORD, Visit, credential, enrol, have_account, open_site, run_sql

RFC_SEED = base64.b32encode(b"12345678901234567890").decode()
NOW = 1_234_567_890
FIGURES = {59: "287082", 1_111_111_109: "081804", 1_111_111_111: "050471", NOW: "005924", 2_000_000_000: "279037"}


@pytest.fixture(scope="module")
def site(cluster: embedded.Server) -> Iterator[Site]:
    """A site with one account."""
    with open_site(cluster) as opened:
        have_account(opened)
        yield opened


@pytest.mark.parametrize("at", FIGURES)
def test_the_figures_of_rfc_6238(at: int) -> None:
    assert step_of(FIGURES[at], RFC_SEED, at) == at // 30


def test_one_step_early_or_late_and_no_more() -> None:
    steps = {drift: step_of(FIGURES[NOW], RFC_SEED, NOW + 30 * drift) for drift in range(-3, 4)}
    assert {drift for drift, step in steps.items() if step} == {-1, 0, 1}
    assert {step for step in steps.values() if step} == {NOW // 30}


@pytest.mark.parametrize("typed", ["005 924", " 005924 ", "005-924"])
def test_a_code_may_be_typed_as_it_is_shown(typed: str) -> None:
    assert step_of(typed, RFC_SEED, NOW)


@pytest.mark.parametrize("typed", ["", "00592", "0059244", "5924", "OO5924", "٠٠٥٩٢٤", "005924\0", "-05924"])
def test_anything_else_is_no_code(typed: str) -> None:
    assert step_of(typed, RFC_SEED, NOW) is None


def test_a_seed_is_sealed_for_its_person_by_this_installation() -> None:
    ours, other = Issuer(URL, b"o" * 32), Issuer(URL, b"x" * 32)
    seed = new_seed()
    sealed = sealed_seed(seed, LEAD, ours)
    assert len(base64.b32decode(seed)) == 20
    assert seed not in sealed
    assert opened_seed(sealed, LEAD, ours) == seed
    for broken in (sealed[:-4], sealed.replace(".", "", 1), "", "a.b.c.d.e", sealed[:40] + "A" + sealed[41:]):
        assert opened_seed(broken, LEAD, ours) is None
    assert opened_seed(sealed, "other@R1A", ours) is None
    assert opened_seed(sealed, LEAD, other) is None


def test_the_picture_holds_the_address_and_runs_nothing() -> None:
    seed = new_seed()
    asked = parse_qs(urlsplit(address(seed, LEAD)).query)
    assert asked == {"secret": [seed], "issuer": ["reinstate"]}
    drawn = picture(seed, LEAD)
    assert drawn.startswith("<svg")
    assert "<title>" in drawn
    assert not any(word in drawn for word in ("script", "style=", "href", "onload"))


def test_twenty_at_once_use_a_code_once(site: Site) -> None:
    device = enrol(site)

    async def one(code: str) -> bool:
        async with site.database.change(SignIn(), "test") as db:
            return await use(db, LEAD, code, site.issuer)

    async def all_at_once() -> list[bool]:
        return await asyncio.gather(*(one(device.now()) for _ in range(20)))

    assert site.runner.run(all_at_once()).count(True) == 1


def test_a_code_works_once_and_those_before_it_no_more(site: Site) -> None:
    device = enrol(site)
    step = int(time.time()) // 30

    async def tried(*codes: str) -> list[bool]:
        used = []
        for code in codes:
            async with site.database.change(SignIn(), "test") as db:
                used.append(await use(db, LEAD, code, site.issuer))
        return used

    now, before, after = (device.generate_otp(each) for each in (step, step - 1, step + 1))
    assert site.runner.run(tried(now, now, before, after, after, now)) == [True, False, False, True, False, False]


def test_a_code_is_used_up_by_signing_in_and_no_other_browser_takes_it(site: Site) -> None:
    device, one, other = enrol(site), Visit(site), Visit(site)
    pages, code = [visit.sign_in() for visit in (one, other)], device.now()
    assert one.fill(pages[0], code=code).status_code == 303
    assert other.fill(pages[1], code=code).status_code == 400
    assert other.get("/account").status_code == 303


def test_wrong_codes_make_whoever_knows_the_password_wait(site: Site) -> None:
    have_account(site, "guessed@R1A")
    device = enrol(site, "guessed@R1A")
    visit = Visit(site)
    page = visit.sign_in("guessed@R1A")
    assert [visit.fill(page, code="000000").status_code for _ in range(5)] == [400] * 5
    run_sql(site, update(Attempt).values(failures=60))
    assert visit.fill(page, code=device.now()).status_code == 429, "the right one is not even looked at"
    assert visit.get("/account").status_code == 303


def test_a_seed_that_was_sealed_with_another_key_lets_nobody_in(site: Site) -> None:
    enrol(site)
    other = Issuer(URL, b"x" * 32)
    seed = new_seed()
    run_sql(site, update(Credential).values(totp_sealed=sealed_seed(seed, LEAD, other)))
    visit = Visit(site, "8.8.8.8")
    assert visit.fill(visit.sign_in(password=PASSWORD), code=pyotp.TOTP(seed).now()).status_code == 400
    kept = credential(site)
    assert kept
    assert kept.totp_step is None
