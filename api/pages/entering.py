"""What follows a step of signing in: the next step, the place somebody was on the way to, or the form again."""

from typing import Any

from litestar import Response

from api.pages.cookies import Kind
from api.pages.desk import Asked, Desk
from api.pages.onward import step
from auth.caller import AAL1, AAL2
from auth.people.signing_in import Entered, Wait
from auth.people.throttle import KNOWN_DAYS, remembered

SIGN_IN, SECOND_FACTOR = "/sign-in", "/sign-in/second-factor"
ENROL, NEW_PASSWORD = "/sign-in/enrol", "/sign-in/new-password"
_MINUTES_FROM = 90  # seconds


def after(desk: Desk, request: Asked, done: Entered, place: str, acr: str = "") -> Response[str]:
    """Send a browser on after a step that was done; the cookie is new with every step (fixation)."""
    cookie = desk.cookies.made(Kind.SESSION, done.cookie)
    if done.left:
        return desk.go(step(f"{SIGN_IN}/{done.left}", place, acr), cookie)
    known = remembered(desk.issuer.key, done.browser.subject, desk.cookies.read(request, Kind.KNOWN))
    cookies = cookie, desk.cookies.made(Kind.KNOWN, known, KNOWN_DAYS)
    if acr == AAL2 and done.browser.acr == AAL1:
        return desk.go(step(ENROL, place), *cookies)
    return desk.go(place, *cookies)


def sure(given: str | None) -> str:
    """Return how sure a sign-in is asked for, where the address says it in our words."""
    return AAL2 if given == AAL2 else ""


def too_often(wait: Wait, field: str) -> dict[str, Any]:
    """Return how a form is answered to somebody who tried too often."""
    long = f"{-(-wait.seconds // 60)} minutes" if wait.seconds > _MINUTES_FROM else f"{wait.seconds} seconds"
    errors = {field: f"There were too many tries. Wait {long}, then try again."}
    return {"errors": errors, "status": 429, "headers": {"Retry-After": str(wait.seconds)}}
