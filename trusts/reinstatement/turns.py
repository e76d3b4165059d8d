"""Turns: a wave, or a membership of one, as it is once its turn is taken; or why it does not move."""

import uuid
from typing import TypeVar

from sqlmodel import col, select

from auth.caller import Caller
from auth.tenancy import Transaction
from schema.change import Revision
from schema.organisation import OrganisationKind as Kind
from schema.problem import NotFound, VersionConflict, WrongState
from schema.reinstatement.wave import MOVES, MemberState, Wave, WaveMember, WaveState
from schema.system import SystemState, turn_of

N = TypeVar("N", Wave, WaveMember)

# In which a system stands in no wave's way any more; the database says the same (app.is_done).
DONE = (SystemState.LIVE, SystemState.RECOVERED, SystemState.REPLACED, SystemState.RETIRED)


async def found(db: Transaction, caller: Caller, noun: type[N], given: str) -> N | None:
    """Return what a supplier's own is, or for the national team anybody's."""
    return await (db.find(noun, given) if caller.kind == Kind.NATIONAL else db.own(noun, given, caller))


async def wave_in_turn(
    db: Transaction, caller: Caller, given: str, input: Revision, becomes: WaveState
) -> Wave | NotFound | VersionConflict | WrongState:
    """Take the turn of a wave that is to move on."""
    wave = await found(db, caller, Wave, given)
    if wave is None:
        return NotFound(path=["input", "wave"])
    await db.take(wave)
    return refused(wave, caller, input, becomes) or wave


def refused(wave: Wave, caller: Caller, input: Revision, becomes: WaveState) -> VersionConflict | WrongState | None:
    """Return why a wave does not move on, None where it does."""
    if input.expected_version not in (None, wave.version):
        return VersionConflict(current_version=wave.version)
    if (wave.state, becomes, caller.kind) in MOVES:
        return None
    return WrongState(
        message=f"This wave is {wave.state}.",
        state=wave.state,
        needs=[was for was in WaveState if (was, becomes, caller.kind) in MOVES],
        path=["input", "wave"],
    )


async def member_in_turn(
    db: Transaction, caller: Caller, given: str, input: Revision, *states: MemberState
) -> WaveMember | NotFound | VersionConflict | WrongState:
    """Take the turn of a membership, its wave's and its system's, that is to be in one of these states."""
    member = await found(db, caller, WaveMember, given)
    if member is None:
        return NotFound(path=["input", "member"])
    await db.lock(member.wave_id, turn_of(member.trust_ods, member.system_id))
    await db.refresh(member)
    if input.expected_version not in (None, member.version):
        return VersionConflict(current_version=member.version)
    if member.state not in states:
        return WrongState(
            message=f"This membership is {member.state}.",
            state=member.state,
            needs=list(states),
            path=["input", "member"],
        )
    return member


async def members_of(db: Transaction, wave: Wave) -> list[WaveMember]:
    """Return the members of a wave that were not removed, in their order."""
    there = select(WaveMember).where(
        col(WaveMember.tenant_ods) == wave.tenant_ods,
        col(WaveMember.wave_id) == wave.id,
        col(WaveMember.state) != MemberState.REMOVED,
    )
    return await db.all(there.order_by(col(WaveMember.position)))


async def wave_of(db: Transaction, supplier: str, wave_id: uuid.UUID) -> Wave | None:
    """Return a wave by its key, None where the caller may not see it."""
    return await db.one(select(Wave).where(col(Wave.tenant_ods) == supplier, col(Wave.id) == wave_id))
