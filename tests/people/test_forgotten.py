"""What sign-in keeps is forgotten a day after it expired, and not before."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import func
from sqlmodel import select

from api.database import embedded
from api.forgetting import forget
from auth.grants.tables import AuthorizationCode, PushedRequest, RefreshToken, UsedProof
from auth.people.tables import BrowserSession
from tests.installed import Site
from tests.people.applications import changed, found
from tests.people.proving import Prover
from tests.people.signed_in import BACK, CLI, Person, Pkce, Role, site_for_people

NOUNS = [AuthorizationCode, BrowserSession, PushedRequest, RefreshToken, UsedProof]


@pytest.fixture(scope="module")
def site(cluster: embedded.Server) -> Iterator[Site]:
    with site_for_people(cluster) as made:
        yield made


@pytest.fixture(scope="module")
def person(site: Site) -> Person:
    """Somebody who left something everywhere."""
    made = Person(site, "it.lead@R1A", "R1A", Role.TRUST_IT)
    token = made.tokens()["refresh_token"]
    made.refresh(token, Prover().at_token(site))
    pushed = site.runner.run(site.http.post("/oauth2/par", data=made.request(Pkce(), redirect_uri=BACK, client_id=CLI)))
    assert pushed.status_code == 201
    return made


def left(site: Site, noun: Any) -> int:
    """Count what is kept of something."""
    return int(found(site, select(func.count()).select_from(noun))[0])


@pytest.mark.parametrize("noun", NOUNS, ids=lambda noun: noun.__name__)
def test_it_is_forgotten_a_day_later(site: Site, person: Person, noun: Any) -> None:
    before = left(site, noun)
    assert before
    now = dt.datetime.now(dt.UTC)
    changed(site, noun, noun.expires_at.is_not(None), expires_at=now - dt.timedelta(hours=23))
    site.runner.run(forget(site.database))
    assert left(site, noun) == before
    changed(site, noun, noun.expires_at.is_not(None), expires_at=now - dt.timedelta(hours=25))
    site.runner.run(forget(site.database))
    assert left(site, noun) == 0
