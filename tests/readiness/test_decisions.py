"""Go or no-go: what a decision rests on, who may make it, what it keeps, and what follows from it."""
import pytest

from tests.readiness.ready import *
from tests.stage import Stage

@pytest.fixture(scope="module")
def once(stage: Stage) -> Ready:
    return Ready(stage).bring()

@pytest.fixture
def ready(once: Ready) -> Ready:
    return once.another()

def test_x(ready):
    print(ready.stands(), ready.shut())
    print(ready.decide(select="id outcome decidedAt decider build { label } records { nodes { rationale gates snapshotHash } }"))
    print(ready.stage.ask("R1A", "{ systems { nodes { state decisions { nodes { outcome } } } } }"))
    assert 0
