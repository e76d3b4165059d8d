"""The account page: who one is, for whom, where one is signed in; and the ways out."""

from typing import Any

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from api.pages.cookies import Kind
from api.pages.desk import Asked, Desk
from api.pages.entering import SIGN_IN
from api.pages.onward import HOME, step
from auth.people import browser, own_sessions
from auth.people.credentials import is_enrolled
from auth.people.standing import standing_of


def routes(desk: Desk) -> list[HTTPRouteHandler]:
    """Return the handlers of the account page."""
    return [
        desk.shows(HOME, _show),
        desk.takes(f"{HOME}/end", _end),
        desk.takes(f"{HOME}/end-all", _end_all),
        desk.takes("/sign-out", _sign_out),
    ]


async def _show(desk: Desk, request: Asked) -> Response[Any]:
    async with desk.change("account") as db:
        at = await desk.signed_in(db, request)
        if at is None:
            return desk.go(step(SIGN_IN, HOME))
        told: dict[str, Any] = {
            "standings": await standing_of(db, at),
            "enrolled": await is_enrolled(db, at.subject),
            "sessions": await own_sessions.listed(db, at),
        }
    known: dict[str, Any] = {"subject": at.subject, "csrf": at.csrf, "issuer": at.issuer, "acr": at.acr}
    return desk.page("account.html", **known, authenticated_at=at.authenticated_at, **told)


async def _end(desk: Desk, request: Asked, form: dict[str, str]) -> Response[Any]:
    """End one of one's own sessions."""
    async with desk.change("end session") as db:
        at = desk.check_form(await desk.signed_in(db, request), form)
        await own_sessions.end(db, at.subject, form.get("session", ""))
    return desk.go(HOME)


async def _end_all(desk: Desk, request: Asked, form: dict[str, str]) -> Response[Any]:
    async with desk.change("end sessions") as db:
        at = desk.check_form(await desk.signed_in(db, request), form)
        await own_sessions.end_all(db, at.subject)
    return _out(desk, "You are signed out everywhere", "Every browser is signed out, and applications stop now.")


async def _sign_out(desk: Desk, request: Asked, form: dict[str, str]) -> Response[Any]:
    async with desk.change("sign out") as db:
        at = desk.check_form(await browser.find(db, desk.session(request), browser.ANY), form)
        await browser.end(db, at.id_hash)
    return _out(desk, "You are signed out", "This browser is signed out. Applications stay signed in until they end.")


def _out(desk: Desk, title: str, text: str) -> Response[str]:
    gone = (desk.cookies.gone(Kind.SESSION),)
    return desk.page("done.html", cookies=gone, title=title, text=text, link=SIGN_IN, link_text="Sign in again")
