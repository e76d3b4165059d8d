"""The page that connects a device: what it asks, for whom it may answer, and what it takes to give acts that decide."""

from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import col

from auth.people.tables import Attempt
from schema.people.account import Role
from tests.conftest import Iterator, embedded
from tests.installed import Site
from tests.people.signed_in import CLI, join
from tests.people.visiting import LEAD, Page, Visit, enrol, have_account, open_site, run_sql, title_of

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
READ = "progress:read test:report"


@pytest.fixture(scope="module")
def site(cluster: embedded.Server) -> Iterator[Site]:
    """A site with a lead who decides nothing, and an executive who does, in two trusts."""
    with open_site(cluster) as opened:
        have_account(opened, LEAD, Role.TRUST_IT)
        have_account(opened, "exec@R1A", Role.TRUST_EXEC)
        opened.runner.run(join(opened, "exec@R1A", "RYG", [Role.TRUST_EXEC]))
        yield opened


def begin(site: Site, scope: str = READ) -> dict[str, Any]:
    """Let a device wait."""
    asked = {"client_id": CLI, "scope": scope}
    return dict(Visit(site).post("/oauth2/device_authorization", asked).json())


def redeem(site: Site, waits: dict[str, Any]) -> dict[str, Any]:
    """Ask for the device's tokens."""
    asked = {"client_id": CLI, "grant_type": DEVICE_GRANT, "device_code": waits["device_code"]}
    return dict(Visit(site).post("/oauth2/token", asked).json())


def opened_by(site: Site, subject: str, waits: dict[str, Any]) -> tuple[Visit, Any]:
    """Open the page of a device's code as somebody, who signs in on the way."""
    visit = Visit(site)
    page = visit.sign_in(subject, path=visit.get(f"/device?user_code={waits['user_code']}").headers["location"])
    assert title_of(page) == "Connect a device - reinstate"
    assert Page(page).fields["user_code"] == waits["user_code"]
    return visit, page


def count(site: Site, failures: int) -> None:
    """Have so many codes counted that were typed in vain."""
    run_sql(site, update(Attempt).where(col(Attempt.bucket).startswith("own")).values(failures=failures))


def test_a_device_is_connected_after_a_warning(site: Site) -> None:
    waits = begin(site)
    visit, page = opened_by(site, LEAD, waits)
    assert "Only go on if you started this yourself" in page.text
    page = visit.fill(page)
    for said in (waits["user_code"], CLI, LEAD, "Report tests", "If you did not start this yourself"):
        assert said in page.text
    assert redeem(site, waits)["error"] == "authorization_pending"
    assert "connected" in visit.fill(page, decision="allow").text
    assert redeem(site, waits)["scope"] == READ


def test_a_device_is_refused(site: Site) -> None:
    waits = begin(site)
    visit, page = opened_by(site, LEAD, waits)
    assert "It gets nothing" in visit.fill(visit.fill(page), decision="deny").text
    assert redeem(site, waits)["error"] == "access_denied"


def test_a_decision_is_no_decision_until_it_says_which(site: Site) -> None:
    waits = begin(site)
    visit, page = opened_by(site, LEAD, waits)
    page = visit.fill(page)
    for organisation in ("", "RYG", "SUPPLIER", "r1a"):
        answer = visit.fill(page, decision="allow", organisation=organisation)
        assert answer.status_code == 400
        assert title_of(answer) == "Error: Connect this device? - reinstate"
    assert redeem(site, waits)["error"] == "authorization_pending"


def test_acts_that_decide_need_the_second_factor_lately(site: Site) -> None:
    waits = begin(site, "decision:make progress:read")
    visit, page = opened_by(site, "exec@R1A", waits)
    answer = visit.fill(page)
    assert answer.headers["location"].startswith("/sign-in?return_to=%2Fdevice%3Fuser_code%3D")
    assert answer.headers["location"].endswith("&acr=aal2")
    device = enrol(site, "exec@R1A")
    page = visit.follow(answer)
    assert title_of(page) == "Enter your code - reinstate"
    page = visit.follow(visit.fill(page, code=device.now()))
    assert title_of(page) == "Connect a device - reinstate"
    page = visit.fill(page)
    assert "Decide go or no-go" in page.text
    assert page.text.count('type="radio"') == 2
    assert "checked" not in page.text
    assert "connected" in visit.fill(page, decision="allow", organisation="RYG").text
    assert redeem(site, waits)["scope"] == "decision:make progress:read"


def test_who_decides_nothing_is_asked_for_no_second_factor(site: Site) -> None:
    waits = begin(site, "decision:make progress:read")
    visit, page = opened_by(site, LEAD, waits)
    page = visit.fill(page)
    assert "Decide go or no-go" not in page.text
    visit.fill(page, decision="allow")
    assert redeem(site, waits)["scope"] == "progress:read"


def test_who_holds_nothing_of_it_connects_nothing(site: Site) -> None:
    have_account(site, "no.role@R1A")
    waits = begin(site)
    visit, page = opened_by(site, "no.role@R1A", waits)
    assert visit.fill(page).status_code == 403
    assert visit.fill(page).text.count("You hold no role") == 2


@pytest.mark.parametrize("typed", ["", "BCDF", "BCDF-GHJK", "AAAA-AAAA", "' or 1=1 --", "x" * 500])
def test_a_code_that_nobody_waits_with_is_told(site: Site, typed: str) -> None:
    visit = Visit(site)
    visit.sign_in()
    answer = visit.fill(visit.get("/device"), user_code=typed)
    assert answer.status_code == 400
    assert title_of(answer) == "Error: Connect a device - reinstate"


def test_codes_that_are_guessed_are_counted_and_right_ones_in_between_do_not_help(site: Site) -> None:
    waits, guessing = begin(site), Visit(site)
    have_account(site, "guesses@R1A", Role.TRUST_IT)
    guessing.sign_in("guesses@R1A")
    page = guessing.get("/device")
    assert [guessing.fill(page, user_code="BCDF-GHJK").status_code for _ in range(10)] == [400] * 10
    count(site, 10)
    told = [guessing.fill(page, user_code=code).status_code for code in (waits["user_code"], waits["user_code"])]
    assert told == [429, 429]
    count(site, 8)
    told = [guessing.fill(page, user_code=code).status_code for code in (waits["user_code"], "BCDF-GHJK") * 2]
    assert told == [200, 400, 200, 400]
    count(site, 40)
    decision = {**Page(page).fields, "user_code": waits["user_code"], "decision": "allow", "organisation": "R1A"}
    assert guessing.post("/device/decision", decision).status_code == 429
    count(site, 0)


def test_a_code_works_once(site: Site) -> None:
    waits = begin(site)
    visit, page = opened_by(site, LEAD, waits)
    page = visit.fill(page)
    assert visit.fill(page, decision="allow").status_code == 200
    assert visit.fill(page, decision="deny").status_code == 400
    assert redeem(site, waits)["scope"] == READ
