"""The mixed load: 95 in 100 ask one of the three questions, 5 report a test, for many trusts and every region."""

import random
from collections.abc import Mapping

from bench.failure import BenchError
from bench.ports import free_port
from bench.subject import Subject, running
from bench.turn import Asked, Course, check, press

MIXED = "mixed"
_SEQUENCE, _WRITES, _SEED = 2000, 0.05, 2022


def take_mixed(course: Course, subject: Subject) -> None:
    """Let a subject take its turn at the mixed load."""
    try:
        with running(subject, course.fresh(), subject.port or free_port()) as server:
            asked = {name: check(course, server, question) for name, question in subject.questions.items()}
            course.book.note(MIXED, subject.name, press(course, server, _shuffled(asked)))
    except (BenchError, OSError) as error:
        course.book.fail(f"{subject.name}, {MIXED}", str(error))


def _shuffled(asked: Mapping[str, Asked]) -> Asked:
    """Return the sequence that every subject gets."""
    luck = random.Random(_SEED)  # noqa: S311 - the same sequence for everyone is the point
    changes = [each for each in asked.values() if all(each.writes)]
    reads = [each for each in asked.values() if not any(each.writes)]
    writes = [luck.random() < _WRITES for _ in range(_SEQUENCE)]
    return Asked([luck.choice(luck.choice(changes if write else reads).requests) for write in writes], writes)
