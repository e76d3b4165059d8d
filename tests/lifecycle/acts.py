"""An act: who asks for what, and what the model says of it."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.lifecycle.cast import Actor

Effect = Callable[[], None]
Verdict = str | Effect  # which problem refuses it, or what it changes


@dataclass(frozen=True)
class Thing:
    """A thing of the story by its name there; it is sent as its id."""

    name: str


@dataclass(frozen=True)
class Act:
    """One request for a change. `makes`: the thing it answers with; `holds`: the hold it places besides."""

    verb: str
    who: Actor
    given: dict[str, Any]
    verdict: Verdict
    makes: str | None = None
    holds: str | None = None
    gates: frozenset[str] | None = field(default=None, compare=False)

    @property
    def expected(self) -> str:
        """The problem that is expected, or DONE."""
        if not self.who.may(self.verb):
            return "NotPermitted"
        return self.verdict if isinstance(self.verdict, str) else "DONE"


def first(*verdicts: str | None) -> str | None:
    """Return the first problem there is."""
    return next((verdict for verdict in verdicts if verdict), None)


def unless(problem: str | None, effect: Effect) -> Verdict:
    """Return the problem, or what happens where there is none."""
    return problem or effect


def told(instant: dt.datetime) -> str:
    """Spell an instant as the API takes it."""
    return instant.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
