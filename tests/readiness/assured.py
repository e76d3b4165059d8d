"""What stories of assurance and safety share: their machines, packs of evidence, hazards, and builds to sign for."""

import itertools
from typing import Any

from tests.readiness.moving import Machine, Move
from tests.stage import Stage

EVIDENCE = {"kind": "IOC_SWEEP", "title": "Sweep of the rebuilt hosts", "heldIn": "Data room, folder 7"}
APPROVED = {"verdict": "APPROVED", "reason": "Clean.", "confidence": "HIGH", "validUntil": "2999-01-01T00:00:00Z"}
REPORT = {"reportRef": "SCR-7", "reportVersion": "1.0"}
SAFE = {
    **REPORT, "level1": 4, "level2": 3, "level3": 2, "level4": 0, "level5": 0, "level3Justified": 2, "transferredTotal": 3
}  # fmt: skip
ACCEPTED = {**SAFE, "transferredAccepted": 3}
_numbers = itertools.count(1)


def _move(verb: str, actor: str, begins: str, ends: str, **given: Any) -> Move:
    scopes = {"submitAssurance": "assurance:submit", "submitSignOff": "safety:prepare"}
    scope = scopes.get(verb, "assurance:decide" if "Assurance" in verb else "safety:sign")
    return Move(verb, scope, actor, frozenset(begins.split()), ends, given)


# Domain model, B.2, the line "SecurityAssurance".
ASSURANCE = Machine(
    "assurance",
    ("DRAFT", "SUBMITTED", "UNDER_REVIEW", "MORE_EVIDENCE", "APPROVED", "REJECTED", "REVOKED"),
    (
        _move("submitAssurance", "SUPPLIER", "DRAFT MORE_EVIDENCE", "SUBMITTED"),
        _move("reviewAssurance", "ASSURER", "SUBMITTED", "UNDER_REVIEW"),
        _move("decideAssurance", "ASSURER", "UNDER_REVIEW", "APPROVED", **APPROVED),
        _move("decideAssurance", "ASSURER", "UNDER_REVIEW", "MORE_EVIDENCE", verdict="MORE_EVIDENCE", reason="Logs."),
        _move("decideAssurance", "ASSURER", "UNDER_REVIEW", "REJECTED", verdict="REJECTED", reason="Found it."),
        _move("revokeAssurance", "ASSURER", "APPROVED", "REVOKED", reason="A new indicator."),
    ),
    hidden=frozenset({("DRAFT", "ASSURER")}),
)


def _sign_off(owner: str) -> Machine:
    """Give the machine of a sign-off (domain model, B.2, the line "SafetySignOff")."""
    return Machine(
        "signOff",
        ("DRAFT", "SUBMITTED", "SIGNED", "DECLINED", "WITHDRAWN"),
        (
            _move("submitSignOff", owner, "DRAFT", "SUBMITTED"),
            _move("giveSignOff", owner, "SUBMITTED", "SIGNED"),
            _move("declineSignOff", owner, "SUBMITTED", "DECLINED", reason="Not yet."),
            _move("withdrawSignOff", owner, "SIGNED", "WITHDRAWN", reason="A hazard was missed."),
        ),
    )


SIGN_OFF = {"DCB0129": _sign_off("SUPPLIER"), "DCB0160": _sign_off("R1A")}


def pack(stage: Stage, build: str, evidence: int = 1, **given: Any) -> str:
    """Draft an assurance of a build that rests on so many pieces of evidence; give its id."""
    drafted = {"build": build, "reference": f"EV-{next(_numbers)}", **given}
    assurance: str = stage.change("SUPPLIER", "draftAssurance", **drafted)["id"]
    for each in range(evidence):
        add(stage, assurance, each)
    return assurance


def add(stage: Stage, assurance: str, number: int = 0, **given: Any) -> dict[str, Any]:
    """Add a piece of evidence."""
    return stage.change("SUPPLIER", "addEvidence", assurance=assurance, sha256=f"{number:064x}", **EVIDENCE, **given)


def product_of(stage: Stage) -> str:
    """Register another product of the supplier's."""
    named = {"code": f"OTHER_{next(_numbers)}", "name": "Another", "category": "OTHER"}
    product: str = stage.change("SUPPLIER", "registerProduct", **named)["id"]
    return product


def build_of(stage: Stage, product: str, *, relevant: bool = False) -> str:
    """Register another build of a product."""
    given = {"label": f"B-{next(_numbers)}", "builtAt": "2022-11-20T12:00:00Z", "safetyRelevantChange": relevant}
    build: str = stage.change("SUPPLIER", "registerBuild", product=product, **given)["id"]
    return build


def system_of(stage: Stage, told: dict[str, str], code: str = "R1A") -> str:
    """Register another system of a trust's."""
    lost = {"product": told["product"], "incident": told["incident"], "name": f"Deployment {next(_numbers)}"}
    system: str = stage.change(code, "registerSystem", **lost)["id"]
    return system


def sign_off(stage: Stage, who: str, build: str, **given: Any) -> str:
    """Draft a sign-off; give its id."""
    answer = stage.change(who, "draftSignOff", build=build, **{**SAFE, **given})
    assert answer["__typename"] == "SafetySignOff", answer
    found: str = answer["id"]
    return found
