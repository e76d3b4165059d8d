"""A person for a test: account, memberships and a browser that is signed in, straight in the database."""

import asyncio
import base64
import hashlib
import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import unescape
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import httpx
from sqlalchemy import func, insert
from sqlmodel import col, select

from api.database import embedded
from auth.caller import AAL1, AAL2, Operator, SignIn
from auth.people.tables import BrowserSession
from auth.tenancy import Transaction
from auth.tokens.secret import hashed, new_secret
from schema.people.account import Account, Membership, Role, home_of
from tests.conftest import clone
from tests.installed import Site
from tests.stage import Stage

CLI = "reinstate-cli"
BACK = "http://127.0.0.1:8123/callback"
COOKIE = "__Host-reinstate"


@contextmanager
def site_for_people(cluster: embedded.Server) -> Iterator[Site]:
    """Have a site on a database of its own."""
    with asyncio.Runner() as runner:
        site = Site(Stage(cluster, clone(cluster)).url, runner)
        yield site
        site.close()


async def warm(site: Site) -> None:
    """Have connections open for many at once: a race that waits for its connections is none."""
    nobodys = {"grant_type": "refresh_token", "client_id": CLI, "refresh_token": "A" * 43}
    await asyncio.gather(*(site.http.post("/oauth2/token", data=nobodys) for _ in range(20)))


@dataclass
class Pkce:
    """What a client keeps of a request until its code comes back."""

    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    state: str = field(default_factory=lambda: secrets.token_urlsafe(12))

    @property
    def challenge(self) -> str:
        """The verifier's SHA-256 in base64url."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")


class Person:
    """A person at a browser of its own, who speaks for one organisation; `a…` are awaited, the rest are not."""

    def __init__(self, site: Site, subject: str, organisation: str | None = None, *roles: Role) -> None:
        self.site = site
        self.subject = subject
        self.organisation = organisation or home_of(subject)
        self.cookies: dict[str, str] = {}
        site.runner.run(join(site, subject, self.organisation, roles))

    def sign_in(self, acr: str = AAL2, ago: int = 0) -> str:
        """Be signed in in the browser, `ago` seconds ago; return the cookie's value."""
        return self.site.runner.run(self.asign_in(acr, ago))

    async def asign_in(self, acr: str = AAL2, ago: int = 0) -> str:
        """Be signed in in the browser, straight in the database."""
        cookie, csrf = new_secret(), new_secret()
        self.csrf = csrf
        now = func.clock_timestamp()
        row = {"id_hash": hashed(cookie), "subject": self.subject, "roles": [], "acr": acr, "csrf": csrf}
        row |= {"authenticated_at": now - func.make_interval(0, 0, 0, 0, 0, 0, ago), "started_at": now}
        async with self.site.database.change(SignIn(), "test") as db:
            await db.write(insert(BrowserSession).values(**row, expires_at=now + func.make_interval(0, 0, 0, 0, 12)))
        self.cookies = {COOKIE: cookie}
        return cookie

    def tokens(self, scope: str | None = None, acr: str = AAL2, **asked: Any) -> dict[str, Any]:
        """Sign in, authorize, and return the token endpoint's answer (access_token, refresh_token, scope …)."""
        return self.site.runner.run(self.atokens(scope, acr, **asked))

    async def atokens(self, scope: str | None = None, acr: str = AAL2, **asked: Any) -> dict[str, Any]:
        """Sign in, authorize, and return the token endpoint's answer."""
        await self.asign_in(acr)
        pkce = Pkce()
        answer = await self.aredeem(await self.acode(pkce, scope=scope, **asked), pkce, **_at_token(asked))
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    def token(self, scope: str | None = None, acr: str = AAL2, **asked: Any) -> str:
        """Sign in and return an access token."""
        return str(self.tokens(scope, acr, **asked)["access_token"])

    def code(self, pkce: Pkce, **asked: Any) -> str:
        """Authorize with the browser as it is, confirm if asked to, and return the code."""
        return self.site.runner.run(self.acode(pkce, **asked))

    async def acode(self, pkce: Pkce, **asked: Any) -> str:
        """Authorize with the browser as it is, confirm if asked to, and return the code."""
        answer = await self.aauthorize(**self.request(pkce, **asked))
        back = came_back(answer)
        assert "code" in back, (answer.status_code, back, answer.text[:500])
        assert back["state"] == pkce.state
        return back["code"]

    def request(self, pkce: Pkce, **asked: Any) -> dict[str, str]:
        """Return the parameters of a good authorization request, with what a test changes; None leaves out."""
        ours = {
            "response_type": "code",
            "client_id": CLI,
            "redirect_uri": BACK,
            "code_challenge": pkce.challenge,
            "code_challenge_method": "S256",
            "state": pkce.state,
            "organisation": self.organisation,
        }
        return {name: str(value) for name, value in (ours | asked).items() if value is not None}

    def authorize(self, **request: str) -> httpx.Response:
        """Ask at the authorization endpoint, confirm if asked to, and return the last answer."""
        return self.site.runner.run(self.aauthorize(**request))

    async def aauthorize(self, **request: str) -> httpx.Response:
        """Ask at the authorization endpoint, confirm if asked to, and return the last answer."""
        answer = await self.aget(f"/oauth2/authorize?{urlencode(request)}")
        if answer.status_code == 200 and "/oauth2/authorize/decision" in answer.text:
            fields = {**hidden_fields(answer.text), "organisation": self.organisation, "decision": "allow"}
            answer = await self.apost("/oauth2/authorize/decision", fields)
        return answer

    def get(self, path: str) -> httpx.Response:
        """Open a page in the browser."""
        return self.site.runner.run(self.aget(path))

    async def aget(self, path: str) -> httpx.Response:
        """Open a page in the browser."""
        return await self.site.http.get(path, headers=self._cookie())

    def post(self, path: str, fields: dict[str, str]) -> httpx.Response:
        """Send a form from the browser."""
        return self.site.runner.run(self.apost(path, fields))

    async def apost(self, path: str, fields: dict[str, str]) -> httpx.Response:
        """Send a form from the browser."""
        return await self.site.http.post(path, data=fields, headers=self._cookie())

    def _cookie(self) -> dict[str, str]:
        return {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())} if self.cookies else {}

    def redeem(self, code: str, /, pkce: Pkce, headers: dict[str, str] | None = None, **form: Any) -> httpx.Response:
        """Bring a code to the token endpoint, as the client."""
        return self.site.runner.run(self.aredeem(code, pkce, headers, **form))

    async def aredeem(
        self, code: str, /, pkce: Pkce, headers: dict[str, str] | None = None, **form: Any
    ) -> httpx.Response:
        """Bring a code to the token endpoint, as the client."""
        ours = {"grant_type": "authorization_code", "code": code, "code_verifier": pkce.verifier}
        ours |= {"client_id": CLI, "redirect_uri": BACK}
        return await self.site.http.post("/oauth2/token", data=_given(ours | form), headers=headers)

    def refresh(self, refresh_token: str, /, headers: dict[str, str] | None = None, **form: Any) -> httpx.Response:
        """Bring a refresh token to the token endpoint, as the client."""
        return self.site.runner.run(self.arefresh(refresh_token, headers, **form))

    async def arefresh(
        self, refresh_token: str, /, headers: dict[str, str] | None = None, **form: Any
    ) -> httpx.Response:
        """Bring a refresh token to the token endpoint, as the client."""
        ours = {"grant_type": "refresh_token", "refresh_token": refresh_token, "client_id": CLI}
        return await self.site.http.post("/oauth2/token", data=_given(ours | form), headers=headers)


