"""The page on which a person connects a device or command line by the code that it shows (RFC 8628)."""

import datetime as dt
from typing import Any
from urllib.parse import urlencode

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from api.pages.desk import Asked, Desk
from api.pages.entering import SIGN_IN, too_often
from api.pages.onward import onward, step
from auth.caller import AAL2, RECENT
from auth.grants.device import WaitingDevice, decide, find_waiting
from auth.grants.granted import Granted, givable
from auth.people import throttle
from auth.people.browser import Browser
from auth.people.signing_in import Wait
from auth.people.standing import Standing, standing_of
from auth.scope import PERSONAL, Scope
from auth.tenancy import Transaction

DEVICE = "/device"
_NO_CODE = "Enter the code that the device shows"
_UNKNOWN = "No device waits with this code. Check it; a code works for 10 minutes, once"
_NOBODY = "You hold no role in an organisation that may use this application"


def routes(desk: Desk) -> list[HTTPRouteHandler]:
    """Return the handlers of the page."""
    return [
        desk.shows(DEVICE, _show),
        desk.takes(DEVICE, _take_code),
        desk.takes(f"{DEVICE}/decision", _take_decision),
    ]


async def _show(desk: Desk, request: Asked) -> Response[Any]:
    query = desk.query(request)
    async with desk.change("device") as db:
        at = await desk.signed_in(db, request)
    if at is None:
        return desk.go(step(SIGN_IN, _here(query)))
    return _page(desk, at, query)


async def _take_code(desk: Desk, request: Asked, form: dict[str, str]) -> Response[Any]:
    """Show what the device asks for; acts that decide are given to a sign-in of these minutes alone."""
    async with desk.change("device") as db:
        at = desk.check_form(await desk.signed_in(db, request), form)
        found = await _found(db, at, form.get("user_code", ""))
        if not isinstance(found, WaitingDevice):
            return _page(desk, at, form, **found)
        standings = _served(found, await standing_of(db, at))
        if not standings:
            return _page(desk, at, form, errors={"user_code": _NOBODY}, status=403)
        if _decides(found, standings) and not await _may_decide(db, at):
            return desk.go(step(SIGN_IN, _here(form), AAL2))
    return _ask(desk, at, found, standings, chosen=form.get("organisation", ""))


async def _take_decision(desk: Desk, request: Asked, form: dict[str, str]) -> Response[Any]:
    """Note what the person decided; the device learns it when it asks again."""
    approve = form.get("decision") == "allow"
    async with desk.change("device") as db:
        at = desk.check_form(await desk.signed_in(db, request), form)
        found = await _found(db, at, form.get("user_code", ""))
        if not isinstance(found, WaitingDevice):
            return _page(desk, at, form, **found)
        standings = _served(found, await standing_of(db, at))
        chosen = next((each for each in standings if each.tenant_ods == form.get("organisation")), None)
        if approve and chosen is None:
            return _ask(desk, at, found, standings, errors={"organisation": "Select an organisation"}, status=400)
        granted = _granted(at, chosen, found) if approve and chosen else None
        if not await decide(db, found.user_code, approve, granted):
            return _page(desk, at, form, errors={"user_code": _UNKNOWN}, status=400)
    title = "The device is connected" if approve else "The device is not connected"
    text = "Go back to it; it goes on by itself." if approve else "It gets nothing. You can close this page."
    return desk.page("done.html", title=title, text=text, link="/account", link_text="Your account")


async def _found(db: Transaction, at: Browser, user_code: str) -> WaitingDevice | dict[str, Any]:
    """Return the device that waits with a code, or how the page is answered; codes typed in vain are counted."""
    if not user_code:
        return {"errors": {"user_code": _NO_CODE}, "status": 400}
    counted = throttle.own_bucket("device", at.subject)
    if wait := await throttle.take(db, counted):
        return too_often(Wait(wait), "user_code")
    device = await find_waiting(db, user_code)
    if device is None:
        return {"errors": {"user_code": _UNKNOWN}, "status": 400}
    await throttle.succeeded(db, counted)
    return device


def _served(device: WaitingDevice, standings: list[Standing]) -> list[Standing]:
    return [each for each in standings if device.application.serves(each.tenant_ods) and _scopes(device, each)]


def _scopes(device: WaitingDevice, standing: Standing) -> frozenset[Scope]:
    return device.scopes & givable(standing, device.application)


def _decides(device: WaitingDevice, standings: list[Standing]) -> bool:
    return any(_scopes(device, each) & PERSONAL for each in standings)


async def _may_decide(db: Transaction, at: Browser) -> bool:
    """Tell whether a sign-in is sure and recent enough; an issuer's is as sure as it is."""
    recent = (await db.clock() - at.authenticated_at).total_seconds() <= RECENT
    return at.issuer is not None or (at.acr == AAL2 and recent)


def _granted(at: Browser, standing: Standing, device: WaitingDevice) -> Granted:
    scopes, since = _scopes(device, standing), at.authenticated_at.astimezone(dt.UTC)
    return Granted(at.subject, standing.tenant_ods, standing.roles, scopes, at.acr, since, at.issuer)


def _here(asked: dict[str, str]) -> str:
    """Return the address of this page with what it was opened with."""
    kept: dict[str, str] = {name: asked[name] for name in ("user_code", "organisation") if name in asked}
    return onward(f"{DEVICE}?{urlencode(kept)}" if kept else DEVICE)


def _page(desk: Desk, at: Browser, asked: dict[str, str], **told: Any) -> Response[str]:
    known: dict[str, Any] = {"user_code": asked.get("user_code", ""), "organisation": asked.get("organisation", "")}
    return desk.page("device.html", csrf=at.csrf, subject=at.subject, **known, **told)


def _ask(
    desk: Desk, at: Browser, device: WaitingDevice, standings: list[Standing], *, chosen: str = "", **told: Any
) -> Response[str]:
    scopes = sorted(frozenset().union(*(_scopes(device, each) for each in standings)))
    asked: dict[str, Any] = {"user_code": device.user_code, "client_id": device.application.client_id}
    asked |= {"standings": standings, "chosen": chosen, "scopes": scopes, "csrf": at.csrf, "subject": at.subject}
    return desk.page("device_decision.html", **asked, **told)
