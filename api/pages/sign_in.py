"""The sign-in page: a name and a password; or another issuer, where one is trusted."""

from typing import Any

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from api.pages.desk import Asked, Desk
from api.pages.entering import ENROL, SECOND_FACTOR, SIGN_IN, after, sure, too_often
from api.pages.onward import HOME, leads_away, onward, step
from auth.caller import AAL1, RECENT
from auth.federation.login import offered
from auth.people.signing_in import Entered, Wait
from auth.tenancy import Transaction

_WRONG = "The sign-in name and password do not match an account that may sign in"
_MISSING = {"subject": "Enter your sign-in name", "password": "Enter your password"}


def routes(desk: Desk) -> list[HTTPRouteHandler]:
    """Return the handlers of the page."""
    return [desk.shows(SIGN_IN, _show), desk.takes(SIGN_IN, _take)]


async def _show(desk: Desk, request: Asked) -> Response[Any]:
    """Show the form, or the step that is missing to a sign-in of these minutes."""
    query = desk.query(request)
    place, acr = onward(query.get("return_to")), sure(query.get("acr"))
    async with desk.change("sign-in") as db:
        at = await desk.signed_in(db, request)
        missing = await _missing_step(desk, db, request, query.get("max_age", "")) if acr else None
    if at and not query:
        return desk.go(HOME)
    return desk.go(step(missing, place, acr)) if missing else await _form(desk, request, place, acr)


async def _take(desk: Desk, request: Asked, form: dict[str, str]) -> Response[Any]:
    """Try a name and a password."""
    desk.check_strangers_form(request, form)
    place, acr, subject = onward(form.get("return_to")), sure(form.get("acr")), form.get("subject", "")
    if errors := {name: why for name, why in _MISSING.items() if name not in form}:
        return await _form(desk, request, place, acr, subject=subject, errors=errors, status=400)
    done = await desk.doorway.by_password(subject, form["password"], desk.visitor(request), desk.session(request))
    if isinstance(done, Entered):
        return after(desk, request, done, place, acr)
    told: dict[str, Any] = {"errors": {"subject": _WRONG}, "status": 400}
    if isinstance(done, Wait):
        told = too_often(done, "subject")
    return await _form(desk, request, place, acr, subject=subject, **told)


async def _missing_step(desk: Desk, db: Transaction, request: Asked, max_age: str) -> str | None:
    """Return the step that makes a sign-in by password alone sure enough, while it is young enough."""
    cookie, path = desk.session(request), SECOND_FACTOR
    at = await desk.doorway.at_second_factor(db, cookie)
    if at is None:
        path, at = ENROL, await desk.doorway.at_enrolment(db, cookie)
    if at is None or at.acr != AAL1:
        return None
    age = (await db.clock() - at.authenticated_at).total_seconds()
    return path if age <= _within(max_age) else None


def _within(max_age: str) -> int:
    spelt = max_age.isascii() and max_age.isdecimal() and len(max_age) < 6  # noqa: PLR2004 - more is no limit
    return min(int(max_age), RECENT) if spelt else RECENT


async def _form(desk: Desk, request: Asked, place: str, acr: str, *, subject: str = "", **told: Any) -> Response[str]:
    csrf, cookie = desk.strangers_form(request)
    async with desk.change("sign-in") as db:
        issuers = await offered(db)
    ways = [{"name": each.name, "address": step(f"{SIGN_IN}/with/{each.id}", place, acr)} for each in issuers]
    asked: dict[str, Any] = {"csrf": csrf, "return_to": place, "acr": acr, "subject": subject, "issuers": ways}
    return desk.page("sign_in.html", cookies=(cookie,), leads_away=leads_away(place), **asked, **told)
