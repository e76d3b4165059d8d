"""Ending: a wave that is given up, and what is then free again."""

from auth.tenancy import Transaction
from schema.reinstatement.wave import MemberState, Wave, WaveState
from trusts.reinstatement.exit_rule import left_of
from trusts.reinstatement.turns import members_of


async def give_up(db: Transaction, wave: Wave, reason: str) -> Wave:
    """Cancel a wave. Members that have not come back leave it; those that have stay, for the record."""
    wave.state = WaveState.CANCELLED
    wave.cancelled_at = db.now
    wave.cancel_reason = reason
    await db.keep(wave)
    left = {system.id for system in await left_of(db, wave)}
    for member in await members_of(db, wave):
        if member.system_id in left:
            member.state = MemberState.REMOVED
            member.removed_at = db.now
            member.removed_reason = reason
            await db.keep(member)
    return wave
