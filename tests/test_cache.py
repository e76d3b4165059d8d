"""Answers kept: given again only while they are true, to whom they belong, and never in the place of a refusal."""

import pytest

from api.cache.answers import LARGEST, LONGEST, AnswerCache
from api.cache.reach import ANYTHING, EVERYBODY, REGIONS, TRUSTS, Reach, Regions, hangs_on
from schema.incident import Incident
from schema.kept.node import Audience
from schema.organisation import Organisation
from schema.product import Product
from schema.system import System
from tests.stage import LISTED, caller

R1A, RNK = caller("R1A"), caller("RNK")
TOLD = (b"{}", b'"etag"', [(b"etag", b'"etag"')])


class Hands:
    """A clock set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Tell the time."""
        return self.now


@pytest.fixture
def clock() -> Hands:
    return Hands()


@pytest.fixture
def cache(clock: Hands) -> AnswerCache:
    cache = AnswerCache(1, clock)
    cache.trust(clock.now + 1000)
    return cache


def fill(cache: AnswerCache, who=R1A, question: tuple[object, ...] = ("q",), body: bytes = b"{}") -> None:
    ticket = cache.ticket(who)
    assert ticket
    cache.keep(ticket, question, (body, *TOLD[1:]), 1)


def test_an_answer_is_given_again(cache: AnswerCache) -> None:
    assert cache.find(("q",), R1A) is None
    fill(cache)
    kept = cache.find(("q",), R1A)
    assert kept
    assert (kept.body, kept.etag) == (b"{}", b'"etag"')
    assert (cache.tally.hits, cache.tally.misses) == (1, 1)


@pytest.mark.parametrize("moved", ["R1A", TRUSTS, EVERYBODY])
def test_what_moved_for_a_caller_is_not_given_again(cache: AnswerCache, moved: str) -> None:
    fill(cache)
    cache.move({moved})
    assert cache.find(("q",), R1A) is None
    assert cache.bytes == 0


@pytest.mark.parametrize("moved", ["RNK", "Y60", ANYTHING, REGIONS])
def test_what_moved_for_others_leaves_it(cache: AnswerCache, moved: str) -> None:
    fill(cache)
    cache.move({moved})
    assert cache.find(("q",), R1A)


def test_a_fill_is_refused_when_something_moved_since_its_question_began(cache: AnswerCache) -> None:
    ticket = cache.ticket(R1A)
    assert ticket
    cache.move({"R1A"})
    cache.keep(ticket, ("q",), TOLD, 1)
    assert cache.find(("q",), R1A) is None


def test_a_fill_is_refused_when_everything_was_flushed_since_its_question_began(
    cache: AnswerCache, clock: Hands
) -> None:
    ticket = cache.ticket(R1A)
    assert ticket
    cache.flush()
    cache.trust(clock.now + 1000)
    cache.keep(ticket, ("q",), TOLD, 1)
    assert cache.find(("q",), R1A) is None


def test_nothing_is_given_or_kept_while_changes_may_be_unknown(cache: AnswerCache, clock: Hands) -> None:
    fill(cache)
    cache.trust(clock.now + 1)
    assert cache.find(("q",), R1A)
    clock.now += 1.01
    assert cache.find(("q",), R1A) is None
    assert cache.ticket(R1A) is None
    cache.trust(clock.now + 1)
    assert cache.find(("q",), R1A)
    cache.flush()
    assert (cache.ticket(R1A), cache.bytes) == (None, 0)


def test_an_answer_lives_a_minute_at_most(cache: AnswerCache, clock: Hands) -> None:
    fill(cache)
    clock.now += LONGEST
    assert cache.find(("q",), R1A)
    clock.now += 0.01
    assert cache.find(("q",), R1A) is None
    assert cache.bytes == 0


def test_it_is_bounded_by_bytes_and_forgets_what_was_asked_least_recently(cache: AnswerCache) -> None:
    for number in range(100):
        fill(cache, question=(number,), body=b"x" * (cache.limit // 50))
        assert cache.bytes <= cache.limit
        cache.find((0,), R1A)
    assert cache.find((0,), R1A)
    assert cache.find((99,), R1A)
    assert cache.find((1,), R1A) is None
    fill(cache, question=("huge",), body=b"x" * (cache.limit // LARGEST))
    assert cache.find(("huge",), R1A) is None


def test_a_cache_of_no_size_keeps_nothing(clock: Hands) -> None:
    cache = AnswerCache(0, clock)
    cache.trust(clock.now + 1000)
    assert (cache.trusted, cache.ticket(R1A)) == (False, None)
    assert (cache.find(("q",), R1A), cache.bytes) == (None, 0)


def reach(owner: str, region: str | None, audience: Audience = Audience.PRIVATE, xid: int = 10) -> Reach:
    return Reach(owner, owner, None, region, "SUPPLIER", audience, xid)


def touched(moves: set[str]) -> set[str]:
    return {code for code in LISTED if moves & set(hangs_on(caller(code)))}


def test_a_change_moves_whoever_can_read_it_and_nobody_else() -> None:
    assert touched(reach("R1A", "Y60").moves()) == {"R1A", "Y60", "SUPPLIER", "NATIONAL", "AUDITOR"}
    within = touched(reach("R1A", "Y60", Audience.REGION).moves())
    assert within == {"R1A", "RYG", "RNK", "Y60", "SUPPLIER", "NATIONAL", "AUDITOR"}
    assert touched(reach("R1A", "Y60", Audience.PUBLISHED).moves()) == LISTED.keys()


def test_a_row_kept_here_moves_its_region_alone_once_that_is_known() -> None:
    regions, row = Regions(), System(tenant_ods="R1A", supplier_ods="SUPPLIER")
    assert touched(regions.moved_by(row)) == {"R1A", "Y60", "Y56", "SUPPLIER", "NATIONAL", "AUDITOR"}
    regions.learn([reach("R1A", "Y60")], 11)
    assert touched(regions.moved_by(row)) == {"R1A", "Y60", "SUPPLIER", "NATIONAL", "AUDITOR"}
    for listed in (Product(tenant_ods="SUPPLIER"), Organisation(ods_code="R1A", region_ods="Y60")):
        assert touched(regions.moved_by(listed)) == LISTED.keys()
    local = Incident(tenant_ods="R1A", audience=Audience.REGION)
    assert touched(regions.moved_by(local)) >= {"R1A", "RYG", "RNK", "Y60"}


def test_a_region_learnt_before_an_organisation_may_have_moved_is_forgotten() -> None:
    regions, row = Regions(), System(tenant_ods="R1A")
    regions.learn([reach("R1A", "Y56", xid=10)], 11)
    regions.learn([reach("R1A", None, Audience.PUBLISHED, xid=12), reach("R1A", "Y56", xid=10)], 13)
    assert touched(regions.moved_by(row)) >= {"Y60", "Y56"}
    regions.learn([reach("R1A", "Y56", xid=12)], 14)
    assert touched(regions.moved_by(row)) >= {"Y60", "Y56"}
    regions.learn([reach("R1A", "Y60", xid=13)], 15)
    assert touched(regions.moved_by(row)) & {"Y60", "Y56"} == {"Y60"}
