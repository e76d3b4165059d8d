"""The databases of the subscription tests, with a story told up to the first reports of three trusts."""

import pytest

from tests.stage import Stage
from tests.test_spine import PASSED


@pytest.fixture(scope="module")
def told(stage: Stage) -> dict[str, str]:
    """The ids of a story with three systems that are being tested: another report changes nothing else."""
    told = stage.tell("R1A", "RYG", "RNK")
    for code in ("R1A", "RYG", "RNK"):
        stage.change(code, "reportTest", system=told[code], build=told["build"], test="SMOKE", **PASSED)
    return told
