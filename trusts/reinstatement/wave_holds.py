"""What holds a wave up."""

from sqlalchemy import Uuid, column, func
from sqlmodel import col, select

from auth.tenancy import Transaction
from schema.hold import Hold
from schema.problem import Obstacle
from schema.reinstatement.wave import Wave
from trusts.standing import obstacle_of


async def holds_over_wave(db: Transaction, wave: Wave) -> list[Obstacle]:
    """Return the holds in force over a wave, oldest first.

    On itself or an earlier wave, its product, that one's current build, or its incident (app.holds_over_wave).
    """
    over = func.app.holds_over_wave(wave.tenant_ods, wave.id).table_valued(column("id", Uuid))
    found = select(Hold).where(col(Hold.id).in_(select(over.c.id)))
    return [obstacle_of(hold) for hold in await db.all(found.order_by(col(Hold.effective_from), col(Hold.id)))]
