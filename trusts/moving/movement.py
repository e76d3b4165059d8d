"""Movement: which state of a system follows which, by whose hand; and how a rule moves one.

The database holds the same table and the same conditions (migrations/0023_movement.sql).
"""

import datetime as dt
import uuid
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy import TEXT, DateTime, Function, Row, Uuid, cast, column, func
from sqlmodel import col, select

from auth.caller import Caller
from auth.tenancy import Transaction
from schema.hold import Hold
from schema.kept.node import global_id
from schema.organisation import OrganisationKind as Kind
from schema.problem import GateShut, HeldBy, NotFound, Obstacle, VersionConflict, WrongState
from schema.product import Product
from schema.readiness.gate import Gate
from schema.reinstatement.moving import Step
from schema.system import System, turn_of
from schema.system import SystemState as State
from trusts.standing import obstacle_of, shut_gates, take_turn

BEFORE_LIVE = (
    State.OPERATIONAL,
    State.OUTAGE,
    State.ISOLATED,
    State.REBUILDING,
    State.AWAITING_HANDOVER,
    State.HANDED_OVER,
    State.IN_TRUST_TEST,
    State.READY,
    State.APPROVED,
    State.REINSTATING,
    State.ROLLED_BACK,
)
# Domain model, B.2: from which states a kind of organisation moves a system to this one.
MOVES: dict[tuple[State, Kind], tuple[State, ...]] = {
    (State.OUTAGE, Kind.TRUST): (State.OPERATIONAL,),
    (State.ISOLATED, Kind.TRUST): (State.OUTAGE,),
    (State.REBUILDING, Kind.SUPPLIER): (State.OUTAGE, State.ISOLATED),
    (State.AWAITING_HANDOVER, Kind.SUPPLIER): (State.REBUILDING,),
    (State.HANDED_OVER, Kind.SUPPLIER): (State.AWAITING_HANDOVER,),
    (State.IN_TRUST_TEST, Kind.TRUST): (State.HANDED_OVER, State.ROLLED_BACK),
    (State.IN_TRUST_TEST, Kind.SUPPLIER): (State.READY, State.APPROVED),
    (State.READY, Kind.TRUST): (State.IN_TRUST_TEST,),
    (State.APPROVED, Kind.TRUST): (State.READY,),
    (State.REINSTATING, Kind.TRUST): (State.APPROVED,),
    (State.LIVE, Kind.TRUST): (State.REINSTATING,),
    (State.ROLLED_BACK, Kind.TRUST): (State.REINSTATING, State.LIVE),
    (State.RECOVERED, Kind.REGION): (State.LIVE,),
    (State.REPLACED, Kind.TRUST): BEFORE_LIVE,
    (State.RETIRED, Kind.TRUST): (State.OPERATIONAL, State.REPLACED),
}
_STATE = System.__table__.c.state.type  # type: ignore[attr-defined] # SQLModel does not tell its table
_OBSTACLE = (
    column("code", TEXT),
    column("what", TEXT),
    column("clears", TEXT),
    column("since", DateTime(timezone=True)),
    column("next_step", TEXT),
    column("noun", TEXT),
    column("key", Uuid),
)


async def turned(
    db: Transaction, caller: Caller, input: Step, becomes: State, needs: Iterable[State] = ()
) -> System | NotFound | WrongState | VersionConflict:
    """Return the system that an input names, its turn taken, if the caller's side moves it from where it is.

    `needs`: the states it is moved from, where the table has more for this kind of caller than this step takes.
    """
    system = await db.find(System, input.system)
    lawful = [*needs] or MOVES.get((becomes, caller.kind), ())
    if system is None or not lawful or not _moves(caller, system):
        return NotFound(path=["input", "system"])
    await take_turn(db, system)
    if system.state not in lawful:
        return _wrong(system, lawful)
    if input.expected_version not in (None, system.version):
        return VersionConflict(current_version=system.version)
    return system


async def current_build(db: Transaction, system: System) -> uuid.UUID | None:
    """Return the key of the current build of a system's product, if there is one."""
    build = select(col(Product.current_build_id)).where(
        col(Product.tenant_ods) == system.supplier_ods, col(Product.id) == system.product_id
    )
    return await db.one(build)


async def blocked(db: Transaction, system: System, becomes: State) -> GateShut | HeldBy | None:
    """Return what is in the way of a move, None where nothing is: the holds over it, else the conditions not met."""
    moving = (cast(system.state, _STATE), cast(becomes, _STATE))
    return await refusal(db, system, func.app.in_the_way(system.tenant_ods, system.id, *moving))


async def refusal(db: Transaction, system: System, asked: Function[Any]) -> GateShut | HeldBy | None:
    """Return what a condition of the database says is in the way of a system."""
    found = await db.rows(sa.select(asked.table_valued(*_OBSTACLE, name="way")))
    path = ["input", "system"]
    if held := [row.key for row in found if row.noun == Hold.__name__]:
        holds = select(Hold).where(col(Hold.id).in_(held)).order_by(col(Hold.effective_from), col(Hold.id))
        return HeldBy(obstacles=[obstacle_of(hold) for hold in await db.all(holds)], path=path)
    if not found:
        return None
    gates = {row.code for row in found if row.noun == Gate.__name__}
    shut = [gate for gate in await shut_gates(db, system) if gate.code in gates] if gates else []
    others = [_obstacle(row) for row in found if row.noun != Gate.__name__]
    message, next_step = "Its conditions are not met.", "Have each of obstacles cleared, then send it again."
    return GateShut(message=message, next_step=next_step, obstacles=[*others, *shut], path=path)


async def moved(db: Transaction, system: System, becomes: State) -> System:
    """Move a system, its turn taken and nothing in its way."""
    system.state = becomes
    system.state_since = db.now
    return await db.keep(system)


async def first_live(db: Transaction, system: System) -> dt.datetime | None:
    """Return when its first users were back on it."""
    return await db.one(select(func.app.first_live(system.tenant_ods, system.id, type_=DateTime(timezone=True))))


async def relying(db: Transaction, product: Product) -> list[System]:
    """Take the turns of the systems that stand on test results of a product, whose turn was taken before.

    Those are the ones that a safety-relevant build moves back. None joins or leaves them meanwhile: whoever moves a
    system holds off whoever has its product's turn.
    """
    found = select(System).where(
        col(System.supplier_ods) == product.tenant_ods,
        col(System.product_id) == product.id,
        col(System.state).in_(MOVES[State.IN_TRUST_TEST, Kind.SUPPLIER]),
    )
    systems = await db.all(found.order_by(col(System.id)))
    await db.lock(*(turn_of(system.tenant_ods, system.id) for system in systems))
    for system in systems:
        await db.refresh(system)
    return systems


def _moves(caller: Caller, system: System) -> bool:
    sides = {Kind.TRUST: system.tenant_ods, Kind.SUPPLIER: system.supplier_ods, Kind.REGION: system.region_ods}
    return sides.get(caller.kind) == caller.tenant_ods


def _wrong(system: System, lawful: Iterable[State]) -> WrongState:
    return WrongState(message=f"The system is {system.state}.", state=system.state, needs=[*lawful])


def _obstacle(row: Row[Any]) -> Obstacle:
    about = global_id(row.noun, row.key) if row.noun else None
    return Obstacle(
        code=row.code, what=row.what, clears=row.clears, since=row.since, next_step=row.next_step, about=about
    )
