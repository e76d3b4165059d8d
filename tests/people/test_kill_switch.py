"""The kill switch: whatever an issuer said ends within 5 seconds on every replica, and stays ended."""

import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from auth.federation.keys import IssuerKeys
from auth.federation.outside import Outside, Reach
from auth.tenancy import Database
from auth.tokens.access_token import Unauthenticated
from auth.tokens.verifier import Verifier
from schema.people.account import Role
from schema.people.issuer import Issuer, IssuerStatus
from tests.installed import Site
from tests.people.answering import answering
from tests.people.provider import Provider, ended, mapped, register, site_with_issuers, switched, unique
from tests.people.signed_in import COOKIE, Person, Pkce
from tests.people.visitor import Visitor


class World(SimpleNamespace):
    """A site, and two verifiers with pools of their own, as two replicas have."""

    site: Site
    replicas: list[Verifier]

    def run(self, work: Any) -> Any:
        """Run what is asynchronous."""
        return self.site.runner.run(work)

    def new(self, *codes: tuple[str, Role], ods_code: str = "R1A") -> tuple[Provider, Issuer, list[Any]]:
        """Have a provider with mappings; return it with its row and them."""
        provider = Provider(self.server, unique())
        issuer = self.run(register(self.site, provider, ods_code))
        mappings = [self.run(mapped(self.site, issuer, role, code)) for code, role in codes]
        self.look()
        return provider, issuer, mappings

    def look(self) -> None:
        """Have every replica see what is new, which takes it 2 seconds otherwise."""
        for replica in self.replicas:
            self.run(replica._watch.look(within=0))

    def holds(self, *tokens: str) -> bool:
        """Tell whether every replica lets every one of these in."""
        return all(self._lets_in(replica, token) for replica in self.replicas for token in tokens)

    def stops(self, *tokens: str) -> None:
        """Hold that no replica lets any of these in, 5 seconds from now at the latest."""
        until = time.monotonic() + 5
        while any(self._lets_in(replica, token) for replica in self.replicas for token in tokens):
            assert time.monotonic() < until
            time.sleep(0.05)

    def _lets_in(self, replica: Verifier, token: str) -> bool:
        try:
            return bool(self.run(replica.verify(token)))
        except Unauthenticated:
            return False

    def signed_in(self, provider: Provider, issuer: Issuer, **person: Any) -> tuple[Visitor, dict[str, Any]]:
        """Sign somebody in by a provider, and at our command line; return the browser and the tokens."""
        visitor = Visitor(self.site)
        visitor.sign_in(provider, issuer, **person)
        who = visitor.who()
        assert who
        at = Person(self.site, who.subject, issuer.tenant_ods)
        at.cookies = {COOKIE: visitor.cookies[COOKIE]}
        self.site.http.cookies.clear()
        pkce = Pkce()
        told = at.redeem(at.code(pkce), pkce).json()
        assert "access_token" in told, told
        return visitor, told

    def refreshed(self, told: dict[str, Any]) -> int:
        """Return how a refresh is answered."""
        form = {"grant_type": "refresh_token", "refresh_token": told["refresh_token"], "client_id": "reinstate-cli"}
        return int(self.run(self.site.http.post("/oauth2/token", data=form)).status_code)


@pytest.fixture(scope="module")
def world(cluster) -> Iterator[World]:
    """A site and two replicas."""
    with answering() as server, site_with_issuers(cluster) as site:
        databases = [Database(site.database._pools._url) for _ in range(2)]
        keys = [IssuerKeys(Outside(Reach(here=True))) for _ in databases]
        replicas = [Verifier(site.issuer, *each) for each in zip(databases, keys, strict=True)]
        yield World(site=site, server=server, replicas=replicas)
        for database in databases:
            site.runner.run(database.close())


