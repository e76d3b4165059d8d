"""What a request for authorization comes to: a sign-in first, a choice, or a code."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from sqlalchemy import insert

from auth.caller import AAL2
from auth.grants import code as codes
from auth.grants import pushed
from auth.grants.authorize import NOT_BEFORE, Denied, Unanswerable, Wanted, read
from auth.grants.granted import offer
from auth.grants.tables import AuthorizationCode
from auth.people.browser import Browser
from auth.people.standing import Standing, standing_of
from auth.scope import PERSONAL, Scope
from auth.server.waiting import Waiting
from auth.tokens.issuer import Issuer
from auth.tokens.secret import hashed, new_secret
from schema.people.api_client import CLIENT_ID

PATH = "/oauth2/authorize"
REFUSED = ""  # what a person chooses who chooses no organisation
SIGN_IN = "/sign-in"
PATIENCE = 1800  # seconds that a person may take to sign in and decide, for a request that was pushed
LONGEST = 1900  # of a request in an address: it goes to the sign-in page, and to an issuer, within another


@dataclass(frozen=True)
class Sent:
    """The browser is sent on: to sign in, or back to the client with an answer."""

    location: str


@dataclass(frozen=True)
class Choice:
    """An organisation that the person may choose, and what the application would be given there."""

    standing: Standing
    scopes: frozenset[Scope]


@dataclass(frozen=True)
class Ask:
    """The person is asked: for which organisation, and whether at all; `request` comes back with the decision."""

    wanted: Wanted
    choices: list[Choice]
    request: str

    @property
    def must_confirm(self) -> bool:
        """Whether it is asked even of who can speak for one organisation alone."""
        return _must_ask(self.wanted, self.choices[0])

    @property
    def scopes(self) -> list[Scope]:
        """What the application would be given at most, whichever is chosen."""
        return sorted(frozenset[Scope]().union(*(each.scopes for each in self.choices)))


@dataclass(frozen=True)
class Arrived:
    """A browser that brings a request; `twice` are the parameters that it brings more than once."""

    given: Mapping[str, str]
    twice: frozenset[str] = frozenset()
    browser: Browser | None = None


def arrive(db: Waiting, issuer: Issuer, arrived: Arrived, decided: str | None = None) -> Sent | Ask:
    """Say how a request goes on; `decided` is the organisation that its person chose, or REFUSED."""
    try:
        wanted = _read(db, issuer, arrived)
        if arrived.browser is None or not _known_enough(wanted, arrived.browser, db.now()):
            return _to_sign_in(db, wanted)
        return _answered(db, wanted, arrived.browser, decided)
    except Denied as denied:
        return Sent(denied.location)


def _answered(db: Waiting, wanted: Wanted, browser: Browser, decided: str | None) -> Sent | Ask:
    if decided == REFUSED:
        raise Denied(wanted.back, "access_denied", "The person refused")
    choices = _choices(db, wanted, browser, decided)
    if decided is None and (len(choices) > 1 or _must_ask(wanted, choices[0])):
        if "none" in wanted.prompts:
            raise Denied(wanted.back, "interaction_required", "The person must choose or confirm")
        return Ask(wanted, choices, _once_more(db, wanted, {}))
    return _give(db, wanted, browser, choices[0])


def _read(db: Waiting, issuer: Issuer, arrived: Arrived) -> Wanted:
    request_uri, client_id = arrived.given.get("request_uri"), arrived.given.get("client_id", "")
    if request_uri is None:
        return read(db, issuer, arrived.given, arrived.twice)
    found = pushed.taken(db, client_id, request_uri) if CLIENT_ID.fullmatch(client_id) and not arrived.twice else None
    if found is None:
        raise Unanswerable("This request was used before, or is too old; begin again at the application.")
    return replace(read(db, issuer, found), pushed=True)


def _known_enough(wanted: Wanted, browser: Browser, now: dt.datetime) -> bool:
    if "login" in wanted.prompts or (wanted.acr == AAL2 and browser.acr != AAL2):
        return False
    if wanted.not_before is not None and browser.authenticated_at < wanted.not_before:
        return False
    return wanted.max_age is None or (now - browser.authenticated_at).total_seconds() <= wanted.max_age


def _to_sign_in(db: Waiting, wanted: Wanted) -> Sent:
    """Send the browser to sign in, and then back here, where it must be known since then, but not asked once more."""
    if "none" in wanted.prompts:
        raise Denied(wanted.back, "login_required", "The person must sign in")
    changed: dict[str, str | None] = {"prompt": " ".join(sorted(wanted.prompts - {"login"})) or None}
    age = 0 if "login" in wanted.prompts else wanted.max_age
    if age is not None:
        since = db.now().timestamp() - age
        changed |= {"max_age": None, NOT_BEFORE: str(max(0, int(since * 1000)))}
    asked = {"return_to": f"{PATH}?{_once_more(db, wanted, changed)}"}
    asked |= {"acr": AAL2} if wanted.acr == AAL2 else {}
    asked |= {"max_age": str(age)} if age is not None else {}
    return Sent(f"{SIGN_IN}?{urlencode(asked)}")


def _once_more(db: Waiting, wanted: Wanted, changed: Mapping[str, str | None]) -> str:
    """Return the query that brings the request again; what was pushed stays with us, under a new name."""
    given = {name: value for name, value in {**wanted.given, **changed}.items() if value is not None}
    if wanted.pushed:
        given = {"client_id": given["client_id"], "request_uri": pushed.keep(db, given, PATIENCE)}
    return urlencode(given)


def _choices(db: Waiting, wanted: Wanted, browser: Browser, decided: str | None) -> list[Choice]:
    """Return what the person may choose from here, or has chosen; never nothing."""
    among = {wanted.organisation, decided} - {None}
    found = db.wait(lambda transaction: standing_of(transaction, browser))
    fit = [each for each in found if wanted.application.serves(each.tenant_ods)]
    named = [each for each in fit if among <= {each.tenant_ods}]
    if not named:
        raise Denied(wanted.back, "access_denied", "The person may not speak for such an organisation here")
    offered = [Choice(each, offer(wanted.scope, each, wanted.application)) for each in named]
    choices = [each for each in offered if each.scopes]
    if not choices:
        raise Denied(wanted.back, "invalid_scope", "None of the scope is this person's at this application")
    return choices


def _must_ask(wanted: Wanted, choice: Choice) -> bool:
    """Tell whether the person must confirm: for somebody else's application, and one that anything here may pose as.

    And for what is personal: else an administrator's own application would decide as whoever follows a link to it.
    """
    if wanted.prompts & {"consent", "select_account"} or choice.scopes & PERSONAL:
        return True
    return wanted.application.loopback or wanted.application.tenant_ods != choice.standing.tenant_ods


def _give(db: Waiting, wanted: Wanted, browser: Browser, choice: Choice) -> Sent:
    code, standing = new_secret(), choice.standing
    values = {
        "code_hash": hashed(code),
        "client_id": wanted.application.client_id,
        "scopes": sorted(scope.value for scope in choice.scopes),
        "expires_at": db.now() + dt.timedelta(seconds=codes.LIFE),
        "subject": browser.subject,
        "tenant_ods": standing.tenant_ods,
        "roles": sorted(role.value for role in standing.roles),
        "issuer": browser.issuer,
        "acr": browser.acr,
        "authenticated_at": browser.authenticated_at,
        "redirect_uri": wanted.back.redirect_uri,
        "challenge": wanted.challenge,
        "jkt": wanted.jkt,
    }
    db.write(insert(AuthorizationCode).values(values))
    return Sent(wanted.back.location(code=code))
