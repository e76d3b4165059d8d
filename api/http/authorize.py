"""Authorization over HTTP: a browser brings an application's request and goes back to it with a code, or with a no."""

from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from api.pages.desk import Asked, Desk, Trouble
from auth.grants import consent
from auth.grants.authorize import Unanswerable
from auth.grants.consent import LONGEST, PATH, REFUSED, Arrived, Ask, Sent
from auth.people.browser import Browser
from auth.server.form import FORM_TYPE, MOST_FIELDS
from auth.server.waiting import waiting
from auth.tenancy import Transaction

DECISION = f"{PATH}/decision"


def routes(desk: Desk) -> list[HTTPRouteHandler]:
    """Return the handlers of the authorization endpoint."""
    return [desk.shows(PATH, _authorize), desk.meets(PATH, _authorize), desk.takes(DECISION, _decide)]


async def _authorize(desk: Desk, request: Asked) -> Response[Any]:
    """Take an application's request from a browser."""
    text = await _brought(request)
    async with desk.change("authorize") as db:
        browser = await desk.signed_in(db, request)
        following = await _following(desk, db, _arrived(text, browser))
    return desk.go(following.location) if isinstance(following, Sent) else _choose(desk, following, browser)


async def _decide(desk: Desk, request: Asked, form: dict[str, str]) -> Response[Any]:
    """Take what the person decided, and send the browser back with it; ask again where nothing was chosen."""
    organisation = form.get("organisation") if form.get("decision") == "allow" else REFUSED
    async with desk.change("authorize") as db:
        browser = desk.check_form(await desk.signed_in(db, request), form)
        following = await _following(desk, db, _arrived(form.get("request", ""), browser), organisation)
    if isinstance(following, Sent):
        return desk.go(following.location)
    return _choose(desk, following, browser, {"organisation": "Select an organisation"})


async def _following(desk: Desk, db: Transaction, arrived: Arrived, decided: str | None = None) -> Sent | Ask:
    try:
        return await waiting(db, lambda db: consent.arrive(db, desk.issuer, arrived, decided))
    except Unanswerable as error:
        raise _unanswerable(str(error)) from error


async def _brought(request: Asked) -> str:
    """Return the request that a browser brings: in the address, or as a form (RFC 6749, 3.1)."""
    query = request.scope["query_string"]
    if request.method == "GET":
        return query.decode("latin-1")
    if query or request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM_TYPE:
        raise _unanswerable(f"A request that is posted must be {FORM_TYPE}, with nothing in the address.")
    return (await request.body()).decode("latin-1")


def _arrived(text: str, browser: Browser | None) -> Arrived:
    """Return the request in a query; an empty parameter counts as absent (RFC 6749, 3.1)."""
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError as error:
        raise _unanswerable("The request cannot be read: it must be in UTF-8, with at most 20 parameters.") from error
    if any("\x00" in name + value for name, value in pairs):
        raise _unanswerable("The request holds a NUL character.")
    names = [name for name, _ in pairs]
    given = {name: value for name, value in pairs if value}
    if len(urlencode(given)) > LONGEST:
        raise _unanswerable(f"The request is longer than {LONGEST} characters; push it first (RFC 9126).")
    return Arrived(given, frozenset(name for name in names if names.count(name) > 1), browser)


def _choose(desk: Desk, asked: Ask, browser: Browser | None, errors: dict[str, str] | None = None) -> Response[str]:
    wanted = asked.wanted
    return desk.page(
        "choose.html",
        leads_away=True,
        errors=errors or {},
        subject=browser.subject if browser else "",
        csrf=browser.csrf if browser else "",
        fields={"request": asked.request},
        client_id=wanted.application.client_id,
        third_party=asked.must_confirm,
        redirect_host=urlsplit(wanted.back.redirect_uri).netloc,
        standings=[each.standing for each in asked.choices],
        chosen=wanted.organisation or "",
        scopes=asked.scopes,
    )


def _unanswerable(why: str) -> Trouble:
    """Return what the person is told, where no application can be told."""
    return Trouble(400, "This request cannot be answered", why, "Go back to the application and begin again.")