def test_an_issuer_that_is_disabled_says_nothing_any_more(world: World) -> None:
    provider, issuer, _ = world.new(("T1 it", Role.TRUST_IT))
    visitor, told = world.signed_in(provider, issuer)
    ends = [provider.access_token(), told["access_token"]]
    world.look()
    assert world.holds(*ends)
    world.run(switched(world.site, issuer, IssuerStatus.DISABLED))
    world.stops(*ends, provider.access_token())
    assert world.refreshed(told) == 400
    assert visitor.who() is None


def test_nobody_elses_word_ends_with_it(world: World) -> None:
    provider, issuer, _ = world.new(("T1 it", Role.TRUST_IT))
    other, other_issuer, _ = world.new(("T1 it", Role.TRUST_IT))
    at_another = world.run(register(world.site, provider, "RYG"))
    world.run(mapped(world.site, at_another, Role.TRUST_IT, "T2 it"))
    world.look()
    others, others_told = world.signed_in(other, other_issuer)
    neighbour, neighbours_told = world.signed_in(provider, at_another, org_code="T2")
    ours = Person(world.site, "it.lead@R1A", "R1A", Role.TRUST_IT).token()
    stays = [other.access_token(), others_told["access_token"], provider.access_token(org_code="T2"), ours]
    stays.append(neighbours_told["access_token"])
    ends = provider.access_token()
    assert world.holds(ends, *stays)
    world.run(switched(world.site, issuer, IssuerStatus.DISABLED))
    world.stops(ends)
    assert world.holds(*stays)
    assert world.refreshed(others_told) == world.refreshed(neighbours_told) == 200
    assert others.standing() == {"R1A": {Role.TRUST_IT}}
    assert neighbour.standing() == {"RYG": {Role.TRUST_IT}}


def test_what_was_ended_does_not_come_back_with_the_issuer(world: World) -> None:
    provider, issuer, _ = world.new(("T1 it", Role.TRUST_IT))
    visitor, told = world.signed_in(provider, issuer)
    world.run(switched(world.site, issuer, IssuerStatus.DISABLED))
    world.look()
    world.run(switched(world.site, issuer, IssuerStatus.ACTIVE))
    world.look()
    assert world.holds(provider.access_token())
    assert not world.holds(told["access_token"])
    assert world.refreshed(told) == 400
    assert visitor.who() is None
    again, afresh = world.signed_in(provider, issuer)
    assert world.holds(afresh["access_token"])
    assert again.standing() == {"R1A": {Role.TRUST_IT}}


def test_a_mapping_that_is_ended_ends_whoever_came_by_it_and_nobody_else(world: World) -> None:
    """Two codes mean one role; the one that is ended is not vouched for by the other."""
    provider, issuer, (agency, _) = world.new(("T1 agency", Role.TRUST_IT), ("T1 it", Role.TRUST_IT))
    temporary, ends = world.signed_in(provider, issuer, sub="agency-1", role_code="agency")
    staff, stays = world.signed_in(provider, issuer, sub="staff-1", role_code="it")
    said = [provider.access_token(sub=sub, role_code=code) for sub, code in (("agency-1", "agency"), ("staff-1", "it"))]
    assert world.holds(ends["access_token"], stays["access_token"], *said)

    world.run(ended(world.site, agency))
    world.stops(ends["access_token"], said[0])
    assert world.holds(stays["access_token"], said[1])
    assert temporary.who() is None
    assert staff.standing() == {"R1A": {Role.TRUST_IT}}
    assert (world.refreshed(ends), world.refreshed(stays)) == (400, 200)


def test_a_person_with_two_roles_keeps_the_session_of_the_one_that_is_left(world: World) -> None:
    provider, issuer, (first, _) = world.new(("T1 cso", Role.TRUST_CSO), ("T1 it", Role.TRUST_IT))
    chief, ends = world.signed_in(provider, issuer, role_code="cso")
    technician, stays = world.signed_in(provider, issuer, role_code="it")
    assert world.holds(ends["access_token"], stays["access_token"])
    world.run(ended(world.site, first))
    world.stops(ends["access_token"])
    assert world.holds(stays["access_token"])
    assert chief.who() is None
    assert technician.standing() == {"R1A": {Role.TRUST_IT}}
