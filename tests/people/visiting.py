"""Somebody at a browser: its cookies, the forms of our pages filled in and sent, and an account to sign in by."""

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from html.parser import HTMLParser
from typing import Any

import httpx
import pyotp
import uuid_utils.compat
from sqlalchemy import func, insert, text, update
from sqlmodel import col, select

from api.database import embedded
from auth.caller import Operator, SignIn
from auth.people import passwords, second_factor
from auth.people.tables import Credential, OneTimePassword
from schema.people.account import Account, Role, home_of
from tests.conftest import clone
from tests.installed import URL, Site
from tests.people.signed_in import join
from tests.stage import Stage

LEAD = "it.lead@R1A"
PASSWORD = "blue kettle north 91"
FAR, NEAR = "9.9.9.9", "81.2.69.160"


@contextmanager
def open_site(cluster: embedded.Server) -> Iterator[Site]:
    """Have a site on a database of its own."""
    with asyncio.Runner() as runner:
        site = Site(Stage(cluster, clone(cluster)).url, runner)
        yield site
        site.close()


class Page(HTMLParser):
    """The first form of a page: where it goes, and what it carries."""

    def __init__(self, answer: httpx.Response) -> None:
        super().__init__()
        self.action = ""
        self.fields: dict[str, str] = {}
        self._over = False
        self.feed(answer.text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Note the form, and what it carries by itself."""
        told = dict(attributes)
        if tag == "form" and not self.action:
            self.action = told.get("action") or ""
        elif tag == "input" and not self._over and told.get("name") and _is_chosen(told):
            self.fields[str(told["name"])] = told.get("value") or ""

    def handle_endtag(self, tag: str) -> None:
        """Note the end of the form."""
        self._over = self._over or tag == "form"


def _is_chosen(told: dict[str, str | None]) -> bool:
    return told.get("type") != "radio" or "checked" in told


class Visit:
    """A browser of one person's, from some address."""

    def __init__(self, site: Site, address: str = NEAR) -> None:
        self.site = site
        transport = httpx.ASGITransport(site.app, raise_app_exceptions=False, client=(address, 50_000))
        self.http = httpx.AsyncClient(transport=transport, base_url=URL, timeout=30)

    def get(self, path: str, **asked: Any) -> httpx.Response:
        """Open a page."""
        return self.site.runner.run(self.http.get(path, **asked))

    def post(self, path: str, fields: dict[str, str], **headers: str) -> httpx.Response:
        """Send a form, whatever is in it."""
        return self.site.runner.run(self.http.post(path, data=fields, headers=headers))

    def fill(self, page: httpx.Response, **fields: str) -> httpx.Response:
        """Fill in a page's first form and send it."""
        form = Page(page)
        return self.post(form.action, form.fields | fields)

    def follow(self, answer: httpx.Response) -> httpx.Response:
        """Go where an answer leads, as long as it leads on within the site."""
        for _ in range(10):
            if answer.status_code != 303 or not answer.headers["location"].startswith("/"):
                return answer
            answer = self.get(answer.headers["location"])
        raise AssertionError("it leads on and on")

    def sign_in(self, subject: str = LEAD, password: str = PASSWORD, path: str = "/sign-in") -> httpx.Response:
        """Sign in as far as a password goes, and follow."""
        return self.follow(self.fill(self.get(path), subject=subject, password=password))

    def cookie(self, name: str = "__Host-reinstate") -> str | None:
        """Give the value of a cookie."""
        return self.http.cookies.get(name)


def have_account(site: Site, subject: str = LEAD, *roles: Role, password: str | None = PASSWORD) -> None:
    """Have an account, with a password that was chosen."""
    site.runner.run(join(site, subject, home_of(subject), roles))
    if password is not None:
        site.runner.run(_choose(site, subject, password))


async def _choose(site: Site, subject: str, password: str) -> None:
    kept = await passwords.hashed(password)
    async with site.database.change(SignIn(), "test") as db:
        await db.write(insert(Credential).values(subject=subject, password_hash=kept))


def give_one_time_password(site: Site, subject: str = LEAD, *, lasting: str = "1 hour") -> str:
    """Give a one-time password, as an administrator does."""
    given = passwords.new_one_time_password()

    async def give() -> None:
        kept = await passwords.hashed(given)
        row = {"tenant_ods": home_of(subject), "id": uuid_utils.compat.uuid7(), "subject": subject}
        now = func.clock_timestamp()
        until = now + text(f"interval '{lasting}'")
        async with site.database.change(Operator(home_of(subject)), "test") as db:
            await db.write(insert(OneTimePassword).values(**row, password_hash=kept, made_at=now, expires_at=until))

    site.runner.run(give())
    return given


def enrol(site: Site, subject: str = LEAD) -> pyotp.TOTP:
    """Have a second factor, and give its device."""
    seed = second_factor.new_seed()

    async def work() -> None:
        sealed = second_factor.sealed_seed(seed, subject, site.issuer)
        async with site.database.change(SignIn(), "test") as db:
            mine = col(Credential.subject) == subject
            await db.write(update(Credential).where(mine).values(totp_sealed=sealed, totp_step=None))

    site.runner.run(work())
    return pyotp.TOTP(seed)


def credential(site: Site, subject: str = LEAD) -> Credential | None:
    """Give what is kept of a person's secrets."""

    async def work() -> Credential | None:
        async with site.database.transaction(SignIn(), "test", read_only=True) as db:
            return await db.one(select(Credential).where(col(Credential.subject) == subject))

    return site.runner.run(work())


def run_sql(site: Site, *statements: Any) -> None:
    """Change something as sign-in."""

    async def work() -> None:
        async with site.database.change(SignIn(), "test") as db:
            for statement in statements:
                await db.write(statement)

    site.runner.run(work())


def suspend(site: Site, subject: str = LEAD) -> None:
    """Suspend an account."""

    async def work() -> None:
        async with site.database.change(Operator(home_of(subject)), "test") as db:
            await db.write(update(Account).where(col(Account.subject) == subject).values(status="SUSPENDED", version=2))

    site.runner.run(work())


def seed_on(page: httpx.Response) -> str:
    """Give the seed that an enrolment page shows."""
    found = re.search(r'id="seed">([^<]+)<', page.text)
    assert found, page.text
    return unescape(found[1]).replace(" ", "")


def title_of(page: httpx.Response) -> str:
    """Give a page's title."""
    found = re.search(r"<title>([^<]*)</title>", page.text)
    assert found, page.text
    return unescape(found[1])
