"""Members: which systems are in a wave, in which order and why."""

from typing import Any

from sqlmodel import col, select

from auth.caller import Caller
from auth.tenancy import Transaction
from schema.problem import AlreadyRegistered, NotFound, ValidationFailed, VersionConflict, WrongState
from schema.reinstatement.wave import AddWaveMember, MemberState, Wave, WaveMember, WaveState
from schema.reinstatement.wave_moves import ApproveWaveMember, RemoveWaveMember, StrikeWaveMember
from schema.system import System, turn_of
from trusts.reinstatement.turns import member_in_turn, members_of, wave_of

RUNNING = (WaveState.DRAFT, WaveState.PROPOSED, WaveState.APPROVED, WaveState.OPEN)
APPROVING = (WaveState.PROPOSED, WaveState.APPROVED, WaveState.OPEN)


async def add(
    db: Transaction, caller: Caller, input: AddWaveMember
) -> WaveMember | NotFound | AlreadyRegistered | ValidationFailed | WrongState:
    """Put a system in a wave, with its place and the reason for it.

    A system is in one wave at a time. What is added after the approval is the national team's to approve.
    """
    wave = await db.own(Wave, input.wave, caller)
    if wave is None:
        return NotFound(path=["input", "wave"])
    system = await db.find(System, input.system)
    if system is None or _what(system) != _what(wave) or system.supplier_ods != caller.tenant_ods:
        return NotFound(
            path=["input", "system"], next_step="Name a system of the wave's product, lost to the wave's incident."
        )
    await db.lock(wave.id, turn_of(system.tenant_ods, system.id))
    await db.refresh(wave)
    if wave.state not in RUNNING:
        return WrongState(message=f"This wave is {wave.state}.", state=wave.state, needs=list(RUNNING))
    elsewhere = select(WaveMember).where(
        col(WaveMember.tenant_ods) == caller.tenant_ods,
        col(WaveMember.system_id) == system.id,
        col(WaveMember.state) != MemberState.REMOVED,
    )
    if existing := await db.one(elsewhere):
        return AlreadyRegistered(message="This system is in a wave.", existing=existing.global_id())
    taken = [member.position for member in await members_of(db, wave)]
    if input.position in taken:
        return ValidationFailed.of("position", "is another system's; leave it out to come after the last")
    return await db.keep(
        WaveMember(
            **db.made,
            reason=input.reason,
            wave_id=wave.id,
            trust_ods=system.tenant_ods,
            system_id=system.id,
            position=input.position or max(taken, default=0) + 1,
        )
    )


async def remove(
    db: Transaction, caller: Caller, input: RemoveWaveMember
) -> WaveMember | NotFound | VersionConflict | WrongState:
    """Take back a membership that was proposed. One that was approved is the national team's to strike out."""
    member = await member_in_turn(db, caller, input.member, input, MemberState.PROPOSED)
    return await _removed(db, member, input.reason) if isinstance(member, WaveMember) else member


async def approve(
    db: Transaction, caller: Caller, input: ApproveWaveMember
) -> WaveMember | NotFound | VersionConflict | WrongState:
    """Approve a membership that was proposed after its wave was approved."""
    member = await member_in_turn(db, caller, input.member, input, MemberState.PROPOSED)
    if not isinstance(member, WaveMember):
        return member
    wave = await wave_of(db, member.tenant_ods, member.wave_id)
    if wave is None or wave.state not in APPROVING:
        state = wave.state if wave else "?"
        return WrongState(message=f"Its wave is {state}.", state=state, needs=list(APPROVING))
    member.state = MemberState.APPROVED
    member.approved_at = db.now
    return await db.keep(member)


async def strike(
    db: Transaction, caller: Caller, input: StrikeWaveMember
) -> WaveMember | NotFound | VersionConflict | WrongState:
    """Strike a system out of a wave, approved or not; its supplier may then decline the slot it had."""
    states = (MemberState.PROPOSED, MemberState.APPROVED)
    member = await member_in_turn(db, caller, input.member, input, *states)
    return await _removed(db, member, input.reason) if isinstance(member, WaveMember) else member


async def _removed(db: Transaction, member: WaveMember, reason: str) -> WaveMember:
    member.state = MemberState.REMOVED
    member.removed_at = db.now
    member.removed_reason = reason
    return await db.keep(member)


def _what(row: System | Wave) -> tuple[Any, ...]:
    return row.product_id, row.incident_ods, row.incident_id
