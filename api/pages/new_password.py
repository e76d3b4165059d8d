"""The pages on which a password is chosen: after one that worked once, and by whoever is signed in."""

from typing import Any

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from api.pages.desk import Asked, Desk, expired
from api.pages.entering import NEW_PASSWORD, SIGN_IN, after, sure, too_often
from api.pages.onward import HOME, leads_away, onward, step
from auth.people import browser
from auth.people.browser import Browser
from auth.people.signing_in import Entered, Gone, Unfit, Wait

CHANGE = "/account/password"


def routes(desk: Desk) -> list[HTTPRouteHandler]:
    """Return the handlers of the pages."""
    return [
        desk.shows(NEW_PASSWORD, _show),
        desk.takes(NEW_PASSWORD, _take),
        desk.shows(CHANGE, _show_change),
        desk.takes(CHANGE, _take_change),
    ]


async def _show(desk: Desk, request: Asked) -> Response[Any]:
    query = desk.query(request)
    place, acr = onward(query.get("return_to")), sure(query.get("acr"))
    at = await _renewing(desk, request)
    return _page(desk, at, place, acr) if at else desk.go(step(SIGN_IN, place, acr))


async def _take(desk: Desk, request: Asked, form: dict[str, str]) -> Response[Any]:
    place, acr = onward(form.get("return_to")), sure(form.get("acr"))
    at = desk.check_form(await _renewing(desk, request), form)
    if errors := _missing(form, "password"):
        return _page(desk, at, place, acr, errors=errors, status=400)
    done = await desk.doorway.new_password(desk.session(request), form["password"])
    if isinstance(done, Entered):
        return after(desk, request, done, place, acr)
    return _page(desk, at, place, acr, **_told(done))


async def _show_change(desk: Desk, request: Asked) -> Response[Any]:
    at = await _own(desk, request)
    return _page(desk, at, current=True) if at else desk.go(step(SIGN_IN, HOME))


async def _take_change(desk: Desk, request: Asked, form: dict[str, str]) -> Response[Any]:
    at = desk.check_form(await _own(desk, request), form)
    if errors := _missing(form, "current", "password"):
        return _page(desk, at, current=True, errors=errors, status=400)
    done = await desk.doorway.change_password(at, form["current"], form["password"], desk.visitor(request))
    if isinstance(done, Entered):
        return after(desk, request, done, HOME)
    return _page(desk, at, current=True, **_told(done))


async def _renewing(desk: Desk, request: Asked) -> Browser | None:
    async with desk.change("new password") as db:
        return await browser.find(db, desk.session(request), [browser.NEW_PASSWORD])


async def _own(desk: Desk, request: Asked) -> Browser | None:
    """Return who is signed in by a password of ours."""
    async with desk.change("password") as db:
        at = await desk.signed_in(db, request)
    return at if at and at.issuer is None else None


def _missing(form: dict[str, str], *names: str) -> dict[str, str]:
    words = {"current": "Enter your current password", "password": "Enter a new password"}
    missing = {name: words[name] for name in names if name not in form}
    differs = not missing and form.get("again") != form["password"]
    return {"again": "The two new passwords are not the same"} if differs else missing


def _told(refused: object) -> dict[str, Any]:
    if isinstance(refused, Gone):
        raise expired()
    if isinstance(refused, Wait):
        return too_often(refused, "current")
    why = {"password": refused.why} if isinstance(refused, Unfit) else {"current": "This is not your current password"}
    return {"errors": why, "status": 400}


def _page(
    desk: Desk, at: Browser, place: str = HOME, acr: str = "", *, current: bool = False, **told: Any
) -> Response[str]:
    asked: dict[str, Any] = {"csrf": at.csrf, "subject": at.subject, "return_to": place, "acr": acr, "current": current}
    action = CHANGE if current else NEW_PASSWORD
    return desk.page("new_password.html", leads_away=leads_away(place), action=action, **asked, **told)
