"""The second factor's pages: its code, and its enrolment by a picture to scan and a first code."""

from typing import Any

from litestar import Response
from litestar.handlers import HTTPRouteHandler
from markupsafe import Markup

from api.pages.desk import Asked, Desk, expired
from api.pages.entering import ENROL, SECOND_FACTOR, SIGN_IN, after, sure, too_often
from api.pages.onward import ANEW, HOME, leads_away, onward, step
from auth.caller import AAL2
from auth.people import second_factor
from auth.people.browser import Browser
from auth.people.credentials import is_enrolled
from auth.people.signing_in import Entered, Gone, Wait

_NONE = "Enter the 6 digits that your application shows"
_WRONG = "This code is wrong, too old, or was used before; wait for the next one"


def routes(desk: Desk) -> list[HTTPRouteHandler]:
    """Return the handlers of the pages."""
    return [
        desk.shows(SECOND_FACTOR, _show_code),
        desk.takes(SECOND_FACTOR, _take_code),
        desk.shows(ENROL, _show_seed),
        desk.shows(ANEW, _anew),
        desk.takes(ENROL, _take_seed),
    ]


async def _show_code(desk: Desk, request: Asked) -> Response[Any]:
    query = desk.query(request)
    place, acr = onward(query.get("return_to")), sure(query.get("acr"))
    async with desk.change("second factor") as db:
        at = await desk.doorway.at_second_factor(db, desk.session(request))
    return _code_page(desk, at, place, acr) if at else desk.go(step(SIGN_IN, place, acr))


async def _take_code(desk: Desk, request: Asked, form: dict[str, str]) -> Response[Any]:
    place, acr = onward(form.get("return_to")), sure(form.get("acr"))
    async with desk.change("second factor") as db:
        at = desk.check_form(await desk.doorway.at_second_factor(db, desk.session(request)), form)
    if "code" not in form:
        return _code_page(desk, at, place, acr, errors={"code": _NONE}, status=400)
    done = await desk.doorway.by_code(desk.session(request), form["code"], desk.visitor(request))
    if isinstance(done, Entered):
        return after(desk, request, done, place, acr)
    if isinstance(done, Gone):
        raise expired()
    if isinstance(done, Wait):
        return _code_page(desk, at, place, acr, **too_often(done, "code"))
    return _code_page(desk, at, place, acr, errors={"code": _WRONG}, status=400)


def _code_page(desk: Desk, at: Browser, place: str, acr: str, **told: Any) -> Response[str]:
    asked: dict[str, Any] = {"csrf": at.csrf, "subject": at.subject, "return_to": place, "acr": acr}
    return desk.page("second_factor.html", leads_away=leads_away(place), **asked, **told)


async def _show_seed(desk: Desk, request: Asked) -> Response[Any]:
    place = onward(desk.query(request).get("return_to"))
    async with desk.change("enrol") as db:
        at = await desk.doorway.at_enrolment(db, desk.session(request))
    if at is None:
        return desk.go(step(SIGN_IN, place, AAL2))
    seed = second_factor.new_seed()
    return _seed_page(desk, at, place, (seed, second_factor.sealed_seed(seed, at.subject, desk.issuer)))


async def _anew(desk: Desk, request: Asked) -> Response[Any]:
    """Enrol from the account page, after a sign-in of these minutes by whatever there is to prove."""
    async with desk.change("enrol") as db:
        if await desk.doorway.at_enrolment(db, desk.session(request)):
            return desk.go(ENROL)
        at = await desk.signed_in(db, request)
        return desk.go(step(SIGN_IN, ANEW if at and await is_enrolled(db, at.subject) else HOME, AAL2))


async def _take_seed(desk: Desk, request: Asked, form: dict[str, str]) -> Response[Any]:
    place, sealed = onward(form.get("return_to")), form.get("sealed", "")
    async with desk.change("enrol") as db:
        at = desk.check_form(await desk.doorway.at_enrolment(db, desk.session(request)), form)
    seed = second_factor.opened_seed(sealed, at.subject, desk.issuer)
    if seed is None:
        raise expired()
    done = await desk.doorway.enrol(desk.session(request), sealed, form.get("code", ""))
    if isinstance(done, Entered):
        return after(desk, request, done, place)
    if isinstance(done, Gone):
        raise expired()
    errors = {"code": _WRONG if "code" in form else _NONE}
    return _seed_page(desk, at, place, (seed, sealed), errors=errors, status=400)


def _seed_page(desk: Desk, at: Browser, place: str, offered: tuple[str, str], **told: Any) -> Response[str]:
    seed, sealed = offered
    spelt = " ".join(seed[i : i + 4] for i in range(0, len(seed), 4))
    picture = Markup(second_factor.picture(seed, at.subject))  # noqa: S704 - drawn by segno from what we made
    asked: dict[str, Any] = {"csrf": at.csrf, "return_to": place, "seed": spelt, "sealed": sealed, "picture": picture}
    return desk.page("enrol.html", leads_away=leads_away(place), **asked, **told)
