"""What holds a wave up."""

from sqlalchemy import and_, or_
from sqlmodel import col, select

from auth.tenancy import Transaction
from schema.hold import Hold, HoldState
from schema.problem import Obstacle
from schema.product import Product
from schema.reinstatement.wave import Wave
from trusts.ahead import waves_up_to
from trusts.standing import obstacle_of


async def holds_over_wave(db: Transaction, wave: Wave) -> list[Obstacle]:
    """Return the holds in force over a wave, oldest first; the database asks the same (app.holds_over_wave).

    On itself or an earlier wave, its product, that one's current build, or its incident.
    """
    current = select(col(Product.current_build_id)).where(
        col(Product.tenant_ods) == wave.tenant_ods, col(Product.id) == wave.product_id
    )
    suppliers = or_(
        col(Hold.wave_id).in_(waves_up_to(wave)),
        col(Hold.product_id) == wave.product_id,
        col(Hold.build_id) == current.scalar_subquery(),
    )
    over = or_(
        and_(col(Hold.supplier_ods) == wave.tenant_ods, suppliers),
        and_(col(Hold.incident_ods) == wave.incident_ods, col(Hold.incident_id) == wave.incident_id),
    )
    found = select(Hold).where(col(Hold.state) == HoldState.PLACED, col(Hold.effective_from) <= db.now, over)
    return [obstacle_of(hold) for hold in await db.all(found.order_by(col(Hold.effective_from), col(Hold.id)))]
