"""Figures: what one round measured, and what several rounds say together."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any


@dataclass(frozen=True)
class Round:
    """One subject's answer to one load."""

    rate: float  # requests a second
    p50_ms: float
    p99_ms: float
    server_us: float  # processor time a request
    database_us: float


@dataclass
class Book:
    """Every round by question and subject, and what could not be measured, with why."""

    rounds: defaultdict[tuple[str, str], list[Round]] = field(default_factory=lambda: defaultdict(list))
    failures: dict[str, str] = field(default_factory=dict)

    def note(self, question: str, subject: str, measured: Round) -> None:
        """Write a round down."""
        self.rounds[question, subject].append(measured)

    def fail(self, what: str, why: str) -> None:
        """Write down why something has no figure."""
        self.failures.setdefault(what, why)

    def told(self) -> dict[str, dict[str, Any]]:
        """Return the figures by question and subject; none of a subject that failed at a question once."""
        told: dict[str, dict[str, Any]] = {}
        for (question, subject), rounds in self.rounds.items():
            if not self.failures.keys() & {subject, f"{subject}, {question}"}:
                told.setdefault(question, {})[subject] = _together(rounds)
        return told


def _together(rounds: Sequence[Round]) -> dict[str, Any]:
    columns = {name: [asdict(each)[name] for each in rounds] for name in asdict(rounds[0])}
    rates = columns.pop("rate")
    rate = {"median": round(median(rates), 1), "min": round(min(rates), 1), "max": round(max(rates), 1)}
    return {"rate": rate, **{name: round(median(values), 2) for name, values in columns.items()}}
