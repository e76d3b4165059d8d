"""Standing: what is in the way of a system, asked by every rule that moves it or decides about it."""

from sqlalchemy import TEXT, Integer, Uuid, and_, column, func
from sqlmodel import col, select

from auth.tenancy import Transaction
from schema.hold import Hold
from schema.kept.node import global_id
from schema.organisation import OrganisationKind as Kind
from schema.problem import Obstacle
from schema.readiness.gate import BOARD_APPROVAL, NEVER_WAIVED, Gate, GateBasis
from schema.readiness.standing import GateStanding
from schema.reinstatement.wave import Wave
from schema.system import System, turn_of
from trusts.ahead import turns_over

NEVER_LEFT_OUT = (*(basis.value for basis in NEVER_WAIVED), BOARD_APPROVAL)
CLEARS = {
    GateBasis.ASSESSED: "Have it assessed by who owns it (assessGate).",
    GateBasis.SECURITY_ASSURANCE: "The supplier submits evidence for the current build; the assurer decides.",
    GateBasis.DCB0129: "The supplier's clinical safety officer signs for the current build.",
    GateBasis.DCB0160: "The trust's clinical safety officer signs, after the supplier's has.",
    GateBasis.TRUST_TESTING: "Report every mandatory stage on the current build, its exit criteria met (reportTest).",
    GateBasis.DEFECTS: "Close every severity 1; agree and accept a workaround of every severity 2.",
    GateBasis.BACK_ENTRY: "Back-entry is not reported here yet: the incident's opener makes the gate optional, or the "
    "national team waives it (amendGate, waiveGate).",
    GateBasis.SLOT: "Ask for a slot of the wave; the supplier confirms it.",
}


async def shut_gates(db: Transaction, system: System) -> list[Obstacle]:
    """Return the mandatory gates that are shut for a system, in the catalogue's order.

    What no catalogue may leave out is in the way where it does. The database asks the same (app.shut_gates).
    """
    stands = select(GateStanding).where(
        col(GateStanding.tenant_ods) == system.tenant_ods, col(GateStanding.system_id) == system.id
    )
    found = await db.all(stands.order_by(col(GateStanding.position), col(GateStanding.code)))
    there = {gate.code for gate in found}
    missing = [_missing(code, system) for code in NEVER_LEFT_OUT if code not in there]
    return [*missing, *(shut(gate) for gate in found if gate.shut)]


async def shut_gates_of_wave(db: Transaction, wave: Wave) -> list[Obstacle]:
    """Return the mandatory gates of a wave itself that are shut, in the catalogue's order (app.shut_gates_of_wave)."""
    keys = func.app.shut_gates_of_wave(wave.tenant_ods, wave.id).table_valued(
        column("tenant_ods", TEXT), column("system_id", Uuid), column("gate_id", Uuid), column("position", Integer)
    )
    meets = and_(
        col(GateStanding.tenant_ods) == keys.c.tenant_ods,
        col(GateStanding.system_id) == keys.c.system_id,
        col(GateStanding.gate_id) == keys.c.gate_id,
    )
    stands = select(GateStanding).join(keys, meets)
    return [shut(gate) for gate in await db.all(stands.order_by(col(GateStanding.position), col(GateStanding.code)))]


def shut(gate: GateStanding) -> Obstacle:
    """Return a gate that is shut as what is in the way."""
    roles = " or ".join(gate.waits_for_roles)
    return Obstacle(
        code=gate.code,
        what=f"{gate.title}: {gate.standing}. {gate.detail}.",
        clears=f"{roles} of {gate.waits_for_ods}" if gate.waits_for_ods else roles,
        since=gate.since,
        next_step=CLEARS[gate.basis],
        about=global_id(Gate.__name__, gate.gate_id),
    )


def _missing(code: str, system: System) -> Obstacle:
    return Obstacle(
        code=code,
        what=f"The incident has no gate {code}, and no incident goes without it.",
        clears=f"who opened the incident: {system.incident_ods}",
        next_step="Define it (defineGate).",
    )


async def holds_over(db: Transaction, system: System) -> list[Obstacle]:
    """Return the holds in force over a system, oldest first.

    On itself, its product, that one's current build, its incident, its wave or an earlier one (app.holds_over).
    """
    over = func.app.holds_over(system.tenant_ods, system.id).table_valued(column("id", Uuid))
    found = await db.all(
        select(Hold).where(col(Hold.id).in_(select(over.c.id))).order_by(col(Hold.effective_from), col(Hold.id))
    )
    return [obstacle_of(hold) for hold in found]


def obstacle_of(hold: Hold) -> Obstacle:
    """Return a hold as what is in the way: who releases it is its placer, and the tiers above."""
    over = hold.region_ods if hold.tier in (Kind.REGION, Kind.TRUST) else None
    releasers = list(dict.fromkeys(code for code in (hold.tenant_ods, over) if code))
    return Obstacle(
        code=hold.reason_code,
        what=f"A hold on the {hold.scope.lower()}: {hold.reason}",
        clears=", ".join([*releasers, "the national team"]),
        since=hold.effective_from,
        next_step="Ask one of those to release it (releaseHold).",
        about=hold.global_id(),
    )


async def take_turn(db: Transaction, system: System) -> None:
    """Take the turn of a system beside all that a decision about it relies on, and read it again.

    Its product and that one's current build, its incident, its wave and every earlier one: whoever changes or holds
    one of them waits, and so does whoever decides.
    """
    relied_on = await turns_over(db, system)
    await db.lock(turn_of(system.tenant_ods, system.id), beside=relied_on)
    for came_since in sorted(set(await turns_over(db, system)) - set(relied_on)):
        await db.share(came_since)
    await db.refresh(system)
