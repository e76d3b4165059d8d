"""A person at a browser, who goes through our own pages as they come: sign-in, new password, second factor, consent."""

import re
import time
from dataclasses import dataclass, field
from html import unescape
from typing import Any
from urllib.parse import urljoin

import httpx
import pyotp

from tests.oauth.browser import Browser, Form
from tests.oauth.node import Node

VIEWER = {"query": "{ viewer { subject roles organisation { odsCode } } }"}
BACK = "http://127.0.0.1:9/callback"
SIGN_IN, NEW_PASSWORD = "/sign-in", "/sign-in/new-password"
ENROL, SECOND_FACTOR = "/sign-in/enrol", "/sign-in/second-factor"
CONSENT, DEVICE, CONNECT = "/oauth2/authorize/decision", "/device", "/device/decision"
STEP = 30  # seconds that a code of the second factor is for


@dataclass
class Account:
    """What a person knows and has: the name, the password that is good now, and the device once it is set up."""

    subject: str
    password: str
    device: pyotp.TOTP | None = None
    _last: int = 0

    def choose(self) -> str:
        """Choose a new password."""
        self.password = f"a new one for {self.subject}"
        return self.password

    def code(self) -> str:
        """Give the device's next code: one a step, of the three that are taken at any time."""
        now = int(time.time()) // STEP
        self._last = max(now - 1, self._last + 1)
        assert self.device
        assert self._last <= now + 1, "no code is left to this account for some seconds"
        return self.device.generate_otp(self._last)


@dataclass
class Walker(Browser):
    """The browser of a person who signs in by an account of ours, or by the provider called `by`."""

    account: Account | None = None
    by: str = ""
    organisation: str = "R1A"
    decision: str = "allow"
    walked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Open the browser."""
        super().__init__()

    def through(self, url: str, until: str = BACK) -> str:
        """Go to an address, and through every page that comes; give the address that is not ours in the end."""
        answer = self.open(url, until)
        while answer.next_request is None:
            answer = self.fill(answer, until)
        return str(answer.next_request.url)

    def stays(self, url: str) -> httpx.Response:
        """Go to an address, and through every page that comes, to the one that asks for nothing."""
        page = self.open(url)
        while Form(page.text).action is not None:
            page = self.fill(page)
        return page

    def fill(self, page: httpx.Response, until: str = "\n") -> httpx.Response:
        """Fill in a page of ours as this person does, and go where it leads."""
        action = Form(page.text).action
        assert page.status_code == 200, page.text
        assert action in {SIGN_IN, NEW_PASSWORD, ENROL, SECOND_FACTOR, CONSENT, DEVICE, CONNECT}, page.text
        self.walked.append(action)
        if action == SIGN_IN and self.by:
            return self.open(urljoin(str(page.url), link_to(page, self.by)), until)
        return self.submit(page, until, **self._fields(action, page))

    def _fields(self, action: str, page: httpx.Response) -> dict[str, str]:
        if action in {CONSENT, CONNECT}:
            assert self.organisation in organisations_on(page), page.text
            return {"organisation": self.organisation, "decision": self.decision}
        account = self.account
        if action == DEVICE or account is None:
            return {}
        if action == SIGN_IN:
            return {"subject": account.subject, "password": account.password}
        if action == NEW_PASSWORD:
            password = account.choose()
            return {"password": password, "again": password}
        if action == ENROL:
            account.device = pyotp.TOTP(seed_on(page))
        return {"code": account.code()}


def link_to(page: httpx.Response, name: str) -> str:
    """Give the address by which the sign-in page offers a provider."""
    found = re.search(rf'href="([^"]+)">Sign in with {re.escape(name)}<', page.text)
    assert found, page.text
    return unescape(found[1])


def organisations_on(page: httpx.Response) -> set[str]:
    """Give the organisations among which a page lets people choose."""
    return set(re.findall(r'name="organisation" value="([A-Z0-9]+)"', page.text))


def seed_on(page: httpx.Response) -> str:
    """Give the seed that the page shows which sets a device up."""
    found = re.search(r'id="seed">([^<]+)<', page.text)
    assert found, page.text
    return unescape(found[1]).replace(" ", "")


def answered(node: Node, library: str, walker: Walker, /, **asked: Any) -> dict[str, Any]:
    """Have a client send a person to authorize it; give all that `code` is asked with the answer."""
    asked = {"redirect_uri": BACK} | asked
    begun = node.got("code", library, **asked)
    return asked | {"answered": walker.through(begun["url"]), "held": begun["held"]}


def signed_in(node: Node, library: str, walker: Walker, /, **asked: Any) -> dict[str, Any]:
    """Sign a person in at a client by code, and give the tokens."""
    return node.got("code", library, **answered(node, library, walker, **asked))


def asks(node: Node, who: dict[str, Any], token: str, body: Any = VIEWER, library: str = "oauth4webapi") -> Any:
    """Ask at the API as a client does; give the data."""
    answer = node.got("dpop", library, **who, url=f"{who['issuer']}/graphql", body=body, access_token=token)
    assert (answer["status"], "errors" in answer["body"]) == (200, False), answer
    return answer["body"]["data"]
