"""The pages attacked: forms made elsewhere, planted sessions, telling people apart, frames, lures, garbage, scripts."""

import re
from http.cookies import SimpleCookie

import httpx
import pytest

from api.app import create_app
from api.pages import words
from auth.people import passwords
from auth.scope import Scope
from auth.tokens.issuer import Issuer
from schema.people.account import Role
from tests.conftest import Iterator, embedded
from tests.installed import URL, Site
from tests.people.visiting import LEAD, PASSWORD, Page, Visit, enrol, give_one_time_password, have_account, open_site

PAGES = ["/", "/sign-in", "/account", "/device", "/account/password", "/account/second-factor", "/sign-in/enrol"]
POSTS = [
    "/sign-in",
    "/sign-in/second-factor",
    "/sign-in/enrol",
    "/sign-in/new-password",
    "/account/password",
    "/account/end",
    "/account/end-all",
    "/sign-out",
    "/device",
    "/device/decision",
]


@pytest.fixture(scope="module")
def site(cluster: embedded.Server) -> Iterator[Site]:
    """A site with one account."""
    with open_site(cluster) as opened:
        have_account(opened, LEAD, Role.TRUST_IT)
        yield opened


@pytest.fixture
def signed_in(site: Site) -> Visit:
    """A browser that is signed in."""
    visit = Visit(site)
    assert visit.sign_in().status_code == 200
    return visit


def csrf_of(page: httpx.Response) -> str:
    """Give the token of a page's forms."""
    return Page(page).fields["csrf"]


def test_a_form_made_elsewhere_signs_nobody_in(site: Site) -> None:
    mine, victim = Visit(site), Visit(site)
    attackers = Page(mine.get("/sign-in")).fields | {"subject": LEAD, "password": PASSWORD}
    for fields in (attackers, attackers | {"csrf": ""}, {"subject": LEAD, "password": PASSWORD}):
        assert victim.post("/sign-in", fields).status_code == 403, "no cookie"
    victim.get("/sign-in")
    for csrf in (attackers["csrf"], "", "x", str(victim.cookie("__Host-reinstate-form"))):
        assert victim.post("/sign-in", attackers | {"csrf": csrf}).status_code == 403
    assert victim.cookie() is None
    assert mine.post("/sign-in", attackers).status_code == 303


@pytest.mark.parametrize("path", [path for path in POSTS if path != "/sign-in"])
def test_a_form_without_this_sign_ins_token_does_nothing(site: Site, signed_in: Visit, path: str) -> None:
    other = Visit(site)
    foreign = csrf_of(other.sign_in())
    for csrf in ({}, {"csrf": foreign}, {"csrf": csrf_of(Visit(site).get("/sign-in"))}):
        answer = signed_in.post(path, {"password": "x", "session": "x", **csrf})
        assert answer.status_code == 403
        assert "expired" in answer.text
    assert signed_in.get("/account").status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "nonsense"},
        {"Sec-Fetch-Site": "cross-site", "Origin": URL},
        {"Origin": "https://evil.example"},
        {"Origin": "http://reinstate.example"},
        {"Origin": f"{URL}:8443"},
        {"Origin": f"{URL}.evil.example"},
    ],
)
def test_a_form_from_another_site_is_refused_even_with_the_token(signed_in: Visit, headers: dict[str, str]) -> None:
    csrf = csrf_of(signed_in.get("/account"))
    assert signed_in.post("/account/end", {"csrf": csrf}, **headers).status_code == 403
    for own in ({"Sec-Fetch-Site": "same-origin", "Origin": "null"}, {"Origin": URL}, {}):
        assert signed_in.post("/account/end", {"csrf": csrf}, **own).status_code == 303


def test_a_planted_session_is_never_signed_in(site: Site) -> None:
    attacker, victim = Visit(site), Visit(site)
    device = enrol_anew(site, "fixed@R1A")
    planted = attacker.sign_in("fixed@R1A") and attacker.cookie()
    assert planted
    victim.http.cookies.set("__Host-reinstate", planted, domain="reinstate.example")
    page = victim.sign_in("fixed@R1A", path="/sign-in?return_to=/account")
    at_code = victim.cookie()
    assert at_code != planted
    assert victim.fill(page, code=device.now()).status_code == 303
    assert victim.cookie() not in {planted, at_code}
    assert attacker.get("/account").status_code == 303
    for made_up in ("a" * 43, "", "x" * 10_000, planted.upper()):
        assert Visit(site).get("/account", headers={"Cookie": f"__Host-reinstate={made_up}"}).status_code == 303


