"""Ahead: which waves stand before a system or a wave, so that a hold on one of them holds it up too."""

import uuid
from typing import Any

from sqlalchemy import and_
from sqlalchemy.orm import aliased
from sqlmodel import col, select
from sqlmodel.sql.expression import SelectOfScalar

from auth.tenancy import Transaction
from schema.product import Product
from schema.reinstatement.wave import MemberState, Wave, WaveMember
from schema.system import System

_earlier, _its = aliased(Wave), aliased(Wave)  # made once: a statement with new ones is a new statement


def waves_up_to(wave: Any) -> SelectOfScalar[uuid.UUID]:
    """Return the wave and every earlier one of its product and incident; of a row, or of the columns of one."""
    return select(col(_earlier.id)).where(
        col(_earlier.tenant_ods) == wave.tenant_ods,
        col(_earlier.product_id) == wave.product_id,
        col(_earlier.incident_ods) == wave.incident_ods,
        col(_earlier.incident_id) == wave.incident_id,
        col(_earlier.number) <= wave.number,
    )


def waves_over(system: Any) -> SelectOfScalar[uuid.UUID]:
    """Return the wave a system is approved for and every earlier one; of a row, or of the columns of one."""
    belongs = and_(col(WaveMember.tenant_ods) == _its.tenant_ods, col(WaveMember.wave_id) == _its.id)
    return waves_up_to(_its).where(
        belongs,
        col(WaveMember.tenant_ods) == system.supplier_ods,
        col(WaveMember.trust_ods) == system.tenant_ods,
        col(WaveMember.system_id) == system.id,
        col(WaveMember.state) == MemberState.APPROVED,
    )


async def turns_over(db: Transaction, system: System) -> list[uuid.UUID]:
    """Return the turns in which whatever is over a system is held: of its product, build, incident and waves."""
    current = select(col(Product.current_build_id)).where(
        col(Product.tenant_ods) == system.supplier_ods, col(Product.id) == system.product_id
    )
    build = await db.one(current)
    waves = await db.all(waves_over(system))
    return [system.product_id, system.incident_id, *([build] if build else []), *waves]