async def join(site: Site, subject: str, organisation: str, roles: Sequence[Role]) -> None:
    """Have an account with roles in an organisation; without roles, those it has."""
    async with site.database.change(Operator(home_of(subject)), "test account") as db:
        if await db.one(select(Account).where(col(Account.subject) == subject)) is None:
            await db.keep(Account(**db.made, subject=subject))
    async with site.database.change(Operator(organisation), "test membership") as db:
        for role in roles:
            await _member(db, subject, role)


async def _member(db: Transaction, subject: str, role: Role) -> None:
    await db.keep(Membership(**db.made, subject=subject, role=role))


def came_back(answer: httpx.Response) -> dict[str, str]:
    """Return what an answer sends back to the client by its redirect; each parameter comes once."""
    assert answer.status_code in {302, 303}, (answer.status_code, answer.text[:500])
    query = urlsplit(answer.headers["location"]).query
    pairs = parse_qsl(query, keep_blank_values=True)
    assert len(dict(pairs)) == len(pairs), query
    return dict(pairs)


def sent_to(answer: httpx.Response) -> tuple[str, dict[str, str]]:
    """Return the path that an answer redirects to within the site, and its parameters."""
    assert answer.status_code in {302, 303}, (answer.status_code, answer.text[:500])
    parts = urlsplit(answer.headers["location"])
    assert not parts.netloc, answer.headers["location"]
    return parts.path, {name: values[0] for name, values in parse_qs(parts.query).items()}


def hidden_fields(page: str) -> dict[str, str]:
    """Return the hidden fields of a page's form."""
    fields = re.findall(r"<input[^>]*type=\"hidden\"[^>]*>", page)
    named = [(re.search(r'name="([^"]*)"', each), re.search(r'value="([^"]*)"', each)) for each in fields]
    return {unescape(name[1]): unescape(value[1]) for name, value in named if name and value}


def _given(form: dict[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in form.items() if value is not None}


def _at_token(asked: dict[str, Any]) -> dict[str, Any]:
    return {name: asked[name] for name in ("client_id", "redirect_uri") if name in asked}


__all__ = ["AAL1", "AAL2", "BACK", "CLI", "Person", "Pkce", "Role", "came_back", "hidden_fields", "sent_to"]
