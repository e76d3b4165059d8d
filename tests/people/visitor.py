"""A browser that signs in at a provider: it keeps its cookies, and is sent there and back; and the site it does so at."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx

from api.database import embedded
from auth.caller import SignIn
from auth.people import browser
from auth.people.browser import Browser
from auth.people.standing import standing_of
from schema.people.account import Role
from schema.people.issuer import Issuer
from tests.installed import Site
from tests.people.answering import answering
from tests.people.provider import Provider, mapped, register, site_with_issuers, unique
from tests.people.signed_in import COOKIE

BACK = "/sign-in/back"
WANTED = f"/oauth2/authorize?{urlencode({'client_id': 'reinstate-cli', 'state': 'a b&c'})}"


class Visitor:
    """A browser that keeps cookies."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.cookies: dict[str, str] = {}

    def get(self, path: str) -> httpx.Response:
        """Open an address of ours."""
        return self.site.runner.run(self.aget(path))

    async def aget(self, path: str) -> httpx.Response:
        """Open an address of ours."""
        sent = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        self.site.http.cookies.clear()  # those of others
        answer = await self.site.http.get(path, headers={"Cookie": sent} if sent else {})
        for line in answer.headers.get_list("set-cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value.strip('"')
            assert all(flag in line for flag in ("Path=/", "Secure", "HttpOnly", "SameSite=lax")), line
        return answer

    def sent(self, issuer: Issuer, **asked: str) -> dict[str, str]:
        """Begin; return what the provider is asked."""
        answer = self.get(f"/sign-in/with/{issuer.id}?{urlencode({'return_to': WANTED} | asked)}")
        assert answer.status_code == 303, answer.text
        url = urlsplit(answer.headers["location"])
        assert f"{url.scheme}://{url.netloc}{url.path}" == issuer.authorization_endpoint
        pairs = parse_qsl(url.query, keep_blank_values=True)
        assert len(dict(pairs)) == len(pairs)
        return dict(pairs)

    def back(self, provider: Provider, request: dict[str, str], **person: Any) -> httpx.Response:
        """Be signed in there as somebody, and come back."""
        code = provider.code_for(request, **person)
        return self.get(f"{BACK}?{urlencode({'code': code, 'state': request['state'], 'iss': provider.iss})}")

    def sign_in(self, provider: Provider, issuer: Issuer, asked: dict[str, str] | None = None, **person: Any) -> str:
        """Sign in; return where it leads."""
        answer = self.back(provider, self.sent(issuer, **(asked or {})), **person)
        assert answer.status_code == 303, answer.text
        return str(answer.headers["location"])

    def refused(self, provider: Provider, issuer: Issuer, why: str, **person: Any) -> None:
        """Hold that a sign-in is refused, and why; nobody is signed in."""
        answer = self.back(provider, self.sent(issuer), **person)
        assert answer.status_code == 403, answer.text
        assert why in answer.text, answer.text
        assert COOKIE not in self.cookies

    def who(self) -> Browser | None:
        """Return who is signed in."""

        async def find() -> Browser | None:
            async with self.site.database.change(SignIn(), "test") as db:
                return await browser.find(db, self.cookies.get(COOKIE))

        return self.site.runner.run(find())

    def standing(self) -> dict[str, set[str]]:
        """Return whom the one who is signed in may speak for."""

        async def ask() -> dict[str, set[str]]:
            async with self.site.database.change(SignIn(), "test") as db:
                found = await browser.find(db, self.cookies.get(COOKIE))
                assert found
                return {each.tenant_ods: set(each.roles) for each in await standing_of(db, found)}

        return self.site.runner.run(ask())


class World(SimpleNamespace):
    """A site, a web server, and a provider of one trust's whose codes are mapped."""

    site: Site
    provider: Provider
    issuer: Issuer

    def run(self, work: Any) -> Any:
        """Run what is asynchronous."""
        return self.site.runner.run(work)

    def new(self, ods_code: str = "R1A", *codes: tuple[str, Role], alg: str = "ES256", **stated: Any) -> Any:
        """Have a provider with mappings; return it with its row."""
        provider = Provider(self.server, unique(), alg)
        issuer = self.run(register(self.site, provider, ods_code, **stated))
        for code, role in codes or (("T1 it", Role.TRUST_IT),):
            self.run(mapped(self.site, issuer, role, code))
        return provider, issuer

    def visitor(self) -> Visitor:
        """Return a browser."""
        return Visitor(self.site)


@contextmanager
def a_trust(cluster: embedded.Server) -> Iterator[World]:
    """Have a site with one trust's provider."""
    with answering() as server, site_with_issuers(cluster) as site:
        found = World(site=site, server=server)
        found.provider, found.issuer = found.new()
        yield found
