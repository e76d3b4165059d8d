"""A person signs in, steps up, connects a device and signs out, with a keyboard alone; every page is looked at."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import httpx
import pyotp

from schema.people.account import Role
from tests.browser.chromium import Tab
from tests.browser.conftest import Looked, Opened
from tests.people.visiting import LEAD, PASSWORD, give_one_time_password, have_account

LOOKS = """(() => [...document.querySelectorAll('a, button, input:not([type=hidden]):not([hidden])')].map(e => {
  const s = getComputedStyle(e); return [e.outerHTML.slice(0, 60), s.boxShadow, s.backgroundColor, s.outlineWidth]; }))()"""


def fill(tab: Tab, **fields: str) -> None:
    """Fill in fields of a form in their order, and send it, all by keyboard."""
    for name, value in fields.items():
        tab.tab_to(f"#{name}")
        tab.type(value)
    tab.enter()


def title(tab: Tab) -> str:
    """Give the title of the page that is shown."""
    return str(tab.run("document.title"))


def test_from_a_one_time_password_to_signing_out(opened: Opened, tab: Tab, looked: Looked) -> None:
    have_account(opened.site, "siro@R1A", Role.TRUST_SIRO, password=None)
    once = give_one_time_password(opened.site, "siro@R1A")
    tab.open(f"{opened.url}/")
    looked.at(tab, "home")
    tab.open(f"{opened.url}/sign-in?acr=aal2")
    looked.at(tab, "sign-in")
    fill(tab, subject="siro@R1A", password=once)
    assert title(tab) == "Choose a new password - reinstate"
    looked.at(tab, "new-password")
    fill(tab, password=PASSWORD, again=PASSWORD)
    assert title(tab) == "Set up your authenticator application - reinstate"
    looked.at(tab, "enrol")
    device = pyotp.TOTP(str(tab.run("document.querySelector('#seed').textContent")).replace(" ", ""))
    fill(tab, code=device.now())
    assert title(tab) == "Your account - reinstate"
    looked.at(tab, "account")
    (session,) = [each for each in tab.tell("Network.getCookies")["cookies"] if each["name"] == "reinstate"]
    assert (session["httpOnly"], session["sameSite"], session["session"]) == (True, "Lax", True)
    assert tab.run("document.cookie") == ""
    tab.tab_to("form[action='/sign-out'] button")
    tab.enter()
    assert title(tab) == "You are signed out - reinstate"
    looked.at(tab, "signed-out")
    tab.open(f"{opened.url}/account")
    assert title(tab) == "Sign in - reinstate"


def test_what_is_wrong_is_said_first_and_has_the_focus(opened: Opened, tab: Tab, looked: Looked) -> None:
    tab.open(f"{opened.url}/sign-in")
    fill(tab, subject=LEAD, password="something else entirely")
    assert title(tab) == "Error: Sign in - reinstate"
    assert tab.run("document.activeElement.getAttribute('role')") == "alert"
    assert tab.run("document.querySelector('#subject').value") == LEAD
    looked.at(tab, "sign-in-wrong")
    tab.press("Tab")
    assert tab.run("document.activeElement.getAttribute('href')") == "#subject"
    tab.press("Enter")
    assert tab.run("document.activeElement.id") == "subject", "the link leads to the field"
    tab.tab_to("form button")
    tab.enter()
    assert tab.run("[...document.querySelectorAll('[aria-invalid]')].map(e => e.id)") == ["password"]
    looked.at(tab, "sign-in-empty")


def test_the_code_is_asked_for_and_a_wrong_one_is_told(opened: Opened, tab: Tab, looked: Looked) -> None:
    have_account(opened.site, "enrolled@R1A", Role.TRUST_SIRO)
    tab.open(f"{opened.url}/sign-in")
    fill(tab, subject="enrolled@R1A", password=PASSWORD)
    tab.open(f"{opened.url}/account/second-factor")
    assert title(tab) == "Set up your authenticator application - reinstate"
    fill(tab, code="000 000")
    looked.at(tab, "enrol-wrong")
    device = pyotp.TOTP(str(tab.run("document.querySelector('#seed').textContent")).replace(" ", ""))
    fill(tab, code=device.now())
    tab.tab_to("form[action='/account/end-all'] button")
    tab.enter()
    assert title(tab) == "You are signed out everywhere - reinstate"
    tab.tab_to("main a")
    tab.enter()
    fill(tab, subject="enrolled@R1A", password=PASSWORD)
    looked.at(tab, "second-factor")
    fill(tab, code=device.now())
    assert title(tab) == "Error: Enter your code - reinstate", "it was used to enrol"
    looked.at(tab, "second-factor-wrong")
    tab.open(f"{opened.url}/account/password")
    assert title(tab) == "Sign in - reinstate"


def test_a_device_is_connected(opened: Opened, tab: Tab, looked: Looked) -> None:
    form = {"client_id": "reinstate-cli", "scope": "progress:read test:report"}
    begun = httpx.post(f"{opened.url}/oauth2/device_authorization", data=form, trust_env=False).json()
    tab.open(begun["verification_uri_complete"])
    fill(tab, subject=LEAD, password=PASSWORD)
    assert title(tab) == "Connect a device - reinstate"
    assert tab.run("document.querySelector('#user_code').value") == begun["user_code"]
    looked.at(tab, "device")
    tab.tab_to("form button")
    tab.enter()
    assert title(tab) == "Connect this device? - reinstate"
    assert begun["user_code"] in str(tab.run("document.body.innerText"))
    looked.at(tab, "device-decision")
    tab.tab_to("button[value=allow]")
    tab.enter()
    assert title(tab) == "The device is connected - reinstate"
    asked = {"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "device_code": begun["device_code"]}
    told = httpx.post(f"{opened.url}/oauth2/token", data=asked | {"client_id": "reinstate-cli"}, trust_env=False)
    assert told.json()["scope"] == "progress:read test:report"


def test_wherever_the_focus_is_it_is_seen(opened: Opened, tab: Tab) -> None:
    tab.open(f"{opened.url}/sign-in")
    fill(tab, subject=LEAD, password=PASSWORD)
    for path in ("/account", "/device", "/account/password"):
        tab.open(f"{opened.url}{path}")
        before = {look[0]: look[1:] for look in tab.run(LOOKS)}
        seen = set()
        for _ in range(40):
            tab.press("Tab")
            html = str(tab.run("document.activeElement.outerHTML.slice(0, 60)"))
            if html.startswith("<body") or html in seen:
                break
            seen.add(html)
            now = {look[0]: look[1:] for look in tab.run(LOOKS)}
            assert now[html] != before[html], f"{html} looks alike with and without the focus"
        assert seen == before.keys()


def test_the_pages_stay_whole_with_large_letters_and_are_not_framed(opened: Opened, tab: Tab) -> None:
    tab.open(f"{opened.url}/sign-in")
    tab.run("document.documentElement.style.fontSize = '200%'")
    assert tab.run("document.documentElement.scrollWidth") <= 1000
    framed = f"<iframe src='{opened.url}/sign-in'></iframe>"
    tab.open(f"data:text/html,{framed}")
    assert tab.refused_frames() == [f"{opened.url}/sign-in"]


def test_an_application_gets_its_code(opened: Opened, tab: Tab, looked: Looked) -> None:
    have_account(opened.site, "twice@R1A", Role.TRUST_IT)
    with listening() as application:
        asked = {
            "response_type": "code",
            "client_id": "reinstate-cli",
            "redirect_uri": f"{application.url}/callback",
            "code_challenge": "x" * 43,
            "code_challenge_method": "S256",
            "state": "s",
        }
        tab.open(str(httpx.URL(f"{opened.url}/oauth2/authorize", params=asked)))
        fill(tab, subject="twice@R1A", password=PASSWORD)
        assert title(tab) == "Allow this application? - reinstate"
        looked.at(tab, "choose")
        tab.tab_to("button[value=allow]")
        tab.enter()
        assert title(tab) == "Thank you"
        assert tab.run("document.referrer") == ""
    (came,) = [each for each in application.asked if each.startswith("/callback")]
    back = parse_qs(urlsplit(came).query)
    assert back["state"] == ["s"]
    assert back["iss"] == [opened.url]
    assert len(back["code"]) == 1


class Application(ThreadingHTTPServer):
    """An application on this machine that waits for the browser to come back."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.asked: list[str] = []


class Answering(BaseHTTPRequestHandler):
    """Answers whatever is asked, and notes it."""

    def do_GET(self) -> None:
        """Thank whoever comes back."""
        self.server.asked.append(self.path)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<title>Thank you</title>")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def listening() -> Iterator[Application]:
    """Have an application that listens."""
    with Application() as application:
        thread = Thread(target=application.serve_forever)
        thread.start()
        try:
            yield application
        finally:
            application.shutdown()
            thread.join()
