"""What every page is made with: the browser's cookies, forms that are its own, and one look."""

import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import cached_property
from hmac import compare_digest
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from litestar import MediaType, Request, Response, get, post
from litestar.datastructures import Cookie
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler
from litestar.response import Redirect

from api.graphql.failure import failure_of
from api.http.refusal import request_id
from api.pages import look
from api.pages.cookies import Cookies, Kind
from api.pages.look import Trouble, expired
from auth.caller import SignIn
from auth.people import browser
from auth.people.browser import Browser
from auth.people.passwords import BusyError
from auth.people.signing_in import Doorway
from auth.people.throttle import Visitor
from auth.server.form import LARGEST_FORM, MOST_FIELDS, FormPost, Refused, read_form
from auth.tenancy import Database, Transaction
from auth.tokens.issuer import Issuer
from auth.tokens.sealing import is_marked, mark
from auth.tokens.secret import BITS_256, new_secret

__all__ = ["Asked", "Desk", "Trouble", "expired"]

log = logging.getLogger("reinstate.pages")

Asked = Request[Any, Any, Any]

_OURS = ("same-origin", "none")  # whence a form may come (Sec-Fetch-Site); none: sent again by the person
_LONGEST_QUERY = 8_000


@dataclass(frozen=True)
class Desk:
    """Where pages are made: the database, ourselves, and whether this is a demonstration."""

    database: Database
    issuer: Issuer
    demonstration: bool = False

    @cached_property
    def doorway(self) -> Doorway:
        """Where people sign in."""
        return Doorway(self.database, self.issuer)

    @cached_property
    def cookies(self) -> Cookies:
        """The browser's cookies."""
        return Cookies(self.issuer)

    def shows(self, path: str, show: "Show") -> HTTPRouteHandler:
        """Return the route of a page."""

        async def shown(request: Asked) -> Response[Any]:
            return await show(self, request)

        return get(path, **self._limits)(shown)

    def meets(self, path: str, show: "Show") -> HTTPRouteHandler:
        """Return the route of a form that other sites send browsers with."""

        async def shown(request: Asked) -> Response[Any]:
            return await show(self, request)

        return post(path, **self._limits)(shown)

    def takes(self, path: str, take: "Take") -> HTTPRouteHandler:
        """Return the route of a form; whose form it is, `take` checks first."""

        async def taken(request: Asked) -> Response[Any]:
            return await take(self, request, await self.form(request))

        return post(path, **self._limits)(taken)

    def change(self, what: str) -> AbstractAsyncContextManager[Transaction]:
        """Open a transaction as sign-in."""
        return self.database.change(SignIn(), f"page {what}")

    def session(self, request: Asked) -> str | None:
        """Return the cookie of who is signed in, or is about to be."""
        return self.cookies.read(request, Kind.SESSION)

    async def signed_in(self, db: Transaction, request: Asked) -> Browser | None:
        """Return who is signed in in the browser that asks."""
        return await browser.find(db, self.session(request))

    def visitor(self, request: Asked) -> Visitor:
        """Return where a request comes from."""
        address = request.client.host if request.client else None
        return Visitor(address, self.cookies.read(request, Kind.KNOWN))

    def query(self, request: Asked) -> dict[str, str]:
        """Return what an address asks for; nothing of one that cannot be read, or says something twice."""
        text = request.scope["query_string"]
        try:
            pairs = parse_qsl(text.decode("ascii"), errors="strict", max_num_fields=MOST_FIELDS)
        except ValueError:
            return {}
        fields = dict(pairs)
        fit = len(text) <= _LONGEST_QUERY and len(fields) == len(pairs)
        return {name: value for name, value in fields.items() if value.isprintable()} if fit else {}

    async def form(self, request: Asked) -> dict[str, str]:
        """Return the fields of a form that was posted from our own pages; whose it is, is to be checked yet."""
        self._check_origin(request)
        kind, query = request.headers.get("content-type", ""), request.scope["query_string"]
        sent = FormPost("POST", kind, query, await request.body(), request_id(request))
        try:
            return read_form(sent)
        except Refused as refused:
            raise _unreadable(refused.status) from refused

    def strangers_form(self, request: Asked) -> tuple[str, Cookie]:
        """Return what a form carries before anybody is signed in, and the cookie that it is bound to."""
        held = self.cookies.read(request, Kind.FORM)
        own = held if held and BITS_256.fullmatch(held) else new_secret()
        return mark(self.issuer.key, "form", own), self.cookies.made(Kind.FORM, own)

    def check_strangers_form(self, request: Asked, form: dict[str, str]) -> None:
        """Refuse a form that was made for another browser (login CSRF)."""
        held = self.cookies.read(request, Kind.FORM) or ""
        if not BITS_256.fullmatch(held) or not is_marked(form.get("csrf", ""), self.issuer.key, "form", held):
            raise expired()

    def check_form(self, at: Browser | None, form: dict[str, str]) -> Browser:
        """Return whose form it is; refuse one that was made for another sign-in (CSRF)."""
        if at is None or not compare_digest(form.get("csrf", "").encode(), at.csrf.encode()):
            raise expired()
        return at

    def page(
        self,
        template: str,
        *,
        status: int = 200,
        cookies: tuple[Cookie, ...] = (),
        leads_away: bool = False,
        headers: dict[str, str] | None = None,
        **shown: Any,
    ) -> Response[str]:
        """Return a page; one whose form may end at an application elsewhere `leads_away`."""
        text = look.rendered(template, {"errors": {}, "demonstration": self.demonstration} | shown)
        sent = look.headers(leads_away=leads_away) | (headers or {})
        return Response(text, status_code=status, media_type=MediaType.HTML, headers=sent, cookies=list(cookies))

    def go(self, place: str, *cookies: Cookie) -> Redirect:
        """Send a browser on by GET."""
        return Redirect(place, status_code=303, headers=look.headers(), cookies=list(cookies))

    def trouble(self, request: Asked, trouble: Trouble) -> Response[str]:
        """Return the page that tells what happened and what to do next."""
        again = {"Retry-After": "1"} if trouble.status == 503 else None  # noqa: PLR2004 - a status is its own name
        known = request_id(request)
        return self.page("error.html", status=trouble.status, headers=again, trouble=trouble, reference=known)

    @property
    def _limits(self) -> dict[str, Any]:
        told = {Trouble: self.trouble, HTTPException: self._unreadable, Exception: self._failed}
        return {"status_code": 200, "request_max_body_size": LARGEST_FORM, "exception_handlers": told}

    def _check_origin(self, request: Asked) -> None:
        site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
        base = urlsplit(self.issuer.base_url)
        # A page that sends no referrer sends `Origin: null`; then the browser's own word decides, or the token alone.
        foreign = origin not in (None, "null", f"{base.scheme}://{base.netloc}")
        if site not in _OURS if site is not None else foreign:
            raise expired()

    def _unreadable(self, request: Asked, error: HTTPException) -> Response[str]:
        return self.trouble(request, _unreadable(error.status_code))

    def _failed(self, request: Asked, error: Exception) -> Response[str]:
        known, failure = request_id(request), failure_of(error)
        away = isinstance(error, BusyError) or failure.retryable
        log.log(
            logging.WARNING if away else logging.ERROR, "request %s failed", known, exc_info=None if away else error
        )
        return self.trouble(request, _busy() if away else _broken())


Show = Callable[[Desk, Asked], Awaitable[Response[Any]]]
Take = Callable[[Desk, Asked, dict[str, str]], Awaitable[Response[Any]]]


def _unreadable(status: int) -> Trouble:
    what = "It is too large." if status == 413 else "It is not as our page sends it."  # noqa: PLR2004 - as above
    return Trouble(status, "We cannot read this form", f"{what} Nothing was done.", "Go back and try again.")


def _busy() -> Trouble:
    happened = "Too many people ask at this moment, or the database is away. Nothing was kept."
    return Trouble(503, "We cannot answer now", happened, "Try again in a few seconds.")


def _broken() -> Trouble:
    return Trouble(500, "Something went wrong", "This failed on our side and nothing was kept.", "Try again.")
