"""A thousand refreshes, a tenth of their answers lost: nobody honest is signed out, and every thief is found out."""

import datetime as dt
import random
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from sqlalchemy import update
from sqlmodel import col

from api.database import embedded
from auth.caller import SignIn
from auth.grants.refresh import GRACE
from auth.grants.tables import RefreshToken
from schema.people.session import Session
from tests.installed import Site
from tests.people.applications import session_of
from tests.people.signed_in import Person, Role, site_for_people

REFRESHES, LOST, PEOPLE = 1000, 0.1, 20
BETWEEN = dt.timedelta(seconds=290)  # an access token lives 300 seconds


@dataclass
class Client:
    """A client on a bad line: an answer that does not come is asked for again, at once."""

    person: Person
    token: str
    chance: random.Random
    used: list[str] = field(default_factory=list)
    lost: int = 0

    async def refresh(self) -> None:
        """Ask until an answer comes."""
        while True:
            answer = await self.person.arefresh(self.token)
            assert answer.status_code == 200, answer.text
            if self.chance.random() >= LOST:
                break
            self.lost += 1
        self.used.append(self.token)
        self.token = answer.json()["refresh_token"]


@pytest.fixture(scope="module")
def site(cluster: embedded.Server) -> Iterator[Site]:
    with site_for_people(cluster) as made:
        yield made


async def pass_time(site: Site) -> None:
    """Let the time of an access token pass: for every rotation, and for what is idle."""
    async with site.database.change(SignIn(), "test") as db:
        rotated = col(RefreshToken.rotated_at)
        await db.write(update(RefreshToken).where(rotated.is_not(None)).values(rotated_at=rotated - BETWEEN))
        await db.write(update(Session).values(last_used_at=col(Session.last_used_at) - BETWEEN))


def test_nobody_honest_is_signed_out_and_every_thief_signs_out_both(site: Site) -> None:
    assert BETWEEN > GRACE
    chance = random.Random(8252)  # noqa: S311 - so that it is the same each time
    people = [Person(site, f"p{n}@R1A", "R1A", Role.TRUST_IT) for n in range(PEOPLE)]
    clients = [Client(person, person.tokens()["refresh_token"], chance) for person in people]

    async def all_day() -> None:
        for _ in range(REFRESHES // PEOPLE):
            for client in clients:
                await client.refresh()
            await pass_time(site)

    site.runner.run(all_day())
    assert sum(len(client.used) for client in clients) == REFRESHES
    assert sum(client.lost for client in clients) > REFRESHES * LOST / 2
    for client in clients:
        assert session_of(site, client.token).ended_at is None
        stolen = chance.choice(client.used)
        assert client.person.refresh(stolen).status_code == 400
        assert session_of(site, client.token).ended_at is not None
        assert client.person.refresh(client.token).status_code == 400


def test_a_thief_that_is_first_is_found_out_by_its_victim(site: Site) -> None:
    for n in range(20):
        person = Person(site, f"v{n}@R1A", "R1A", Role.TRUST_IT)
        token = str(person.tokens()["refresh_token"])
        thiefs = person.refresh(token).json()["refresh_token"]
        site.runner.run(pass_time(site))
        assert person.refresh(token).status_code == 400
        assert person.refresh(thiefs).status_code == 400
        assert session_of(site, token).ended_at is not None
