"""Bars: what stands in the way of signing for safety, told: who can clear it, and how."""

from schema.people.account import Role
from schema.problem import Obstacle
from schema.readiness.safety import SafetySignOff, SafetyStandard

AGAIN = "Decline this one, draft another with the right figures, and submit that."
# As the function app.bars_signing names them (migrations/0017_safety.sql): what it is, and what clears it. A name in
# SUPPLIERS is cleared by the supplier's safety officer, the others by whoever drafted the sign-off.
BARS = {
    "BUILD_SUPERSEDED": (
        "A safety-relevant build took the place of the one it is about.",
        "Decline this one and draft another for the current build.",
    ),
    "HAZARDS_UNACCEPTABLE": (
        "Hazards of level 4 or 5 are left: they are unacceptable (DCB0129, DCB0160).",
        f"Bring each down to level 3 or lower. {AGAIN}",
    ),
    "HAZARDS_UNJUSTIFIED": (
        "Not every hazard of level 3 is justified.",
        f"Justify each. {AGAIN}",
    ),
    "DCB0129_NOT_SIGNED": (
        "The supplier's DCB0129 is not signed for a build on which results count, or its review day is past.",
        "Ask the supplier's clinical safety officer to sign it; then sign this one.",
    ),
    "TRANSFERRED_NOT_CARRIED_OVER": (
        "Another number of transferred hazards is carried over than the supplier hands over in its DCB0129.",
        f"Carry over every hazard the supplier hands to trusts. {AGAIN}",
    ),
    "TRANSFERRED_NOT_ACCEPTED": (
        "Not every hazard the supplier hands over is accepted.",
        f"Accept and control each. {AGAIN}",
    ),
}
SUPPLIERS = {"DCB0129_NOT_SIGNED"}
PREPARES = {
    SafetyStandard.DCB0129: f"{Role.SUPPLIER_LEAD} or {Role.SUPPLIER_CSO}",
    SafetyStandard.DCB0160: f"{Role.TRUST_IT} or {Role.TRUST_CSO}",
}


def told(bar: str, sign_off: SafetySignOff) -> Obstacle:
    """Return one thing in the way of signing."""
    what, next_step = BARS[bar]
    who = (
        f"{Role.SUPPLIER_CSO} of {sign_off.supplier_ods}"
        if bar in SUPPLIERS
        else f"{PREPARES[sign_off.standard]} of {sign_off.tenant_ods}"
    )
    return Obstacle(
        code=bar, what=what, clears=who, since=sign_off.submitted_at, next_step=next_step, about=sign_off.global_id()
    )
