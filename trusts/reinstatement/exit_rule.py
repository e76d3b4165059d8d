"""The exit rule: what of the wave before is still in the way of the next one."""

import datetime as dt

from sqlalchemy import and_, func, or_
from sqlmodel import col, select

from auth.tenancy import Transaction
from schema.problem import Obstacle
from schema.readiness.defect import Defect, DefectSeverity
from schema.reinstatement.wave import MemberState, Wave, WaveMember, WaveState
from schema.system import System, SystemState
from trusts.reinstatement.turns import DONE, wave_of

AT_TRUSTS = (
    SystemState.HANDED_OVER,
    SystemState.IN_TRUST_TEST,
    SystemState.READY,
    SystemState.APPROVED,
    SystemState.REINSTATING,
    SystemState.LIVE,
    SystemState.RECOVERED,
    SystemState.ROLLED_BACK,
)


async def unmet(db: Transaction, wave: Wave) -> list[Obstacle]:
    """Return what of the predecessor's exit rule is not met; the database asks the same (app.exit_rule_met).

    It is met where the predecessor is complete, or everything of it is back, the days of soak have passed since the
    last of it went live, and no defect of severity 1 with clinical safety is open on the product (domain model, B.2).
    """
    before = await wave_of(db, wave.tenant_ods, wave.predecessor_id) if wave.predecessor_id else None
    if before is None or before.state == WaveState.COMPLETE:
        return []
    if before.state not in (WaveState.OPEN, WaveState.CANCELLED):
        return [
            Obstacle(
                code="PREDECESSOR",
                what=f"Wave {before.number} is {before.state}.",
                clears="the national team",
                since=before.approved_at or before.proposed_at or before.created_at,
                next_step=f"Open wave {before.number} and let it come back first.",
                about=before.global_id(),
            )
        ]
    left = [obstacle(system) for system in await left_of(db, before)]
    return [*left, *await _soak(db, wave, before), *await _unsafe(db, wave)]


async def left_of(db: Transaction, wave: Wave) -> list[System]:
    """Return the systems of a wave that are still to come back, in the wave's order."""
    return [system for system in await _systems(db, wave) if system.state not in DONE]


def obstacle(system: System) -> Obstacle:
    """Return a system that is still to come back as what is in the way."""
    return Obstacle(
        code="NOT_BACK",
        what=f"{system.name} of {system.tenant_ods} is {system.state}.",
        clears=f"{system.tenant_ods}, or the national team",
        next_step="Bring it live, have it replaced, or strike it out of the wave (strikeWaveMember).",
        about=system.global_id(),
    )


async def _systems(db: Transaction, wave: Wave) -> list[System]:
    belongs = and_(col(WaveMember.trust_ods) == System.tenant_ods, col(WaveMember.system_id) == System.id)
    of_it = (
        select(System)
        .join(WaveMember, belongs)
        .where(
            col(WaveMember.tenant_ods) == wave.tenant_ods,
            col(WaveMember.wave_id) == wave.id,
            col(WaveMember.state) != MemberState.REMOVED,
        )
    )
    return await db.all(of_it.order_by(col(WaveMember.position)))


async def _soak(db: Transaction, wave: Wave, before: Wave) -> list[Obstacle]:
    live = [
        (system.fully_live_at or system.first_live_at or db.now, system)
        for system in await _systems(db, before)
        if system.state in (SystemState.LIVE, SystemState.RECOVERED)
    ]
    if not live:
        return []
    since, last = max(live, key=lambda each: each[0])
    until = since + dt.timedelta(days=wave.soak_days)
    if until <= db.now:
        return []
    return [
        Obstacle(
            code="SOAK",
            what=f"{last.name} of {last.tenant_ods} has been live for less than {wave.soak_days} days.",
            clears=f"time, at {until:%Y-%m-%d %H:%M} UTC; or the national team, by completing wave {before.number}",
            since=since,
            next_step="Wait, or complete the wave before (completeWave).",
            about=last.global_id(),
        )
    ]


async def _unsafe(db: Transaction, wave: Wave) -> list[Obstacle]:
    """Return the open S1 defects with clinical safety: on systems that trusts have, and the supplier's own."""
    found_on = and_(col(Defect.trust_ods) == System.tenant_ods, col(Defect.system_id) == System.id)
    open_ones = (
        select(Defect)
        .outerjoin(System, found_on)
        .where(
            col(Defect.supplier_ods) == wave.tenant_ods,
            col(Defect.product_id) == wave.product_id,
            col(Defect.severity) == DefectSeverity.S1,
            col(Defect.clinical_safety),
            func.app.defect_is_open(Defect.severity, Defect.state),
            or_(col(Defect.system_id).is_(None), col(System.state).in_(AT_TRUSTS)),
        )
    )
    return [
        Obstacle(
            code="UNSAFE_DEFECT",
            what=f"Defect {defect.reference} of {defect.tenant_ods}, severity 1 with clinical safety, is open.",
            clears=defect.tenant_ods,
            since=defect.raised_at,
            next_step="Have it fixed, tested again and closed by who raised it.",
            about=defect.global_id(),
        )
        for defect in await db.all(open_ones.order_by(col(Defect.raised_at), col(Defect.id)))
    ]
