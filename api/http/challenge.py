"""What an answer of 401 asks for, as WWW-Authenticate (RFC 6750, 9449 and 9470)."""

from api.graphql.failure import STEP_UP
from auth.caller import AAL2, RECENT
from auth.grants.dpop import ALGORITHMS
from auth.tokens.access_token import Unauthenticated

_ALGS = ("algs", " ".join(ALGORITHMS))
_REALM = ("realm", "reinstate")


def _asks(scheme: str, *parameters: tuple[str, str]) -> str:
    given = parameters if scheme == "Bearer" else (*parameters, _ALGS)
    return f"{scheme} " + ", ".join(f'{name}="{value}"' for name, value in given)


ANY = f"{_asks('Bearer', _REALM)}, {_asks('DPoP', _REALM)}"  # for whoever sent no token


def refused(error: Unauthenticated) -> str:
    """Return what is asked of whoever sent a token that is not let in."""
    return _asks(error.scheme, _REALM, ("error", error.code), ("error_description", error.description))


def step_up(scheme: str) -> str:
    """Return what is asked of a person who decides without having signed in surely and lately."""
    name = "DPoP" if scheme == "dpop" else "Bearer"
    error = ("error", "insufficient_user_authentication"), ("error_description", STEP_UP)
    return _asks(name, *error, ("acr_values", AAL2), ("max_age", str(RECENT)))
