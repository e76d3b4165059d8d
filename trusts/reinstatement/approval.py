"""Approval: the national team decides about the order, opens a wave and says when all of it is back."""

from sqlmodel import col, select

from auth.caller import Caller
from auth.tenancy import Transaction
from schema.problem import GateShut, HeldBy, NotFound, ValidationFailed, VersionConflict, WrongState
from schema.product import Product
from schema.reinstatement.wave import MemberState, Wave, WaveState
from schema.reinstatement.wave_moves import ApproveWave, CallOffWave, CompleteWave, OpenWave, ReturnWave
from trusts.ahead import waves_up_to
from trusts.reinstatement.ending import give_up
from trusts.reinstatement.exit_rule import left_of, obstacle, unmet
from trusts.reinstatement.turns import members_of, refused, wave_in_turn
from trusts.reinstatement.wave_holds import holds_over_wave
from trusts.standing import shut_gates_of_wave


async def approve(
    db: Transaction, caller: Caller, input: ApproveWave
) -> Wave | NotFound | ValidationFailed | VersionConflict | WrongState:
    """Approve the order of a wave, with every member proposed, and say why. For people of the national team alone."""
    wave = await wave_in_turn(db, caller, input.wave, input, WaveState.APPROVED)
    if not isinstance(wave, Wave):
        return wave
    members = await members_of(db, wave)
    if not members:
        return ValidationFailed.of("wave", "has no members any more; return it to its supplier (returnWave)")
    wave.state = WaveState.APPROVED
    wave.approved_at = db.now
    wave.approver_ods = caller.tenant_ods
    wave.approver = caller.subject
    wave.approval_reason = input.reason
    await db.keep(wave)
    for member in members:
        if member.state == MemberState.APPROVED:  # one by one, before its wave was sent back or approved
            continue
        member.state = MemberState.APPROVED
        member.approved_at = db.now
        await db.keep(member)
    return wave


async def return_(db: Transaction, caller: Caller, input: ReturnWave) -> Wave | NotFound | VersionConflict | WrongState:
    """Send a proposed wave back to its supplier to be mended. What was published stays published."""
    wave = await wave_in_turn(db, caller, input.wave, input, WaveState.DRAFT)
    if not isinstance(wave, Wave):
        return wave
    wave.state = WaveState.DRAFT
    wave.returned_at = db.now
    wave.return_reason = input.reason
    return await db.keep(wave)


async def open_(
    db: Transaction, caller: Caller, input: OpenWave
) -> Wave | NotFound | GateShut | HeldBy | VersionConflict | WrongState:
    """Open a wave: its systems may be reinstated in their slots from now on.

    The wave before is complete or its exit rule is met, no hold is in force on this wave or an earlier one, on the
    product, its current build or the incident, and the mandatory gates of scope WAVE are open (domain model, B.2).
    """
    wave = await db.find(Wave, input.wave)
    if wave is None:
        return NotFound(path=["input", "wave"])
    await _take_with_what_holds(db, wave)
    if problem := refused(wave, caller, input, WaveState.OPEN):
        return problem
    if holds := await holds_over_wave(db, wave):
        return HeldBy(message="This wave is held.", obstacles=holds)
    if missing := await unmet(db, wave):
        return GateShut(
            message="The wave before has not come far enough.",
            next_step="Have each of obstacles cleared by who can clear it, then open this one.",
            obstacles=missing,
        )
    if shut := await shut_gates_of_wave(db, wave):
        return GateShut(message="Gates of this wave are shut.", obstacles=shut)
    wave.state = WaveState.OPEN
    wave.opened_at = db.now
    return await db.keep(wave)


async def complete(
    db: Transaction, caller: Caller, input: CompleteWave
) -> Wave | NotFound | GateShut | VersionConflict | WrongState:
    """Say that all of a wave is back: every member is live, recovered or replaced, or was struck out."""
    wave = await wave_in_turn(db, caller, input.wave, input, WaveState.COMPLETE)
    if not isinstance(wave, Wave):
        return wave
    if left := await left_of(db, wave):
        return GateShut(message="Not all of this wave is back.", obstacles=[obstacle(system) for system in left])
    wave.state = WaveState.COMPLETE
    wave.completed_at = db.now
    return await db.keep(wave)


async def call_off(
    db: Transaction, caller: Caller, input: CallOffWave
) -> Wave | NotFound | VersionConflict | WrongState:
    """Give up a wave that was approved; members that have not come back are free for another wave."""
    wave = await wave_in_turn(db, caller, input.wave, input, WaveState.CANCELLED)
    if not isinstance(wave, Wave):
        return wave
    if wave.approved_at is None:
        needs = [WaveState.APPROVED, WaveState.OPEN]
        return WrongState(message=f"This wave is {wave.state}.", state=wave.state, needs=needs, path=["input", "wave"])
    return await give_up(db, wave, input.reason)


async def _take_with_what_holds(db: Transaction, wave: Wave) -> None:
    """Take the turns of a wave and the one before, so that its systems stay as they are; hold off new holds."""
    its = select(Product).where(col(Product.tenant_ods) == wave.tenant_ods, col(Product.id) == wave.product_id)
    product = await db.one(its)
    build = [product.current_build_id] if product and product.current_build_id else []
    before = [wave.predecessor_id] if wave.predecessor_id else []
    earlier = await db.all(waves_up_to(wave))
    await db.lock(wave.id, *before, beside=[wave.product_id, wave.incident_id, *build, *earlier])
    await db.refresh(wave)
