"""The cookies of a browser: who is signed in, which forms are its own, who signed in there before."""

import enum
from typing import Any

from litestar import Request
from litestar.datastructures import Cookie

from auth.tokens.issuer import Issuer

_DAY = 86_400


class Kind(enum.StrEnum):
    """What a cookie is for."""

    SESSION = "reinstate"
    FORM = "reinstate-form"  # before anybody is signed in: what its forms are bound to
    KNOWN = "reinstate-known"


class Cookies:
    """Reads and makes them: bound to this very host by their name, and hidden from scripts and other sites.

    On http at loopback there is no Secure, which not every client honours there, and so no `__Host-` either.
    """

    def __init__(self, issuer: Issuer) -> None:
        self._secure = issuer.base_url.startswith("https:")

    def name(self, kind: Kind) -> str:
        """Return a cookie's name."""
        return f"__Host-{kind}" if self._secure else kind.value

    def read(self, request: Request[Any, Any, Any], kind: Kind) -> str | None:
        """Return the value of a cookie that came with a request; one that came twice is none."""
        name = self.name(kind)
        found = [
            value.strip().strip('"')
            for header in request.headers.getall("cookie", [])
            for each, _, value in [pair.partition("=") for pair in header.split(";")]
            if each.strip() == name
        ]
        return found[0] if len(found) == 1 else None

    def made(self, kind: Kind, value: str, days: int | None = None) -> Cookie:
        """Return a cookie to set; without days it goes when the browser is closed."""
        age = days * _DAY if days is not None else None
        return Cookie(self.name(kind), value=value, max_age=age, **self._flags)

    def gone(self, kind: Kind) -> Cookie:
        """Return the cookie that takes one away."""
        return self.made(kind, "", 0)

    @property
    def _flags(self) -> dict[str, Any]:
        return {"path": "/", "secure": self._secure, "httponly": True, "samesite": "lax"}
