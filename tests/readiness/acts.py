"""What shuts a gate, as acts on a system that is ready: each by whose act it is, or by time alone."""

from collections.abc import Callable
from typing import Any

from api.graphql.nodes import named
from tests.ledger import as_superuser
from tests.readiness import ready as r
from tests.readiness.ready import Ready

Act = Callable[[Ready], Any]
REASON = "Because of what we saw."
BEHIND = "set session_replication_role = replica"


def key(id_: str) -> str:
    """Give the key in the database of an object by its id."""
    found = named(id_)
    assert found
    return str(found[1][0])


def aged(statement: str) -> Act:
    """Give the act of time: what a statement says past every rule and trigger."""
    return lambda world: as_superuser(world.stage, BEHIND, statement)


def submitted(world: Ready) -> None:
    """Submit another pack of evidence for the same build."""
    pack = world.do(r.SUPPLIER, "draftAssurance", build=world.told["build"], reference="CN-SA-AGAIN")["id"]
    evidence = {"kind": "OTHER", "title": "Sweep", "heldIn": "Library", "sha256": "1" * 64}
    world.do(r.SUPPLIER, "addEvidence", assurance=pack, **evidence)
    world.do(r.SUPPLIER, "submitAssurance", assurance=pack)


def reported(**given: Any) -> Act:
    """Give the act of another report of the smoke test."""
    return lambda world: world.report("SMOKE", **given)


def withdrawn(what: str, who: Any) -> Act:
    """Give the act of taking a signature back."""
    return lambda world: world.do(who, "withdrawSignOff", signOff=world.told[what], reason=REASON)


def declined(who: Any, **given: Any) -> Act:
    """Give the act of declining a newer sign-off."""

    def act(world: Ready) -> None:
        told = {**r.HAZARDS, **({"system": world.system, **given} if given else {})}
        draft = world.do(who, "draftSignOff", build=world.told["build"], **told)["id"]
        world.do(who, "submitSignOff", signOff=draft)
        world.do(who, "declineSignOff", signOff=draft, reason=REASON)

    return act


def raised(severity: str, *, accepted: bool = False) -> Act:
    """Give the act of raising a defect of the system; its workaround agreed and accepted."""

    def act(world: Ready) -> None:
        told = {
            "reference": "CN-114",
            "title": "Alerts",
            "area": "Alerts",
            "clinicalSafety": False,
            "description": "No.",
        }
        found = {"system": world.system, "build": world.told["build"], "severity": severity}
        defect = world.do(r.IT, "raiseDefect", **told, **found)["id"]
        if accepted:
            world.do(r.SUPPLIER, "triageDefect", defect=defect)
            world.do(r.SUPPLIER, "agreeWorkaround", defect=defect, workaround="Look on the second page.")
            world.do(r.CSO, "acceptWorkaround", defect=defect)

    return act


def assessed(outcome: str, **given: Any) -> Act:
    """Give the act of assessing the board's approval anew."""
    return lambda world: world.assess(outcome=outcome, note=REASON, **given)


def amended(code: str, then: str = "select 1") -> Act:
    """Give the act of letting a gate expire after a day, and of what happened before that."""

    def act(world: Ready) -> None:
        world.do(r.NATIONAL, "amendGate", gate=world.gate(code), maxAgeDays=1)
        if code == "BOARD_APPROVAL":
            world.assess()
        as_superuser(world.stage, BEHIND, then)

    return act


def built(world: Ready) -> None:
    """Register a build with a safety-relevant change."""
    world.build()
