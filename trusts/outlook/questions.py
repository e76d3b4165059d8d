"""Outlook: who waits for whom, who is ready for a wave, and how long the way back took."""

from sqlalchemy import Integer, cast, func
from sqlalchemy import select as columns
from sqlalchemy.orm import aliased
from sqlmodel import col, select

from schema.incident import Incident
from schema.kept.instant import as_of
from schema.kept.question import All, One
from schema.outlook.blocker import Blocker, WaitedFor
from schema.outlook.readiness import Readiness, WaveId
from schema.outlook.recovery_times import RecoveryTimes
from schema.product import Product
from schema.reinstatement.wave import Wave, WaveMember
from schema.system import System

SECONDS_AN_HOUR = 3_600


def blockers(incident: str | None = None, region: str | None = None, waits_for: WaitedFor = None) -> All[Blocker]:
    """Who waits for whom: everything in the way of every system on its way back that the caller sees, longest first."""
    found = select(Blocker).order_by(
        col(Blocker.since), col(Blocker.tenant_ods), col(Blocker.system_id), col(Blocker.kind), col(Blocker.code),
        col(Blocker.about_key),
    )  # fmt: skip
    if incident is not None:
        known = select(col(Incident.id)).where(col(Incident.reference) == incident)
        found = found.where(col(Blocker.incident_id).in_(known))
    if region is not None:
        found = found.where(col(Blocker.region_ods) == region)
    if waits_for is not None:
        found = found.where(col(Blocker.waits_for_ods) == waits_for)
    return All(found)


def ready_for(wave: WaveId) -> All[Readiness]:
    """Who is ready for a wave, and what is still in the way of each: one line a member, in the wave's order."""
    meant = func.app.key_of(Wave.__name__, wave)
    member = select(WaveMember).where(
        col(WaveMember.wave_id) == meant,
        col(WaveMember.trust_ods) == col(Readiness.tenant_ods),
        col(WaveMember.system_id) == col(Readiness.system_id),
    )  # found by an index, so that nobody else's gates are looked at
    of_it = select(Readiness).where(col(Readiness.wave_id) == meant, member.exists())
    return All(of_it.order_by(col(Readiness.position), col(Readiness.system_id)))


def recovery_times(incident: str | None = None, product: str | None = None) -> One[RecoveryTimes]:
    """How long it took from handover until the first users were back, over the systems that the caller may see.

    Figures of fewer than three trusts are not told (domain model, B.4).
    """
    hours = func.extract("epoch", col(System.first_live_at) - col(System.handed_over_at)) / SECONDS_AN_HOUR

    counted = columns(
        cast(func.count(col(System.tenant_ods).distinct()), Integer).label("trusts"),
        as_of().label("as_of"),
        cast(func.percentile_cont(0.5).within_group(hours), Integer).label("median"),
        cast(func.min(hours), Integer).label("least"),
        cast(func.max(hours), Integer).label("most"),
    ).where(col(System.first_live_at).is_not(None), col(System.handed_over_at).is_not(None))
    if incident is not None:
        known = select(col(Incident.id)).where(col(Incident.reference) == incident)
        counted = counted.where(col(System.incident_id).in_(known))
    if product is not None:
        named = select(col(Product.id)).where(col(Product.code) == product)
        counted = counted.where(col(System.product_id).in_(named))
    return One(select(aliased(RecoveryTimes, counted.subquery(), adapt_on_names=True)))
