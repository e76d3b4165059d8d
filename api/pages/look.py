"""The one look of every page: its template, style and headers; and what is wrong when there is no page to show."""

import datetime as dt
import hashlib
from base64 import b64encode
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from api.pages import words
from schema.kept.instant import LONDON

_FOLDER = Path(__file__).parent / "templates"
_LONDON = ZoneInfo(LONDON)
_STYLE = (_FOLDER / "style.css").read_text(encoding="utf-8")
_STYLE_HASH = f"sha256-{b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}"
_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Trouble(Exception):  # noqa: N818 - it is what a person is told, not what went wrong
    """A page that cannot be shown: what happened, and what to do next."""

    def __init__(self, status: int, title: str, happened: str, following: str) -> None:
        super().__init__(title)
        self.status, self.title, self.happened, self.following = status, title, happened, following


def expired() -> Trouble:
    """Return: a form that is not this browser's own, or no longer."""
    return Trouble(
        403,
        "This page has expired",
        "The form was open for too long, was sent before, or your browser does not keep cookies. Nothing was done.",
        "Go back to the start and try again. If it happens again, allow cookies for this site.",
    )


def rendered(template: str, shown: dict[str, Any]) -> str:
    """Return a page's text; whatever is shown in it is escaped."""
    return _PAGES.get_template(template).render(shown)


def headers(*, leads_away: bool = False) -> dict[str, str]:
    """Return the headers of every page: never kept, never framed, no script; a form may lead out where it must."""
    # Chromium holds form-action against every redirect after a form, so it cannot name where an application lives.
    forms = "" if leads_away else "form-action 'self'; "
    policy = f"default-src 'none'; style-src '{_STYLE_HASH}'; {forms}frame-ancestors 'none'; base-uri 'none'"
    return _HEADERS | {"Content-Security-Policy": policy}


def in_london(instant: dt.datetime) -> str:
    """Return an instant as it is told here: 4 August 2022, 06:00."""
    there = instant.astimezone(_LONDON)
    return f"{there.day} {there:%B %Y, %H:%M}"


_PAGES = Environment(
    loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
_PAGES.globals["style"] = Markup(_STYLE)  # noqa: S704 - our own file
_PAGES.filters |= {"london": in_london, "words": words.of}
