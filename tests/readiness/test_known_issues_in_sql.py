"""Known issues and proposed holds by SQL, past every rule: what the database itself refuses."""

from typing import Any

import asyncpg
import pytest

from tests.ledger import as_superuser
from tests.readiness.defect_story import SUPPLIER, put_system
from tests.readiness.test_defects_in_sql import REFUSED, tried
from tests.readiness.test_known_issues import Issues
from tests.stage import LISTED, Stage, caller, person

Given = dict[str, Any]


@pytest.fixture(scope="module")
def issues(stage: Stage) -> Issues:
    """A stage with a known issue that two trusts see, one of them twice, and a hold that a defect proposes."""
    told = Issues(stage)
    issue = told.publish()["id"]
    told.sight("R1A", issue)
    told.sight("R1A", issue, system=told.second)
    told.sight("RNK", issue)
    put_system(stage, "R1A", "LIVE")
    told.raised("R1A", severity="S1", clinicalSafety=True)
    return told


def one(issues: Issues, table: str) -> Given:
    """Give the first row of a table as the superuser sees it."""
    return dict(as_superuser(issues.stage, f"select * from {table} order by 2 limit 1")[0])  # noqa: S608 - our own


def test_it_is_counted_once_a_trust_and_nobody_reads_a_small_count(issues: Issues) -> None:
    assert one(issues, "known_issue_count")["trusts"] == 2
    for code in LISTED:
        assert tried(issues.stage, code, "select sightings from known_issue") == [None]
        (answer,) = tried(issues.stage, code, "select count(*) from known_issue_count")
        assert answer == 0 or isinstance(answer, asyncpg.InsufficientPrivilegeError), code


def test_no_count_is_stated(issues: Issues) -> None:
    for code in LISTED:
        statements = (
            "update known_issue set sightings = 99 returning sightings",
            "update known_issue_count set trusts = 99 returning trusts",
            "insert into known_issue_count values ('SUPPLIER', gen_random_uuid(), 0) returning trusts",
            "delete from known_issue_count returning trusts",
        )
        for answer in tried(issues.stage, code, *statements):
            assert answer is None or isinstance(answer, REFUSED), (code, answer)


def again(row: Given, table: str, shown: str, **other: str) -> str:
    """Give the statement that keeps a row again, with other values."""
    told = {name: "null" if value is None else f"'{value}'" for name, value in row.items()}
    told |= {"id": "gen_random_uuid()", **other}
    return f"insert into {table} ({', '.join(told)}) values ({', '.join(told.values())}) returning {shown}"  # noqa: S608 - our own


@pytest.mark.parametrize("code", LISTED)
def test_nobody_publishes_but_a_supplier_of_its_own_product(issues: Issues, code: str) -> None:
    issue, mine = one(issues, "known_issue"), {"tenant_ods": f"'{code}'", "published_at": "'2000-01-01Z'"}
    (answer,) = tried(issues.stage, code, again(issue, "known_issue", "(published_at = now())::text", **mine))
    assert answer == "true" if code == SUPPLIER else isinstance(answer, REFUSED)
    for other in ({"sightings": "7"}, {"resolved_at": "now()"}, {"first_build_id": "gen_random_uuid()"}):
        (answer,) = tried(issues.stage, code, again(issue, "known_issue", "id", **mine, **other))
        assert isinstance(answer, REFUSED), other


@pytest.mark.parametrize("code", LISTED)
def test_it_is_resolved_by_its_supplier_and_stays_so(issues: Issues, code: str) -> None:
    resolved = "update known_issue set version = version + 1, resolved_at = '2000-01-01Z' returning (resolved_at = now())::text"
    (answer,) = tried(issues.stage, code, resolved)
    assert answer == "true" if code == SUPPLIER else answer is None or isinstance(answer, REFUSED)
    for column in ("title", "severity", "workaround", "product_id", "published_at", "defect_id"):
        (answer,) = tried(issues.stage, code, f"update known_issue set version = version + 1, {column} = {column}")  # noqa: S608 - our own
        assert isinstance(answer, asyncpg.InsufficientPrivilegeError)


