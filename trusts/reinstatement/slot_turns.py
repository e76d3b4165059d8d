"""Turns of slots: a slot as it is once its wave's turn and its system's are taken, and what belongs to it."""

import uuid

from sqlmodel import col, select

from auth.caller import Caller
from auth.tenancy import Transaction
from schema.change import Revision
from schema.organisation import OrganisationKind as Kind
from schema.problem import NotFound, VersionConflict, WrongState
from schema.reinstatement.slot import ReinstatementSlot, SlotState
from schema.reinstatement.wave import MemberState, Wave, WaveMember, WaveState
from schema.system import turn_of

BOOKING = (WaveState.APPROVED, WaveState.OPEN)


async def slot_in_turn(
    db: Transaction, caller: Caller, given: str, input: Revision, *states: SlotState
) -> ReinstatementSlot | NotFound | VersionConflict | WrongState:
    """Take the turn of a slot that is to be in one of these states: a trust's own, or one of a supplier's waves."""
    slot = await db.find(ReinstatementSlot, given)
    if slot is None or caller.tenant_ods != (slot.supplier_ods if caller.kind == Kind.SUPPLIER else slot.tenant_ods):
        return NotFound(path=["input", "slot"])
    await db.lock(slot.wave_id, turn_of(slot.tenant_ods, slot.system_id))
    await db.refresh(slot)
    if input.expected_version not in (None, slot.version):
        return VersionConflict(current_version=slot.version)
    return refused(slot, *states) or slot


def refused(slot: ReinstatementSlot, *states: SlotState) -> WrongState | None:
    """Return why a slot does not move on from where it is, None where it does."""
    if slot.state in states:
        return None
    return WrongState(
        message=f"This slot is {slot.state}.", state=slot.state, needs=list(states), path=["input", "slot"]
    )


async def membership(db: Transaction, supplier: str, trust: str, system_id: uuid.UUID) -> WaveMember | None:
    """Return the approved membership of a system, None where it is in no wave that counts."""
    approved = select(WaveMember).where(
        col(WaveMember.tenant_ods) == supplier,
        col(WaveMember.trust_ods) == trust,
        col(WaveMember.system_id) == system_id,
        col(WaveMember.state) == MemberState.APPROVED,
    )
    return await db.one(approved)


async def wave_for(db: Transaction, slot: ReinstatementSlot) -> Wave | None:
    """Return the wave of a slot while its system is an approved member of it, and slots of it are booked."""
    member = await membership(db, slot.supplier_ods, slot.tenant_ods, slot.system_id)
    if member is None or member.wave_id != slot.wave_id:
        return None
    running = select(Wave).where(
        col(Wave.tenant_ods) == slot.supplier_ods, col(Wave.id) == slot.wave_id, col(Wave.state).in_(BOOKING)
    )
    return await db.one(running)
