"""Signing in, told over HTTP: a one-time password, a new one, a second factor, and every way out."""

import re

import pyotp
import pytest
from sqlalchemy import func, update

from auth.caller import Operator
from auth.people.tables import BrowserSession
from schema.people.account import Role
from schema.people.issuer import Issuer
from tests.conftest import Iterator, embedded
from tests.installed import Site
from tests.people.visiting import (
    LEAD,
    PASSWORD,
    Visit,
    credential,
    enrol,
    give_one_time_password,
    have_account,
    open_site,
    run_sql,
    seed_on,
    suspend,
    title_of,
)

AUTHORIZE = "/oauth2/authorize?client_id=x"


@pytest.fixture
def site(cluster: embedded.Server) -> Iterator[Site]:
    """A site with one account, whose person chose a password."""
    with open_site(cluster) as opened:
        have_account(opened, LEAD, Role.TRUST_IT, Role.ADMINISTRATOR)
        yield opened


def test_from_a_one_time_password_to_a_second_factor(site: Site) -> None:
    have_account(site, "new.lead@R1A", Role.TRUST_IT, password=None)
    once, visit = give_one_time_password(site, "new.lead@R1A"), Visit(site)
    page = visit.sign_in("New.Lead@r1a", once, "/sign-in?acr=aal2")
    assert title_of(page) == "Choose a new password - reinstate"
    assert "new.lead@R1A" in page.text
    at_password = visit.cookie()
    page = visit.fill(page, password="short", again="short")
    assert title_of(page).startswith("Error: ")
    page = visit.follow(visit.fill(page, password=PASSWORD, again=PASSWORD))
    assert title_of(page) == "Set up your authenticator application - reinstate"
    assert "<svg" in page.text
    at_enrolment = visit.cookie()
    page = visit.fill(page, code="000000")
    assert title_of(page).startswith("Error: ")
    device = pyotp.TOTP(seed_on(page))
    page = visit.follow(visit.fill(page, code=device.now()))
    assert title_of(page) == "Your account - reinstate"
    assert "password and code" in page.text
    assert len({at_password, at_enrolment, visit.cookie()}) == 3
    again = Visit(site).sign_in("new.lead@R1A", once)
    assert again.status_code == 400
    page = Visit(site).sign_in("new.lead@R1A")
    assert title_of(page) == "Enter your code - reinstate"
    assert "Your account" not in Visit(site).get("/account", headers={"Cookie": f"__Host-reinstate={at_password}"}).text


def test_a_password_alone_signs_in_surely_enough_to_read(site: Site) -> None:
    page = Visit(site).sign_in()
    assert title_of(page) == "Your account - reinstate"
    assert "Herefordshire" in page.text
    assert "trust IT" in page.text


def test_stepping_up_needs_the_code_alone_while_the_password_is_recent(site: Site) -> None:
    visit = Visit(site)
    visit.sign_in()
    before = visit.cookie()
    device = enrol(site)
    page = visit.follow(visit.get("/sign-in?acr=aal2&return_to=/device"))
    assert title_of(page) == "Enter your code - reinstate"
    page = visit.follow(visit.fill(page, code=device.now()))
    assert title_of(page) == "Connect a device - reinstate"
    assert visit.cookie() != before
    assert Visit(site).get("/account", headers={"Cookie": f"__Host-reinstate={before}"}).status_code == 303


def test_stepping_up_needs_the_password_too_after_a_quarter_of_an_hour(site: Site) -> None:
    visit = Visit(site)
    visit.sign_in()
    enrol(site)
    long_ago = func.clock_timestamp() - func.make_interval(0, 0, 0, 0, 0, 15, 1)
    run_sql(site, update(BrowserSession).values(authenticated_at=long_ago))
    assert title_of(visit.get("/sign-in?acr=aal2")) == "Sign in - reinstate"
    assert visit.get("/sign-in/second-factor").headers["location"] == "/sign-in"
    assert visit.get("/sign-in/enrol").headers["location"] == "/sign-in?acr=aal2"


def test_an_application_says_how_old_a_sign_in_may_be(site: Site) -> None:
    visit = Visit(site)
    visit.sign_in()
    enrol(site)
    assert title_of(visit.get("/sign-in?acr=aal2&max_age=0")) == "Sign in - reinstate"


def test_a_password_thief_cannot_replace_a_second_factor(site: Site) -> None:
    thief = Visit(site)
    thief.sign_in()
    page = thief.get("/sign-in/enrol")
    device = enrol(site)
    assert thief.fill(page, code=pyotp.TOTP(seed_on(page)).now()).status_code == 403
    assert thief.get("/sign-in/enrol").status_code == 303
    owner = Visit(site)
    page = owner.fill(owner.sign_in(), code=device.now())
    assert page.headers["location"] == "/account"
    page = owner.follow(owner.get("/account/second-factor"))
    anew = pyotp.TOTP(seed_on(page))
    assert title_of(owner.follow(owner.fill(page, code=anew.now()))) == "Your account - reinstate"


def test_a_one_time_password_voids_what_was_proved_by_before(site: Site) -> None:
    enrol(site)
    elsewhere = Visit(site)
    older, once, visit = give_one_time_password(site), give_one_time_password(site), Visit(site)
    assert visit.sign_in(password=older).status_code == 400
    page = visit.sign_in(password=once)
    assert title_of(page) == "Choose a new password - reinstate"
    kept = credential(site)
    assert kept
    assert (kept.password_hash, kept.totp_sealed) == (None, None)
    assert elsewhere.sign_in().status_code == 400
    assert visit.get("/account").status_code == 303
    visit.fill(page, password="seven green tables", again="seven green tables")
    assert title_of(visit.get("/account")) == "Your account - reinstate"
    assert Visit(site).sign_in(password=older).status_code == 400


