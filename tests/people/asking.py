"""Authorization requests as a browser brings them, and what they are answered."""

from typing import Any
from urllib.parse import urlencode

import httpx

from tests.installed import URL
from tests.people.applications import HOME, Client
from tests.people.signed_in import Person, Pkce, came_back


def asked(person: Person, web: Client | None = None, **changes: Any) -> dict[str, str]:
    """Give a good request of the organisation's own application, with what a test changes."""
    ours = {"client_id": web.client_id, "redirect_uri": web.redirect_uri} if web else {}
    return person.request(Pkce(state="xyz"), **ours | changes)


def bring(person: Person, request: dict[str, str], more: str = "") -> httpx.Response:
    """Bring a request, and nothing else."""
    return person.get(f"/oauth2/authorize?{urlencode(request)}{more}")


def denied(answer: httpx.Response, error: str, state: str | None = "xyz", back: str = HOME) -> str:
    """Tell that a request was answered no at its client's address; return why."""
    assert answer.headers["location"].startswith(f"{back}?")
    said = came_back(answer)
    assert (said.get("error"), said.get("state"), said["iss"]) == (error, state, URL), said
    assert "code" not in said
    assert answer.headers["cache-control"] == "no-store"
    return said["error_description"]


def shown(answer: httpx.Response) -> str:
    """Tell that a person is shown a page and sent nowhere; return it."""
    assert answer.status_code == 400, answer.text[:300]
    assert "location" not in answer.headers
    assert answer.headers["content-type"].startswith("text/html")
    return answer.text
