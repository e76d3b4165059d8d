"""Where a browser is sent: to an address that its application registered, to the letter, and nowhere else."""

import time
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest

from api.database import embedded
from tests.installed import Site
from tests.people.applications import HOME, Client, application
from tests.people.asking import asked, bring, shown
from tests.people.signed_in import (
    Person,
    Role,
    site_for_people,
)

DECISION = "/oauth2/authorize/decision"


@pytest.fixture(scope="module")
def site(cluster: embedded.Server) -> Iterator[Site]:
    with site_for_people(cluster) as made:
        yield made


@pytest.fixture(scope="module")
def web(site: Site) -> Client:
    return application(site, "r1a-web", HOME, f"{HOME}?x=1")


@pytest.fixture
def person(site: Site) -> Person:
    made = Person(site, f"p{time.monotonic_ns()}@R1A", "R1A", Role.TRUST_IT)
    made.sign_in()
    return made


@pytest.mark.parametrize(
    "uri",
    [
        "https://app.example/back/",
        "https://app.example/BACK",
        "https://APP.example/back",
        "https://app.example:443/back",
        "http://app.example/back",
        "https://app.example/back?y=1",
        "https://app.example/back#fragment",
        "https://app.example/back%2f",
        "https://app.example/x/../back",
        "https://app.example/./back",
        "https://app.example@evil.example/back",
        "https://app.example.evil.example/back",
        "https://evil.example/https://app.example/back",
        "https://app.example\\@evil.example/back",
        "//app.example/back",
        "javascript:alert(1)",
        "data:text/html,x",
        "https://app.example/back\r\nSet-Cookie: a=b",
        "https://app.example/back ",
        "https://\u0430pp.example/back",
        '"><script>alert(1)</script>',
        "A" * 3000,
        "\x00",
        None,
    ],
)
def test_a_browser_is_sent_nowhere_that_is_not_registered(person: Person, web: Client, uri: str | None) -> None:
    page = shown(bring(person, asked(person, web, redirect_uri=uri)))
    assert "<script" not in page


@pytest.mark.parametrize(
    "client_id", ["nobody", "R1A-WEB", "", None, "r1a-client", "x" * 500, "a\x00b", "' or 1=1", "é"]
)
def test_nor_for_an_application_that_is_unknown(person: Person, web: Client, client_id: str | None) -> None:
    shown(bring(person, asked(person, web, client_id=client_id)))


def test_an_unknown_application_and_an_address_of_none_look_alike(person: Person, web: Client) -> None:
    pages = [
        shown(bring(person, asked(person, web, **changes)))
        for changes in ({"client_id": "nobody"}, {"redirect_uri": "https://evil.example"})
    ]
    bare = [page.split("reference")[0] for page in pages]
    assert bare[0] == bare[1]


@pytest.mark.parametrize(
    ("uri", "fits"),
    [
        ("http://127.0.0.1/callback", True),
        ("http://127.0.0.1:1/callback", True),
        ("http://127.0.0.1:65535/callback", True),
        ("http://[::1]:5000/callback", True),
        ("http://localhost:5000/callback", False),
        ("https://127.0.0.1:5000/callback", False),
        ("http://127.0.0.1:5000/other", False),
        ("http://127.0.0.1:5000/callback?x", False),
        ("http://127.0.0.2:5000/callback", False),
        ("http://127.0.0.1:/callback", False),
        ("http://127.0.0.1:999999/callback", False),
        ("http://127.0.0.1:5000@evil.example/callback", False),
        ("http://127.0.0.1:5000.evil.example/callback", False),
        ("http://127.0.0.1.evil.example/callback", False),
        ("http://2130706433/callback", False),
    ],
)
def test_the_command_line_listens_on_any_port_of_this_machine(person: Person, uri: str, fits: bool) -> None:
    answer = bring(person, asked(person, redirect_uri=uri))
    assert answer.status_code == (200 if fits else 400)


def test_where_to_return_to_is_a_path_of_ours(person: Person, web: Client) -> None:
    person.cookies = {}
    location = bring(person, asked(person, web, state="//evil.example")).headers["location"]
    (back,) = parse_qs(urlsplit(location).query)["return_to"]
    assert urlsplit(back)[:3] == ("", "", "/oauth2/authorize")