def enrol_anew(site: Site, subject: str):
    """Have an account with a second factor, and give its device."""
    have_account(site, subject, Role.TRUST_IT)
    return enrol(site, subject)


def test_a_cookie_that_comes_twice_is_none(site: Site, signed_in: Visit) -> None:
    cookie = f"__Host-reinstate={signed_in.cookie()}"
    assert Visit(site).get("/account", headers={"Cookie": cookie}).status_code == 200
    for tossed in (f"{cookie}; {cookie}", f"__Host-reinstate=x; {cookie}"):
        assert Visit(site).get("/account", headers={"Cookie": tossed}).status_code == 303


def test_nobody_is_told_apart_by_text_or_by_work(site: Site) -> None:
    have_account(site, "reset@R1A", Role.TRUST_IT, password=None)
    once = give_one_time_password(site, "reset@R1A")
    enrol_anew(site, "enrolled@R1A")
    wrong, spare = "something else entirely", passwords.new_one_time_password()
    names = [LEAD, "nobody.here@R1A", "enrolled@R1A", "reset@R1A", "nobody@NOWHERE99", "no name", "x" * 5_000, "a@b'--"]
    seen = {}
    for name in names:
        for given in (wrong, spare, once if name != "reset@R1A" else spare, "x" * 300, "new\nline"):
            before = passwords._hashing.count
            page = Visit(site).sign_in(name, given)
            plain = re.sub(r'(name="(csrf|subject)"[^>]*) value="[^"]*"', r"\1", page.text)
            seen[plain, page.status_code, passwords._hashing.count - before] = name, given
    assert len(seen) == 1, list(seen.values())
    (((_, status, hashes), _),) = seen.items()
    assert (status, hashes) == (400, 1)


@pytest.mark.parametrize("path", [*PAGES, "/sign-in/second-factor", "/sign-in/new-password", "/oauth2/authorize"])
def test_no_page_is_framed_kept_or_runs_a_script(signed_in: Visit, path: str) -> None:
    for visit in (signed_in, Visit(signed_in.site)):
        answer = visit.get(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "<script" not in answer.text
        assert not re.search(r"\son\w+=|\sstyle=|javascript:", answer.text)


def test_cookies_are_hidden_from_scripts_and_other_sites(site: Site) -> None:
    visit = Visit(site)
    page = visit.get("/sign-in")
    entered = visit.fill(page, subject=LEAD, password=PASSWORD)
    told = [*page.headers.get_list("set-cookie"), *entered.headers.get_list("set-cookie")]
    assert len(told) == 3
    for each in told:
        ((name, cookie),) = SimpleCookie(each).items()
        assert name.startswith("__Host-reinstate")
        assert cookie["secure"]
        assert cookie["httponly"]
        assert (cookie["path"], cookie["domain"], cookie["samesite"].lower()) == ("/", "", "lax")
    assert not any("reinstate=" in each and "Max-Age" in each for each in told), "gone with the browser"


def test_on_this_machine_alone_a_cookie_may_do_without_tls(site: Site) -> None:
    local = create_app(site.database, Issuer("http://127.0.0.1:8000", b"k" * 32))
    transport = httpx.ASGITransport(local)

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as http:
            return await http.get("/sign-in")

    (told,) = site.runner.run(ask()).headers.get_list("set-cookie")
    assert told.startswith("reinstate-form=")
    assert "secure" not in told.lower()
    assert "httponly" in told.lower()


def test_an_address_never_takes_a_secret(site: Site) -> None:
    visit = Visit(site)
    assert "Error" not in visit.get(f"/sign-in?subject={LEAD}&password={PASSWORD}").text
    assert visit.cookie() is None
    for path in ("/sign-out", "/account/end", "/account/end-all", "/device/decision"):
        assert visit.get(path).status_code == 405


def test_every_scope_and_role_has_words() -> None:
    unsaid = [each for each in (*Scope, *Role) if words.of(each) == each]
    assert unsaid == []


def test_the_demonstration_is_marked_on_every_page(site: Site) -> None:
    shown = create_app(site.database, site.issuer, demonstration=True)

    async def ask(path: str) -> str:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(shown), base_url=URL, follow_redirects=True) as http:
            return (await http.get(path)).text

    for path in PAGES:
        assert "Demonstration data." in site.runner.run(ask(path))
        assert "Demonstration data." not in Visit(site).follow(Visit(site).get(path)).text
