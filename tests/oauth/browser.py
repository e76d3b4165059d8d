"""A browser as small as can be: it keeps cookies, follows redirects, and posts a page's form."""

from html.parser import HTMLParser
from typing import Self
from urllib.parse import urljoin

import httpx


class Form(HTMLParser):
    """The first form of a page: where it goes, and what is in it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action: str | None = None
        self.fields: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Note the form, or a field of it."""
        told = dict(attributes)
        if tag == "form" and self.action is None:
            self.action = told.get("action") or ""
        elif tag == "input" and (name := told.get("name")):
            self.fields[name] = told.get("value") or ""


class Browser:
    """A person's browser."""

    def __init__(self) -> None:
        self.http = httpx.Client(trust_env=False, timeout=30)

    def __enter__(self) -> Self:
        """Open it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it, and forget its cookies."""
        self.http.close()

    def open(self, url: str, until: str = "\n") -> httpx.Response:
        """Go to an address and wherever it leads, but not to one that begins with `until`."""
        return self._follow(self.http.get(url), until)

    def submit(self, page: httpx.Response, until: str = "\n", **fields: str) -> httpx.Response:
        """Post a page's form, with these fields changed."""
        form = Form(page.text)
        assert form.action is not None, page.text
        return self._follow(self.http.post(urljoin(str(page.url), form.action), data=form.fields | fields), until)

    def redirected(self, url: str, to: str) -> str:
        """Go to an address, and give the one that the browser is sent `to` in the end."""
        answer = self.open(url, to)
        assert answer.next_request, answer.text
        return str(answer.next_request.url)

    def _follow(self, answer: httpx.Response, until: str) -> httpx.Response:
        for _ in range(20):
            if answer.next_request is None or str(answer.next_request.url).startswith(until):
                return answer
            answer = self.http.send(answer.next_request)
        raise AssertionError(f"{answer.url} leads on and on")
