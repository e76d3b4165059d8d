"""Defects as stories tell them: raised by a trust or the supplier, moved to any state by lawful moves."""

import itertools
from typing import Any

from auth.caller import Caller
from tests.ledger import as_superuser
from tests.stage import Stage, person

CN_114 = {
    "title": "Alerts are missing from the front page",
    "area": "Alerts",
    "severity": "S2",
    "clinicalSafety": True,
    "description": "An alert that was set is not shown.",
}
SUPPLIER, RAISER = "SUPPLIER", "RAISER"
# Each change of a defect that moves it: to where, from where, by whom, and what it is given. Domain model, B.2.
MOVES: dict[str, tuple[str, set[str], str]] = {
    "triageDefect": ("TRIAGED", {"NEW", "DEFERRED"}, SUPPLIER),
    "acceptDefect": ("ACCEPTED", {"TRIAGED"}, SUPPLIER),
    "rejectDefect": ("REJECTED", {"TRIAGED"}, SUPPLIER),
    "markDefectDuplicate": ("DUPLICATE", {"TRIAGED"}, SUPPLIER),
    "deferDefect": ("DEFERRED", {"TRIAGED"}, SUPPLIER),
    "offerFix": ("FIX_READY", {"ACCEPTED"}, SUPPLIER),
    "retestDefect": ("RETEST", {"FIX_READY"}, RAISER),
    "failRetest": ("ACCEPTED", {"RETEST"}, RAISER),
    "contestDefect": ("NEW", {"REJECTED", "DUPLICATE"}, RAISER),
    "closeDefect": ("CLOSED", {"RETEST", "REJECTED", "DUPLICATE"}, RAISER),
}
# "Only the raising trust closes S1/S2": what is less the supplier closes, too, unless it called it a duplicate.
SUPPLIER_CLOSES = {"RETEST", "REJECTED"}
STATES = ("NEW", "TRIAGED", "ACCEPTED", "FIX_READY", "RETEST", "CLOSED", "DUPLICATE", "REJECTED", "DEFERRED")
_mended = ("triageDefect", "acceptDefect", "offerFix", "retestDefect")
WAYS: dict[str, tuple[str, ...]] = {
    "NEW": (),
    "TRIAGED": _mended[:1],
    "ACCEPTED": _mended[:2],
    "FIX_READY": _mended[:3],
    "RETEST": _mended,
    "CLOSED": (*_mended, "closeDefect"),
    "DUPLICATE": ("triageDefect", "markDefectDuplicate"),
    "REJECTED": ("triageDefect", "rejectDefect"),
    "DEFERRED": ("triageDefect", "deferDefect"),
}
_number = itertools.count(100)


class Defects:
    """A stage on which R1A and RNK have a system each, with a defect of the supplier's to be a duplicate of."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.told = stage.tell("R1A", "RNK")
        self.original = self.raised(SUPPLIER)["id"]

    def raised(self, who: str, select: str = "id version state", **given: Any) -> dict[str, Any]:
        """Raise a defect."""
        where = {} if who == SUPPLIER else {"system": self.told.get(who, self.told["R1A"])}
        told = {**CN_114, "reference": f"CN-{next(_number)}", "build": self.told["build"], **where, **given}
        return self.stage.change(person(who), "raiseDefect", select=select, **told)

    def given(self, verb: str) -> dict[str, Any]:
        """Give what a change of a defect is given, besides the defect."""
        reason = {"reason": "Because of what we saw."}
        return {
            "offerFix": {"build": self.told["build"]},
            "markDefectDuplicate": {"duplicateOf": self.original, **reason},
            "deferDefect": {"until": "2999-01-01", **reason},
            **dict.fromkeys(("rejectDefect", "failRetest", "contestDefect", "closeDefect"), reason),
        }.get(verb, {})

    def move(self, who: str | Caller, verb: str, defect: str, **given: Any) -> dict[str, Any]:
        """Move a defect as everything that somebody's organisation has."""
        asking = person(who) if isinstance(who, str) else who
        return self.stage.change(
            asking, verb, **{"select": "state version", "defect": defect, **self.given(verb), **given}
        )

    def at(self, state: str, raiser: str = "R1A", severity: str = "S2", **given: Any) -> str:
        """Raise a defect and bring it to a state."""
        defect = self.raised(raiser, severity=severity, **given)["id"]
        for verb in WAYS[state]:
            moved = self.move(raiser if MOVES[verb][2] == RAISER else SUPPLIER, verb, defect)
            assert moved["state"] == MOVES[verb][0], moved
        return str(defect)


def put_system(stage: Stage, code: str, state: str) -> None:
    """Put a trust's systems in a state, past every rule."""
    as_superuser(
        stage,
        "set session_replication_role = replica",
        f"update system set state = '{state}' where tenant_ods = '{code}'",  # noqa: S608 - our own
    )
