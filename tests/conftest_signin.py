"""A sign-in on a fresh database, for the tests of a module."""

import asyncio
from collections.abc import Iterator

import pytest

from api.database import embedded
from tests.conftest import clone
from tests.sign_in_support import SignInUnderTest
from tests.stage import Stage


@pytest.fixture(scope="module")
def sign_in(cluster: embedded.Server) -> Iterator[SignInUnderTest]:
    """Have a sign-in for the tests of a module."""
    with asyncio.Runner() as runner:
        world = SignInUnderTest(Stage(cluster, clone(cluster)).url, runner)
        yield world
        world.close()
