"""What the tests of readiness share: a system with every gate open."""

import pytest

from tests.readiness.ready import Ready
from tests.stage import Stage


@pytest.fixture(scope="module")
def once(stage: Stage) -> Ready:
    """A system that is ready, every gate open."""
    return Ready(stage).bring()


@pytest.fixture
def ready(once: Ready) -> Ready:
    """The same, of the test's own."""
    return once.another()
