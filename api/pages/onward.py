"""Where a person goes on to after signing in: places of ours alone, never an address somebody else made up."""

import re
from urllib.parse import urlencode

HOME, ANEW = "/account", "/account/second-factor"
LONGEST = 4_000
_QUERY = r"\?[A-Za-z0-9._~%!$&'()*+,;=:@/?-]*"
_PLACES = re.compile(rf"/oauth2/authorize{_QUERY}|/device({_QUERY})?|{HOME}|{ANEW}")


def onward(given: str | None) -> str:
    """Return the place that was asked for when it is one of ours, the account page for anything else."""
    return given if given and len(given) <= LONGEST and _PLACES.fullmatch(given) else HOME


def leads_away(place: str) -> bool:
    """Tell whether a place sends people on to an application elsewhere."""
    return place.startswith("/oauth2/")


def step(path: str, place: str, acr: str = "") -> str:
    """Return the address of a step of signing in, which remembers where to go afterwards."""
    remembered = {name: value for name, value in (("return_to", place), ("acr", acr)) if value and value != HOME}
    return f"{path}?{urlencode(remembered)}" if remembered else path