@pytest.mark.parametrize("lasting", ["-1 second", "0 seconds"])
def test_a_one_time_password_expires(site: Site, lasting: str) -> None:
    assert Visit(site).sign_in(password=give_one_time_password(site, lasting=lasting)).status_code == 400


def test_a_suspended_account_is_answered_like_a_wrong_password(site: Site) -> None:
    inside = Visit(site)
    inside.sign_in()
    suspend(site)
    right, wrong = Visit(site).sign_in(), Visit(site).sign_in(password="something else entirely")
    assert right.status_code == wrong.status_code == 400
    assert _plain(right.text) == _plain(wrong.text)
    assert "You hold no role" in inside.get("/account").text
    assert Visit(site).sign_in(password=give_one_time_password(site)).status_code == 400


def test_a_new_password_signs_out_everywhere_else(site: Site) -> None:
    here, there = Visit(site), Visit(site)
    here.sign_in()
    there.sign_in()
    page = here.get("/account/password")
    fresh = {"password": "seven green tables", "again": "seven green tables"}
    assert "not your current" in here.fill(page, current="wrong password here", **fresh).text
    assert "not the same" in here.fill(page, current=PASSWORD, password="seven green tables", again="six").text
    assert here.fill(page, current=PASSWORD, **fresh).headers["location"] == "/account"
    assert here.get("/account").status_code == 200
    assert there.get("/account").status_code == 303
    assert Visit(site).sign_in().status_code == 400
    assert Visit(site).sign_in(password="seven green tables").status_code == 200


def test_sessions_are_ended_one_by_one_and_all_at_once(site: Site) -> None:
    here, there, yonder, stranger = (Visit(site) for _ in range(4))
    have_account(site, "other@R1A", Role.TRUST_IT)
    for visit in (here, there, yonder):
        visit.sign_in()
    account = here.get("/account")
    keys = re.findall(r'name="session" value="([^"]+)"', account.text)
    csrf = re.search(r'name="csrf" value="([^"]+)"', account.text)
    assert csrf
    assert len(keys) == 2
    foreign = stranger.sign_in("other@R1A")
    their = re.search(r'name="csrf" value="([^"]+)"', foreign.text)
    assert their
    stranger.post("/account/end", {"csrf": their[1], "session": keys[0]})
    assert there.get("/account").status_code == yonder.get("/account").status_code == 200
    here.post("/account/end", {"csrf": csrf[1], "session": keys[0]})
    assert sorted(each.get("/account").status_code for each in (there, yonder)) == [200, 303]
    page = here.post("/account/end-all", {"csrf": csrf[1]})
    assert "signed out everywhere" in page.text
    assert {each.get("/account").status_code for each in (here, there, yonder)} == {303}
    assert stranger.get("/account").status_code == 200


def test_signing_out_ends_the_session_and_takes_its_cookie(site: Site) -> None:
    visit = Visit(site)
    page = visit.sign_in()
    cookie, csrf = visit.cookie(), re.search(r'name="csrf" value="([^"]+)"', page.text)
    assert csrf
    assert visit.post("/sign-out", {"csrf": csrf[1]}).status_code == 200
    assert not visit.cookie()
    assert Visit(site).get("/account", headers={"Cookie": f"__Host-reinstate={cookie}"}).status_code == 303


def test_signing_in_leads_back_to_the_application_and_its_form_may_lead_out(site: Site) -> None:
    visit = Visit(site)
    page = visit.get("/sign-in", params={"return_to": AUTHORIZE})
    assert "form-action" not in page.headers["content-security-policy"]
    assert visit.fill(page, subject=LEAD, password=PASSWORD).headers["location"] == AUTHORIZE
    assert "form-action 'self'" in visit.get("/account").headers["content-security-policy"]


def test_other_ways_to_sign_in_are_shown_where_there_are_any(site: Site) -> None:
    visit = Visit(site)
    assert "Other ways" not in visit.get("/sign-in").text

    async def register() -> Issuer:
        told = {"iss": "https://id.example", "name": "The trust <i>", "modes": ["LOGIN"], "algorithms": ["ES256"]}
        told |= {"jwks_uri": "https://id.example/jwks", "token_audience": "us", "client_id": "us", "tenants": ["R1A"]}
        told["authorization_endpoint"] = "https://id.example/authorize"
        async with site.database.change(Operator("R1A"), "test") as db:
            return await db.keep(Issuer(**db.made, **told))

    issuer = site.runner.run(register())
    page = visit.get("/sign-in?acr=aal2&return_to=/device").text
    assert "Sign in with The trust &lt;i&gt;" in page
    assert f"/sign-in/with/{issuer.id}?return_to=%2Fdevice&amp;acr=aal2" in page


def test_signing_in_again_replaces_who_was_signed_in(site: Site) -> None:
    visit = Visit(site)
    visit.sign_in()
    before = visit.cookie()
    assert visit.get("/sign-in").headers["location"] == "/account"
    visit.sign_in(path="/sign-in?return_to=/account")
    assert visit.cookie() != before
    assert Visit(site).get("/account", headers={"Cookie": f"__Host-reinstate={before}"}).status_code == 303


def _plain(page: str) -> str:
    return re.sub(r'name="csrf" value="[^"]+"', "", page)
