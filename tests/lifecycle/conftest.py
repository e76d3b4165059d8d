"""The ground of the lifecycle, for the module that asks."""

from collections.abc import Iterator

import pytest

from tests.lifecycle.ground import Ground
from tests.stage import Stage


@pytest.fixture(scope="module")
def ground(stage: Stage) -> Iterator[Ground]:
    """One engine on the module's database, its clock set."""
    made = Ground(stage)
    yield made
    made.close()
