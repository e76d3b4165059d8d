"""An authorization request (RFC 6749, 4.1.1): read strictly, before anybody is asked to sign in for it.

Authlib's own reading is not used: it takes PKCE or leaves it, and it repeats what was asked in errors that must be
ASCII without quotes, so that a redirect_uri with a quote in it fails on our side.
"""

import datetime as dt
import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

from auth.caller import AAL1, AAL2
from auth.grants.applications import Application, find
from auth.grants.granted import spelt
from auth.server.form import Refused
from auth.server.request import fits, foreign
from auth.server.waiting import Waiting
from auth.tokens.issuer import Issuer
from auth.tokens.secret import BITS_256
from schema.kept.text import ODS

NOT_BEFORE = "signed_in_after"  # ours: what max_age and prompt=login come to once somebody was sent to sign in
LONGEST_STATE = 1000
PROMPTS = {"consent", "login", "none", "select_account"}

_STATE = re.compile(rf"[ -~]{{1,{LONGEST_STATE}}}")
_NUMBER = re.compile(r"[0-9]{1,15}")


class Unanswerable(Exception):  # noqa: N818 - it names what is so
    """A request whose sender is not known, so that its browser is sent nowhere: it is shown a page."""


class Denied(Exception):  # noqa: N818 - it names what is so
    """A request that is answered no, at its client's address."""

    def __init__(self, back: "Back", error: str, description: str) -> None:
        super().__init__(description)
        self.error = error
        self.location = back.location(error=error, error_description=description)


@dataclass(frozen=True)
class Back:
    """Where the answer goes: a client's address that was found good, its state, and who answers (RFC 9207)."""

    redirect_uri: str
    state: str | None
    iss: str

    def location(self, **answer: str) -> str:
        """Return the address with an answer in it."""
        state = {} if self.state is None else {"state": self.state}
        joint = "&" if urlsplit(self.redirect_uri).query else "?"
        return f"{self.redirect_uri}{joint}{urlencode({**answer, **state, 'iss': self.iss})}"


@dataclass(frozen=True)
class Wanted:
    """A request that is fit to be answered; `not_before` is since when the person must have signed in."""

    application: Application
    back: Back
    challenge: str
    scope: str | None
    acr: str
    prompts: frozenset[str]
    max_age: int | None
    not_before: dt.datetime | None
    organisation: str | None
    jkt: str | None
    given: Mapping[str, str] = field(repr=False)
    pushed: bool = False


def read(db: Waiting, issuer: Issuer, given: Mapping[str, str], twice: AbstractSet[str] = frozenset()) -> Wanted:
    """Return what is wanted, or raise `Unanswerable` or `Denied`."""
    application = None if {"client_id", "redirect_uri"} & twice else find(db, given.get("client_id"))
    redirect_uri = given.get("redirect_uri", "")
    if application is None or not application.returns_to(redirect_uri):
        raise Unanswerable("No application by this client_id comes back to this redirect_uri; both must be given.")
    state = given.get("state")
    known = state is not None and "state" not in twice and _STATE.fullmatch(state)
    back = Back(redirect_uri, state if known else None, issuer.base_url)
    try:
        _check_once(given, twice)
        return _wanted(issuer, application, back, given)
    except Refused as refused:
        raise Denied(back, refused.error, refused.description) from refused


def _check_once(given: Mapping[str, str], twice: AbstractSet[str]) -> None:
    if twice:
        raise Refused("A parameter is given more than once")
    _matching(_STATE, given, "state", f"at most {LONGEST_STATE} visible characters")


def _wanted(issuer: Issuer, application: Application, back: Back, given: Mapping[str, str]) -> Wanted:
    _check_kind(issuer, given)
    spelt(given.get("scope"))
    after = _matching(_NUMBER, given, NOT_BEFORE, "a number")
    max_age = _matching(_NUMBER, given, "max_age", "a number of seconds")
    return Wanted(
        application,
        back,
        _challenge(given),
        given.get("scope"),
        _acr(given.get("acr_values")),
        _prompts(given.get("prompt")),
        None if max_age is None else int(max_age),
        None if after is None else dt.datetime.fromtimestamp(min(int(after), 10**14) / 1000, dt.UTC),
        _matching(ODS, given, "organisation", "an ODS code"),
        _matching(BITS_256, given, "dpop_jkt", "a key's SHA-256 thumbprint in base64url"),
        given,
    )


def _check_kind(issuer: Issuer, given: Mapping[str, str]) -> None:
    if "response_type" not in given:
        raise Refused("response_type is missing")
    if given["response_type"] != "code":
        raise Refused("response_type must be code", error="unsupported_response_type")
    if given.get("response_mode", "query") != "query":
        raise Refused("response_mode must be query")
    if "request" in given:
        raise Refused("Push the request instead (RFC 9126)", error="request_not_supported")
    if not fits(issuer, given.get("resource")):
        raise Refused(foreign(issuer), error="invalid_target")


def _challenge(given: Mapping[str, str]) -> str:
    challenge = given.get("code_challenge")
    if challenge is None:
        raise Refused("code_challenge is missing; every client needs PKCE (RFC 7636)")
    if given.get("code_challenge_method") != "S256":
        raise Refused("code_challenge_method must be S256")
    if not BITS_256.fullmatch(challenge):
        raise Refused("code_challenge must be a SHA-256 in base64url, 43 characters")
    return challenge


def _acr(values: str | None) -> str:
    """Return the first level asked for that there is; asking for none is asking for any (RFC 9470, 5)."""
    if values is None:
        return AAL1
    found = next((each for each in values.split(" ") if each in {AAL1, AAL2}), None)
    if found is None:
        raise Refused("acr_values names no level there is: aal1, aal2", error="unmet_authentication_requirements")
    return found


def _prompts(prompt: str | None) -> frozenset[str]:
    prompts = frozenset((prompt or "").split(" ")) - {""}
    if not prompts <= PROMPTS or ("none" in prompts and len(prompts) > 1):
        raise Refused("prompt must be none, or of consent, login and select_account")
    return prompts


def _matching(pattern: re.Pattern[str], given: Mapping[str, str], name: str, what: str) -> str | None:
    value = given.get(name)
    if value is not None and not pattern.fullmatch(value):
        raise Refused(f"{name} must be {what}")
    return value
