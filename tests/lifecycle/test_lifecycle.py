"""The lifecycle: whatever is done by whomever in whatever order, it is answered as the model says; invariants hold."""

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.lifecycle.ground import Ground
from tests.lifecycle.machine import Lifecycle
from tests.lifecycle.tale import prepared

STEPS = 50
EXAMPLES, THOROUGH = 500, 20_000


def test_whatever_is_done_is_answered_as_the_model_says(ground: Ground, thorough: bool) -> None:
    examples = THOROUGH if thorough else EXAMPLES

    class Story(Lifecycle):
        kept = prepared(ground)

    Story.ground = ground
    asked, changes = ground.asked, ground.changes
    hurried = settings(
        max_examples=examples,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
    )
    run_state_machine_as_test(Story, settings=hurried)  # type: ignore[no-untyped-call]
    assert ground.asked - asked > examples * STEPS // 2, "too little was asked"
    assert ground.changes - changes > examples * STEPS // 10, "too little was done"
