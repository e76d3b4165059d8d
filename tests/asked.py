"""Requests made by hand, and what every answer must have."""

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from api.database import embedded
from tests.conftest import clone
from tests.installed import Site, body_of
from tests.stage import Stage

GRAPHQL_JSON, JSON = "application/graphql-response+json", "application/json"
VIEWER = "{ viewer { organisation { odsCode } } }"
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")


class Http:
    """The site, asked by hand."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.run = site.runner.run
        self.token = self.run(site.token("R1A"))
        self.bearer = {"Authorization": f"Bearer {self.token}"}

    def send(self, method: str = "POST", path: str = "/graphql", **given: Any) -> httpx.Response:
        """Send a request as it is given, but for the token; look over what every answer must have."""
        headers = self.bearer | given.pop("headers", {})
        answer = self.run(self.site.http.request(method, path, headers=headers, **given))
        assert sound(answer), answer.text
        return answer

    def post(self, document: Any, accept: str = GRAPHQL_JSON, **more: Any) -> httpx.Response:
        """Post a document."""
        return self.send(json={"query": document, **more}, headers={"Accept": accept})


def sound(answer: httpx.Response) -> bool:
    """Tell whether an answer is one of ours: no stack, no statement, its request named, JSON with codes."""
    assert not re.search(r'Traceback|File "|\bSELECT\b|\bINSERT\b|asyncpg|sqlalchemy|0x[0-9a-f]{8}', answer.text)
    assert UUID.fullmatch(answer.headers["x-request-id"])
    assert answer.headers["cache-control"] == ("private, no-cache" if "etag" in answer.headers else "no-store")
    for error in body_of(answer).get("errors", ()):
        assert error["message"]
        assert re.fullmatch(r"[A-Z_]+", error["extensions"]["code"])
        assert error["extensions"]["requestId"] == answer.headers["x-request-id"]
        assert isinstance(error["extensions"]["retryable"], bool)
    return True


@contextmanager
def asking(cluster: embedded.Server) -> Iterator[Http]:
    """Have a site on a database of its own, asked by hand."""
    with asyncio.Runner() as runner:
        site = Site(Stage(cluster, clone(cluster)).url, runner)
        yield Http(site)
        site.close()
