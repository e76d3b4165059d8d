"""Slots: a trust books when its system is reconnected, and gives the slot back where it does not need it."""

import datetime as dt
from zoneinfo import ZoneInfo

from sqlalchemy import func
from sqlmodel import col, select

from auth.caller import Caller
from auth.tenancy import Transaction
from schema.kept.instant import LONDON
from schema.kept.question import Page
from schema.problem import AlreadyRegistered, NotFound, ValidationFailed, VersionConflict, WrongState
from schema.reinstatement.slot import (
    ACTIVE,
    HandBackSlot,
    OfferSlotSwap,
    ReinstatementSlot,
    RequestSlot,
    SlotState,
    SystemId,
    WaveId,
)
from schema.reinstatement.wave import MemberState, Wave
from schema.system import System, SystemState, turn_of
from trusts.reinstatement.slot_turns import BOOKING, membership, slot_in_turn
from trusts.reinstatement.turns import wave_of

TO_COME = tuple(
    state
    for state in SystemState
    if state
    not in (
        SystemState.REINSTATING,
        SystemState.LIVE,
        SystemState.RECOVERED,
        SystemState.REPLACED,
        SystemState.RETIRED,
    )
)


async def request(
    db: Transaction, caller: Caller, input: RequestSlot
) -> ReinstatementSlot | NotFound | AlreadyRegistered | ValidationFailed | WrongState:
    """Ask for a window in which a trust's own system is reconnected, within the wave it is approved for.

    The supplier confirms it while there is a place left on that day.
    """
    system = await db.own(System, input.system, caller)
    if system is None:
        return NotFound(path=["input", "system"])
    wave = await _wave_in_turn(db, system)
    if not isinstance(wave, Wave):
        return wave
    if system.state not in TO_COME:
        return WrongState(message=f"This system is {system.state}.", state=system.state, needs=list(TO_COME))
    if problem := _outside(wave, input.starts_at, input.ends_at):
        return problem
    active = select(ReinstatementSlot).where(
        col(ReinstatementSlot.tenant_ods) == caller.tenant_ods,
        col(ReinstatementSlot.system_id) == system.id,
        col(ReinstatementSlot.state).in_(ACTIVE),
    )
    if existing := await db.one(active):
        return AlreadyRegistered(
            message="This system has a slot.",
            next_step="Hand that one back first (handBackSlot).",
            existing=existing.global_id(),
        )
    return await _requested(db, input, system, wave)


async def hand_back(
    db: Transaction, caller: Caller, input: HandBackSlot
) -> ReinstatementSlot | NotFound | VersionConflict | WrongState:
    """Give a slot back, with the reason; its place is free for another trust at once."""
    slot = await slot_in_turn(db, caller, input.slot, input, *ACTIVE)
    if not isinstance(slot, ReinstatementSlot):
        return slot
    system = await db.one(select(System).where(col(System.id) == slot.system_id))
    if system and system.state in (SystemState.REINSTATING, SystemState.LIVE, SystemState.RECOVERED):
        return WrongState(
            message=f"The slot is in use: its system is {system.state}.",
            next_step="A slot in use is not handed back; what is to be undone is rolled back.",
            state=system.state,
            needs=list(TO_COME),
        )
    slot.state = SlotState.HANDED_BACK
    slot.place = None
    slot.swap_offered = False
    slot.handed_back_at = db.now
    slot.hand_back_reason = input.reason
    return await db.keep(slot)


async def offer_swap(
    db: Transaction, caller: Caller, input: OfferSlotSwap
) -> ReinstatementSlot | NotFound | VersionConflict | WrongState:
    """Offer a confirmed slot for exchange with another trust's of the same wave, or take the offer back."""
    slot = await slot_in_turn(db, caller, input.slot, input, SlotState.CONFIRMED)
    if not isinstance(slot, ReinstatementSlot):
        return slot
    slot.swap_offered = input.offered
    return await db.keep(slot)


def listed(wave: WaveId = None, system: SystemId = None, state: SlotState | None = None) -> Page[ReinstatementSlot]:
    """Return the slots the caller may see, in the order they were asked for. Filters together must all be met."""
    found = select(ReinstatementSlot)
    if wave is not None:
        found = found.where(col(ReinstatementSlot.wave_id) == func.app.key_of(Wave.__name__, wave))
    if system is not None:
        found = found.where(col(ReinstatementSlot.system_id) == func.app.key_of(System.__name__, system))
    if state is not None:
        found = found.where(col(ReinstatementSlot.state) == state)
    return Page(found)


async def _wave_in_turn(db: Transaction, system: System) -> Wave | WrongState:
    """Take the turns of a system and of the wave it is approved for; a membership may end while one waits."""
    member = await membership(db, system.supplier_ods, system.tenant_ods, system.id)
    if member is not None:
        await db.lock(member.wave_id, turn_of(system.tenant_ods, system.id))
        await db.refresh(member)
        await db.refresh(system)
    if member is None or member.state != MemberState.APPROVED:
        return WrongState(
            message="This system is in no wave that was approved.",
            next_step=f"Ask {system.supplier_ods} to put it in a wave, and the national team to approve that.",
            state=MemberState.REMOVED if member else "NOT_A_MEMBER",
            needs=[MemberState.APPROVED],
        )
    wave = await wave_of(db, system.supplier_ods, member.wave_id)
    if wave is None or wave.state not in BOOKING:
        state = wave.state if wave else "?"
        return WrongState(message=f"Its wave is {state}.", state=state, needs=list(BOOKING))
    return wave


def _outside(wave: Wave, starts_at: dt.datetime, ends_at: dt.datetime) -> ValidationFailed | None:
    if ends_at <= starts_at:
        return ValidationFailed.of("endsAt", "is not after startsAt")
    first, last = (instant.astimezone(ZoneInfo(LONDON)).date() for instant in (starts_at, ends_at))
    within = f"the wave's days, {wave.opens_on} to {wave.closes_on} in London"
    if first < wave.opens_on:
        return ValidationFailed.of("startsAt", f"is before {within}")
    return ValidationFailed.of("endsAt", f"is after {within}") if last > wave.closes_on else None


async def _requested(db: Transaction, input: RequestSlot, system: System, wave: Wave) -> ReinstatementSlot:
    member = await membership(db, system.supplier_ods, system.tenant_ods, system.id)
    return await db.keep(
        ReinstatementSlot(
            **db.made,
            **input.model_dump(include={"starts_at", "ends_at"}),
            supplier_ods=system.supplier_ods,
            wave_id=wave.id,
            system_id=system.id,
            on_day=input.starts_at.astimezone(ZoneInfo(LONDON)).date(),
            queue_position=member.position if member else 1,
            requested_at=db.now,
        )
    )
