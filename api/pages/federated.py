"""Signing in at another issuer: a browser is sent there, and comes back signed in, or is told why not."""

import re
from typing import Any

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from api.pages.cookies import Kind
from api.pages.desk import Asked, Desk, Trouble
from api.pages.onward import onward
from auth.caller import AAL2, RECENT
from auth.federation.client import BACK
from auth.federation.login import Back, Login, NotSignedIn, Wish
from auth.federation.sign_in import LONGEST_AGO

_SECONDS = re.compile(r"[0-9]{1,5}")


def routes(desk: Desk, login: Login) -> list[HTTPRouteHandler]:
    """Return the way there and the way back."""

    async def begin(desk: Desk, request: Asked) -> Response[Any]:
        asked = desk.query(request)
        wish = Wish(onward(asked.get("return_to")), asked.get("acr") == AAL2, _max_age(asked))
        # The browser is bound by the cookie that binds its forms.
        sent = await login.begin(request.path_params["issuer_id"], wish, desk.cookies.read(request, Kind.FORM))
        if sent is None:
            raise _nobody()
        return desk.go(sent.url, desk.cookies.made(Kind.FORM, sent.cookie))

    async def back(desk: Desk, request: Asked) -> Response[Any]:
        told = desk.query(request)
        came = Back(*(told.get(name) for name in ("code", "state", "iss", "error")))
        try:
            entered = await login.finish(came, desk.cookies.read(request, Kind.FORM), desk.session(request))
        except NotSignedIn as why:
            following = "Go back to the sign-in page, and begin again there."
            raise Trouble(403, "You are not signed in", str(why), following) from why
        return desk.go(entered.return_to, desk.cookies.made(Kind.SESSION, entered.cookie))

    return [desk.shows("/sign-in/with/{issuer_id:str}", begin), desk.shows(BACK, back)]


def _max_age(asked: dict[str, str]) -> int:
    """Return how long ago the sign-in may be; a second factor counts for some minutes alone (RFC 9470)."""
    given = asked.get("max_age", "")
    named = int(given) if _SECONDS.fullmatch(given) else LONGEST_AGO
    return min(named, RECENT) if asked.get("acr") == AAL2 else named


def _nobody() -> Trouble:
    return Trouble(
        404,
        "Nobody signs you in here",
        "There is no such provider, or it is not trusted any longer.",
        "Go back to the sign-in page, and choose another way.",
    )