@pytest.mark.parametrize("code", LISTED)
def test_a_sighting_is_of_a_trusts_own_system(issues: Issues, code: str) -> None:
    systems = {
        row["tenant_ods"]: row["id"] for row in as_superuser(issues.stage, "select * from system order by id desc")
    }
    sighting = one(issues, "known_issue_sighting")
    mine = {"tenant_ods": f"'{code}'", "system_id": f"'{systems.get(code, systems['RYG'])}'"}
    (answer,) = tried(issues.stage, code, again(sighting, "known_issue_sighting", "region_ods", **mine))
    if code == "RYG":
        assert answer == "Y60"
    else:
        assert isinstance(answer, (*REFUSED, asyncpg.UniqueViolationError)), answer
    (answer,) = tried(issues.stage, code, "update known_issue_sighting set version = version + 1, seen_on = now()")
    assert isinstance(answer, asyncpg.InsufficientPrivilegeError)


ENDED = "releaser_ods = 'R1A', releaser = 'a.b@R1A', released_at = now(), release_reason = 'No.'"
DECIDES = {"R1A", "Y60", "NATIONAL"}
CASES = {
    "PLACED": "confirmed_at = '2000-01-01Z', confirmer_ods = 'RNK', confirmer = 'x'",
    "DISMISSED": ENDED,
    "RELEASED": ENDED,
}


@pytest.mark.parametrize("code", LISTED)
@pytest.mark.parametrize("state", CASES)
def test_a_proposed_hold_is_confirmed_or_dismissed_and_told_by_whom(issues: Issues, state: str, code: str) -> None:
    who = "coalesce(confirmer, releaser) || ' ' || coalesce(confirmer_ods, releaser_ods) || ' ' || (coalesce(confirmed_at, released_at) = now())::text"
    moved = f"update hold set version = version + 1, state = '{state}', {CASES[state]} returning {who}"  # noqa: S608 - our own
    (answer,) = tried(issues.stage, code, moved)
    if state != "RELEASED" and code in DECIDES:
        assert answer == f"{person(code).subject} {code} true"
    else:
        assert answer is None or isinstance(answer, REFUSED), answer


def test_a_machine_dismisses_none_and_nothing_is_half_told(issues: Issues) -> None:
    moved = f"update hold set version = version + 1, state = 'DISMISSED', {ENDED}"  # noqa: S608 - our own
    (answer,) = tried(issues.stage, "R1A", moved, subject=caller("R1A").subject)
    assert isinstance(answer, asyncpg.CheckViolationError)
    for part in ("state = 'DISMISSED'", "state = 'PROPOSED'", "confirmed_at = now()", f"state = 'PLACED', {ENDED}"):
        (answer,) = tried(issues.stage, "R1A", f"update hold set version = version + 1, {part}")  # noqa: S608 - our own
        assert isinstance(answer, asyncpg.CheckViolationError), part


def test_what_begins_proposed(issues: Issues) -> None:
    hold = one(issues, "hold")
    assert tried(issues.stage, "R1A", again(hold, "hold", "tier::text")) == ["TRUST"]
    for code, other in (
        ("R1A", {"reason_code": "'SECURITY'"}),
        ("Y60", {"tenant_ods": "'Y60'"}),
        ("NATIONAL", {"tenant_ods": "'NATIONAL'"}),
        ("SUPPLIER", {"tenant_ods": "'SUPPLIER'"}),
        ("R1A", {"confirmed_at": "now()", "confirmer_ods": "'R1A'", "confirmer": "'x'", "state": "'PLACED'"}),
        ("R1A", {"state": "'DISMISSED'", "releaser_ods": "'R1A'", "releaser": "'a.b@R1A'", "release_reason": "'No.'"}),
    ):
        (answer,) = tried(issues.stage, code, again(hold, "hold", "id", **other))
        assert isinstance(answer, REFUSED), (code, other, answer)
