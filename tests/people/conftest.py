"""What the tests of people share: sites, administrators, applications, and people at their browsers."""

import time
from collections.abc import Iterator

import pytest

from api.database import embedded
from schema.people.account import Role
from tests.installed import Site
from tests.people.administering import Administrator, Ground, administered
from tests.people.answering import Answering, answering
from tests.people.applications import HOME, Client, application
from tests.people.external import World as Trusts
from tests.people.external import two_trusts
from tests.people.signed_in import Person, site_for_people
from tests.people.visiting import LEAD, Visit, have_account
from tests.people.visitor import World, a_trust


@pytest.fixture(scope="module")
def site(cluster: embedded.Server) -> Iterator[Site]:
    """A site on a database of the module's own."""
    with site_for_people(cluster) as made:
        yield made


@pytest.fixture(scope="module")
def lead(site: Site) -> Person:
    """R1A's lead, who stays the same for the module."""
    return Person(site, LEAD, "R1A", Role.TRUST_IT)


@pytest.fixture
def person(site: Site) -> Person:
    """Somebody of R1A's whom no other test knows, signed in."""
    made = Person(site, f"p{time.monotonic_ns()}@R1A", "R1A", Role.TRUST_IT)
    made.sign_in()
    return made


@pytest.fixture(scope="module")
def web(site: Site) -> Client:
    """An application of R1A's that has two addresses."""
    return application(site, "r1a-web", HOME, f"{HOME}?x=1")


@pytest.fixture(scope="module")
def server(site: Site) -> Client:
    """An application of R1A's that proves itself by its key."""
    return application(site, "r1a-server", HOME, public=False)


@pytest.fixture(scope="module")
def account(site: Site) -> None:
    """The lead's account, with a password."""
    have_account(site, LEAD, Role.TRUST_IT)


@pytest.fixture
def signed_in(site: Site, account: None) -> Visit:
    """A browser in which the lead is signed in."""
    visit = Visit(site)
    assert visit.sign_in().status_code == 200
    return visit


@pytest.fixture(scope="module")
def ground(cluster: embedded.Server) -> Iterator[Ground]:
    """A site whose R1A has an administrator."""
    with administered(cluster) as made:
        yield made


@pytest.fixture(scope="module")
def admin(ground: Ground) -> Administrator:
    """That administrator."""
    return ground.admin()


@pytest.fixture(scope="module")
def world(cluster: embedded.Server) -> Iterator[World]:
    """A trust's provider."""
    with a_trust(cluster) as found:
        yield found


@pytest.fixture(scope="module")
def trusts(cluster: embedded.Server) -> Iterator[Trusts]:
    """Two trusts, each with a provider of its own."""
    with two_trusts(cluster) as found:
        yield found


@pytest.fixture
def elsewhere() -> Iterator[Answering]:
    """A server that does what a test tells it to."""
    with answering() as found:
        yield found
