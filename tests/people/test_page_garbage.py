"""The pages given garbage: lures to other sites, what is no form, and markup in every field that is shown."""

from urllib.parse import quote, urlencode

import httpx
import pytest
from sqlalchemy import update
from sqlmodel import col

from api.pages.onward import onward
from auth.caller import Operator
from schema.organisation import Organisation
from schema.people.account import Role
from tests.conftest import Iterator, embedded
from tests.installed import Site
from tests.people.test_page_attacks import POSTS, csrf_of
from tests.people.visiting import LEAD, PASSWORD, Page, Visit, have_account, open_site

FORM = "application/x-www-form-urlencoded"
LURES = [
    "https://evil.example",
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/%5cevil.example",
    "/%2f%2fevil.example",
    "http:evil.example",
    "https:/evil.example",
    "javascript:alert(1)",
    "data:text/html,x",
    "/account@evil.example",
    "/account.evil.example",
    "/account/../..//evil.example",
    "/device//evil.example",
    "/deviceevil",
    "/device?x=1#//evil.example",
    "/oauth2/authorize",
    "/oauth2/authorize/../../evil",
    "/oauth2/authorize?x=\r\nSet-Cookie: a=b",
    "/oauth2/authorize?x=\\evil",
    "/oauth2/token?x=1",
    "/sign-out?x=1",
    "/graphql?query=x",
    " /account ",
    "/account\t",
    "\x01//evil.example",
    "/device?\u2028evil",
    "//account?x=1",
    "?return_to=//evil.example",
    "",
]
MARKUP = "\"><script>alert('1')</script><b x='"


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


@pytest.mark.parametrize("lure", LURES)
def test_signing_in_leads_nowhere_else(site: Site, lure: str) -> None:
    assert onward(lure) == "/account"


def test_a_lure_does_not_come_through_the_pages(site: Site) -> None:
    for lure in LURES[:6]:
        visit = Visit(site)
        page = visit.get(f"/sign-in?return_to={quote(lure, safe='')}")
        assert "evil" not in page.text
        form = Page(page).fields | {"subject": LEAD, "password": PASSWORD, "return_to": lure}
        assert visit.post("/sign-in", form).headers["location"] == "/account"


@pytest.mark.parametrize(
    "place", ["/account", "/device", "/device?user_code=BCDF-GHJK&organisation=R1A", "/oauth2/authorize?a=b&c=%2F%20d"]
)
def test_our_own_places_are_reached(place: str) -> None:
    assert onward(place) == place


@pytest.mark.parametrize("path", POSTS)
def test_garbage_is_refused_with_a_page(site: Site, signed_in: Visit, path: str) -> None:
    csrf = f"csrf={csrf_of(signed_in.get('/account'))}"
    bodies = {
        f"{csrf}&code=%00": 400,
        f"{csrf}&code=%ED%A0%80": 400,
        f"{csrf}&code=%FF": 400,
        f"{csrf}&code=1&code=2": 400,
        f"{csrf}&{csrf}": 400,
        "&".join(f"field{number}=1" for number in range(21)): 400,
        "no form": 400,
        "a=" + "x" * 20_000: 413,
    }
    for body, status in bodies.items():
        answer = send(signed_in, path, body)
        assert answer.status_code == status, body[:60]
        assert "We cannot read this form" in answer.text
    assert send(signed_in, path, '{"csrf": "x"}', "application/json").status_code == 400
    assert send(signed_in, f"{path}?csrf=x", csrf).status_code == 400


def send(visit: Visit, path: str, body: str, kind: str = FORM) -> httpx.Response:
    """Send a body as it is."""
    return visit.site.runner.run(visit.http.post(path, content=body, headers={"Content-Type": kind}))


@pytest.mark.parametrize(
    "query", ["return_to=%00", "return_to=%ED%A0%80", "a=1&a=2", "x" * 9_000, "acr=%0d%0aX: y", "%"]
)
def test_garbage_in_an_address_counts_for_nothing(site: Site, query: str) -> None:
    for path in ("/sign-in", "/device", "/sign-in/second-factor", "/sign-in/enrol", "/sign-in/new-password"):
        answer = Visit(site).get(f"{path}?{query}")
        assert answer.status_code in {200, 303}
        assert "x" * 100 not in answer.headers.get("location", "")


def test_whatever_is_shown_is_escaped(site: Site, signed_in: Visit) -> None:
    visit, echo = Visit(site), []
    page = visit.get("/sign-in")
    echo.append(visit.fill(page, subject=MARKUP, password="x"))
    echo.append(visit.fill(page, subject=MARKUP, password=""))
    echo.append(visit.get(f"/sign-in?{urlencode({'return_to': f'/device?{MARKUP}', 'acr': MARKUP})}"))
    echo.append(visit.get(f"/sign-in?{urlencode({'return_to': f'/oauth2/authorize?x={MARKUP}'})}"))
    echo.append(signed_in.get(f"/device?{urlencode({'user_code': MARKUP, 'organisation': MARKUP})}"))
    echo.append(signed_in.fill(echo[-1], user_code=MARKUP, organisation=MARKUP))
    csrf = csrf_of(signed_in.get("/account"))
    echo.append(signed_in.post("/device/decision", {"csrf": csrf, "user_code": MARKUP, "decision": MARKUP}))
    echo.append(signed_in.post("/account/end", {"csrf": csrf, "session": MARKUP}))
    assert MARKUP.split(">")[1] == "<script"
    for answer in echo:
        assert "<script" not in answer.text
        assert "<b x" not in answer.text
    assert "&lt;script&gt;" in echo[0].text
    assert "&lt;script&gt;" in echo[4].text


def test_what_the_database_holds_is_escaped_too(site: Site, signed_in: Visit) -> None:
    async def rename(name: str) -> None:
        async with site.database.change(Operator("R1A"), "test") as db:
            here = col(Organisation.ods_code) == "R1A"
            await db.write(update(Organisation).where(here).values(name=name, version=col(Organisation.version) + 1))

    site.runner.run(rename(MARKUP))
    page = signed_in.get("/account").text
    site.runner.run(rename("Trust"))
    assert "&lt;script&gt;" in page
    assert "<script" not in page
