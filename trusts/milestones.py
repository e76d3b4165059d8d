"""Milestones: the supplier's dated promises, every move of them kept."""

from typing import Any

from sqlmodel import col, select

from auth.caller import Caller
from auth.tenancy import Transaction
from schema.kept.node import Audience
from schema.kept.question import Page
from schema.milestone import (
    OPEN,
    MeetMilestone,
    Milestone,
    MilestoneForecast,
    MilestoneStatus,
    PublishMilestone,
    ReasonCode,
    ReviseForecast,
)
from schema.problem import AlreadyDecided, NotFound, ValidationFailed, VersionConflict
from schema.product import Product
from schema.system import System


async def publish(db: Transaction, caller: Caller, input: PublishMilestone) -> Milestone | NotFound:
    """Publish a dated promise: to everyone for a product, or to one trust for its system.

    The baseline is the first promise and never moves; it is the first forecast too.
    """
    product = await db.own(Product, input.product, caller)
    if product is None:
        return NotFound(path=["input", "product"])
    system = await db.find(System, input.system) if input.system else None
    if input.system and (system is None or system.product_id != product.id):
        return NotFound(path=["input", "system"])
    milestone = await db.keep(
        Milestone(
            **db.made,
            **input.model_dump(include={"kind", "title", "baseline_on", "confidence"}),
            product_id=product.id,
            trust_ods=system.tenant_ods if system else None,
            system_id=system.id if system else None,
            audience=Audience.PRIVATE if system else Audience.PUBLISHED,
            forecast_on=input.baseline_on,
        )
    )
    first = {"forecast_on": input.baseline_on, "reason_code": ReasonCode.FIRST_FORECAST}
    await _forecast(db, milestone, 0, **first, confidence=input.confidence, note=input.note)
    return milestone


async def revise(
    db: Transaction, caller: Caller, input: ReviseForecast
) -> Milestone | NotFound | AlreadyDecided | ValidationFailed | VersionConflict:
    """Give a milestone a new date, with the reason; the dates before stay readable."""
    milestone = await _mine(db, caller, input)
    if not isinstance(milestone, Milestone):
        return milestone
    moved = (input.forecast_on - milestone.forecast_on).days
    if moved == 0 and input.confidence == milestone.confidence:
        return ValidationFailed.of("forecastOn", "is the date it has, with the confidence it has")
    milestone.forecast_on = input.forecast_on
    milestone.confidence = input.confidence
    milestone.times_revised += moved != 0
    milestone.times_slipped += moved > 0
    await db.keep(milestone)
    revised = input.model_dump(include={"forecast_on", "reason_code", "confidence", "note"})
    await _forecast(db, milestone, moved, **revised)
    return milestone


async def meet(
    db: Transaction, caller: Caller, input: MeetMilestone
) -> Milestone | NotFound | AlreadyDecided | ValidationFailed | VersionConflict:
    """State that a milestone was met, and when; never in the future."""
    milestone = await _mine(db, caller, input)
    if not isinstance(milestone, Milestone):
        return milestone
    if input.actual_at > db.now:
        return ValidationFailed.of("actualAt", "is in the future")
    milestone.status = MilestoneStatus.MET
    milestone.actual_at = input.actual_at
    return await db.keep(milestone)


async def _mine(
    db: Transaction, caller: Caller, input: ReviseForecast | MeetMilestone
) -> Milestone | NotFound | AlreadyDecided | VersionConflict:
    milestone = await db.own(Milestone, input.milestone, caller)
    if milestone is None:
        return NotFound(path=["input", "milestone"])
    await db.take(milestone)
    if input.expected_version not in (None, milestone.version):
        return VersionConflict(current_version=milestone.version)
    if milestone.status not in OPEN:
        return AlreadyDecided(message=f"This milestone is {milestone.status}.")
    return milestone


async def _forecast(db: Transaction, milestone: Milestone, moved: int, **stated: Any) -> None:
    before = select(MilestoneForecast).where(col(MilestoneForecast.milestone_id) == milestone.id)
    last = await db.one(before.order_by(col(MilestoneForecast.number).desc()))
    await db.keep(
        MilestoneForecast(
            **db.made,
            **stated,
            milestone_id=milestone.id,
            trust_ods=milestone.trust_ods,
            audience=milestone.audience,
            number=last.number + 1 if last else 0,
            moved_days=moved,
        )
    )


def listed(product: str | None = None, status: MilestoneStatus | None = None) -> Page[Milestone]:
    """Return the milestones the caller may see, in the order they were published."""
    found = select(Milestone)
    if product is not None:
        found = found.where(col(Milestone.product_id).in_(select(col(Product.id)).where(col(Product.code) == product)))
    if status is not None:
        found = found.where(col(Milestone.status) == status)
    return Page(found)
