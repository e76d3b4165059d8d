"""An administrator at the API: changes sent over HTTP by a token of the person's own, and what they end."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from api.database import embedded
from auth.people.passwords import new_one_time_password
from schema.people.account import Role
from tests.conftest import clone
from tests.installed import Site
from tests.people.signed_in import Person
from tests.stage import Stage, mutation_document

WITHIN = 6.0  # seconds: what is promised is 5
VIEWER = "{ viewer { subject } }"


@dataclass
class Ground:
    """A site, and its database for whoever looks into it as the superuser."""

    site: Site
    stage: Stage

    def admin(self, subject: str = "admin@R1A", *roles: Role) -> "Administrator":
        """Have a person who administers an organisation."""
        return Administrator(self.site, Person(self.site, subject, None, *(roles or (Role.ADMINISTRATOR,))))

    def lets_in(self, token: str) -> bool:
        """Tell whether a token is let in now."""
        return self.site.runner.run(self.site.post(VIEWER, token=token)).status_code == 200

    def stops(self, *tokens: str) -> bool:
        """Tell whether every token is refused within the time promised."""
        began, left = time.monotonic(), list(tokens)
        while left and time.monotonic() - began < WITHIN:
            left = [token for token in left if self.lets_in(token)]
            self.site.runner.run(asyncio.sleep(0.1))
        return not left


class Administrator:
    """A person at the API."""

    def __init__(self, site: Site, person: Person) -> None:
        self.site = site
        self.person = person
        self.token = person.token()

    def ask(self, document: str, **variables: Any) -> dict[str, Any]:
        """Ask, and return the data; there are no errors."""
        body = self.site.runner.run(self.site.post(document, token=self.token, **variables)).json()
        assert "errors" not in body, body
        data: dict[str, Any] = body["data"]
        return data

    def change(self, verb: str, /, select: str = "id", key: str | None = None, **given: Any) -> dict[str, Any]:
        """Send a change; return the thing with its `__typename`, or the problem."""
        return self.site.runner.run(self.achange(verb, select, key, **given))

    async def achange(self, verb: str, /, select: str = "id", key: str | None = None, **given: Any) -> dict[str, Any]:
        """Send a change."""
        headers = {"Idempotency-Key": key} if key else {}
        answer = await self.site.post(mutation_document(verb, select), headers, token=self.token, input=given)
        body = answer.json()
        assert "errors" not in body, body
        told: dict[str, Any] = body["data"][verb]
        return told

    def made(self, verb: str, /, select: str = "id", **given: Any) -> dict[str, Any]:
        """Send a change that is no problem."""
        told = self.change(verb, select, **given)
        assert "message" not in told, told
        return told

    def refused(self, verb: str, /, **given: Any) -> str:
        """Send a change that is refused; return the code of the problem, which says what to do next."""
        told = self.change(verb, **given)
        assert told["nextStep"], told
        return str(told["code"])

    def open(self, local_part: str, *roles: Role, password: str | None = None) -> str:
        """Open an account and return its id."""
        given = {"localPart": local_part, "roles": roles, "oneTimePassword": password or new_one_time_password()}
        return str(self.made("openAccount", **given)["id"])

    def account(self, subject: str) -> str:
        """Return the id of an account."""
        nodes = self.ask("{ accounts { nodes { id subject } } }")["accounts"]["nodes"]
        return next(str(node["id"]) for node in nodes if node["subject"] == subject)

    def membership(self, subject: str, role: Role) -> str:
        """Return the id of an active membership."""
        asked = "query($s: String!, $r: Role!) { memberships(subject: $s, role: $r, status: ACTIVE) { nodes { id } } }"
        (node,) = self.ask(asked, s=subject, r=role)["memberships"]["nodes"]
        return str(node["id"])


@contextmanager
def administered(cluster: embedded.Server) -> Iterator[Ground]:
    """Have a site on a database of its own."""
    with asyncio.Runner() as runner:
        stage = Stage(cluster, clone(cluster))
        site = Site(stage.url, runner)
        yield Ground(site, stage)
        site.close()
