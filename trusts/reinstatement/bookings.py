"""Bookings: a supplier confirms slots of its waves while there are places, declines them, and exchanges two."""

import datetime as dt
from collections import Counter

from sqlalchemy import and_, or_, update
from sqlalchemy.orm import aliased
from sqlmodel import col, select

from auth.caller import Caller
from auth.tenancy import Transaction
from schema.problem import FullyBooked, NotFound, ValidationFailed, VersionConflict, WrongState
from schema.reinstatement.slot import (
    ACTIVE,
    ConfirmSlot,
    DeclineSlot,
    ReinstatementSlot,
    SlotState,
    SwapSlots,
)
from schema.reinstatement.wave import Wave
from schema.system import turn_of
from trusts.reinstatement.slot_turns import BOOKING, refused, slot_in_turn, wave_for

Slot = ReinstatementSlot


async def confirm(
    db: Transaction, caller: Caller, input: ConfirmSlot
) -> ReinstatementSlot | NotFound | FullyBooked | VersionConflict | WrongState:
    """Confirm a slot that a trust asked for: it takes the lowest free place of its day.

    A day has as many places as its wave takes slots a day; the database lets no two slots have one.
    """
    slot = await slot_in_turn(db, caller, input.slot, input, SlotState.REQUESTED)
    if not isinstance(slot, Slot):
        return slot
    wave = await wave_for(db, slot)
    if wave is None:
        return WrongState(
            message="Its system is no approved member of a wave whose slots are booked.",
            next_step="Decline it (declineSlot), or have the system approved in a wave.",
            state=slot.state,
            needs=list(BOOKING),
        )
    taken = await _taken(db, wave)
    free = set(range(1, wave.slots_a_day + 1)) - {place for day, place in taken if day == slot.on_day}
    if not free:
        return FullyBooked(next_free_on=_next_free(wave, slot.on_day, taken))
    slot.state = SlotState.CONFIRMED
    slot.place = min(free)
    slot.decided_at = db.now
    slot.decider = caller.subject
    return await db.keep(slot)


async def decline(
    db: Transaction, caller: Caller, input: DeclineSlot
) -> ReinstatementSlot | NotFound | VersionConflict | WrongState:
    """Decline a slot, with the reason. A confirmed one only once its system is no member of the wave any more."""
    slot = await slot_in_turn(db, caller, input.slot, input, *ACTIVE)
    if not isinstance(slot, Slot):
        return slot
    if slot.state == SlotState.CONFIRMED and await wave_for(db, slot):
        return WrongState(
            message="This slot is CONFIRMED.",
            next_step=f"Ask {slot.tenant_ods} to hand it back (handBackSlot).",
            state=slot.state,
            needs=[SlotState.REQUESTED],
        )
    slot.state = SlotState.DECLINED
    slot.place = None
    slot.swap_offered = False
    slot.decided_at = db.now
    slot.decider = caller.subject
    slot.decline_reason = input.reason
    return await db.keep(slot)


async def swap(
    db: Transaction, caller: Caller, input: SwapSlots
) -> ReinstatementSlot | NotFound | ValidationFailed | WrongState:
    """Exchange the times of two confirmed slots of one wave whose trusts both offered them; answers with the first."""
    first, second = await _mine(db, caller, input.one), await _mine(db, caller, input.other)
    if first is None or second is None:
        return NotFound(path=["input", "other" if first else "one"])
    if first.wave_id != second.wave_id or first.id == second.id:
        return ValidationFailed.of("other", "is not another slot of the same wave")
    both = (first, second)
    await db.lock(first.wave_id, *(turn_of(slot.tenant_ods, slot.system_id) for slot in both))
    for slot in both:
        await db.refresh(slot)
        if problem := refused(slot, SlotState.CONFIRMED) or _not_offered(slot):
            return problem
    await _exchange(db, caller, first, second)
    return first


async def _mine(db: Transaction, caller: Caller, given: str) -> ReinstatementSlot | None:
    slot = await db.find(Slot, given)
    return slot if slot and slot.supplier_ods == caller.tenant_ods else None


def _not_offered(slot: ReinstatementSlot) -> WrongState | None:
    if slot.swap_offered:
        return None
    return WrongState(
        message=f"{slot.tenant_ods} has not offered its slot for exchange.",
        next_step=f"Ask {slot.tenant_ods} to offer it (offerSlotSwap).",
        state="NOT_OFFERED",
        needs=["OFFERED"],
    )


async def _exchange(db: Transaction, caller: Caller, first: ReinstatementSlot, second: ReinstatementSlot) -> None:
    """Exchange two slots in one statement: at no moment do two have one place."""
    other = aliased(Slot)
    pairs = [
        and_(col(Slot.tenant_ods) == here.tenant_ods, col(Slot.id) == here.id, col(other.id) == there.id)
        for here, there in ((first, second), (second, first))
    ]
    taken = {name: getattr(other, name) for name in ("starts_at", "ends_at", "on_day", "place")}
    decided = {"swap_offered": False, "decided_at": db.now, "decider": caller.subject}
    await db.write(update(Slot).where(or_(*pairs)).values(**taken, **decided, version=col(Slot.version) + 1))
    for slot in (first, second):
        await db.refresh(slot)
        db.kept.append(slot)


async def _taken(db: Transaction, wave: Wave) -> list[tuple[dt.date, int]]:
    booked = select(Slot).where(
        col(Slot.supplier_ods) == wave.tenant_ods, col(Slot.wave_id) == wave.id, col(Slot.state) == SlotState.CONFIRMED
    )
    return [(slot.on_day, slot.place or 0) for slot in await db.all(booked)]


def _next_free(wave: Wave, after: dt.date, taken: list[tuple[dt.date, int]]) -> dt.date | None:
    """Return the next day of a wave with a free place."""
    booked = Counter(day for day, _ in taken)
    days = (after + dt.timedelta(days=ahead) for ahead in range(1, (wave.closes_on - after).days + 1))
    return next((day for day in days if booked[day] < wave.slots_a_day), None)
