"""Waves: a supplier drafts who comes back together and by which rule, and proposes it."""

from sqlmodel import col, select

from auth.caller import Caller
from auth.tenancy import Transaction
from schema.incident import Incident
from schema.kept.question import Page
from schema.problem import AlreadyRegistered, NotFound, ValidationFailed, VersionConflict, WrongState
from schema.product import Product
from schema.reinstatement.wave import AmendWave, DraftWave, Wave, WaveState
from schema.reinstatement.wave_moves import CancelWave, ProposeWave
from trusts.reinstatement.ending import give_up
from trusts.reinstatement.turns import members_of, wave_in_turn

AMENDABLE = (WaveState.DRAFT, WaveState.PROPOSED)


async def draft(
    db: Transaction, caller: Caller, input: DraftWave
) -> Wave | NotFound | AlreadyRegistered | ValidationFailed:
    """Draft a wave of a product's systems lost to an incident. Nobody but its supplier sees a draft.

    The supplier proposes who goes when and says by which rule; the national team approves the order (domain model,
    B.2 and B.3).
    """
    product = await db.own(Product, input.product, caller)
    if product is None:
        return NotFound(path=["input", "product"])
    incident = await db.find(Incident, input.incident)
    if incident is None:
        return NotFound(path=["input", "incident"])
    if input.closes_on < input.opens_on:
        return ValidationFailed.of("closesOn", "is before opensOn")
    await db.lock(f"waves:{caller.tenant_ods}:{product.id}")
    there = select(Wave).where(
        col(Wave.tenant_ods) == caller.tenant_ods,
        col(Wave.product_id) == product.id,
        col(Wave.incident_id) == incident.id,
    )
    waves = {wave.number: wave for wave in await db.all(there)}
    if existing := waves.get(input.number):
        return AlreadyRegistered(message="There is a wave by this number.", existing=existing.global_id())
    before = {wave.global_id(): wave for wave in waves.values() if wave.number < input.number}
    if input.predecessor and input.predecessor not in before:
        return NotFound(
            path=["input", "predecessor"],
            next_step="Name an earlier wave of the same product and incident, or none.",
        )
    return await db.keep(
        Wave(
            **db.made,
            **input.model_dump(exclude={"product", "incident", "predecessor", "idempotency_key"}),
            product_id=product.id,
            incident_ods=incident.tenant_ods,
            incident_id=incident.id,
            predecessor_id=before[input.predecessor].id if input.predecessor else None,
        )
    )


async def amend(
    db: Transaction, caller: Caller, input: AmendWave
) -> Wave | NotFound | ValidationFailed | VersionConflict | WrongState:
    """Change the dates, the capacity, the soak or the rule of a wave, until the national team has approved it."""
    wave = await db.own(Wave, input.wave, caller)
    if wave is None:
        return NotFound(path=["input", "wave"])
    await db.take(wave)
    if input.expected_version not in (None, wave.version):
        return VersionConflict(current_version=wave.version)
    if wave.state not in AMENDABLE:
        return WrongState(message=f"This wave is {wave.state}.", state=wave.state, needs=list(AMENDABLE))
    stated = input.model_dump(exclude={"wave", "expected_version", "idempotency_key"}, exclude_none=True)
    for name, value in stated.items():
        setattr(wave, name, value)
    if wave.closes_on < wave.opens_on:
        return ValidationFailed.of("closesOn", "is before opensOn")
    return await db.keep(wave) if stated else wave


async def propose(
    db: Transaction, caller: Caller, input: ProposeWave
) -> Wave | NotFound | ValidationFailed | VersionConflict | WrongState:
    """Propose a wave with its members to the national team. From now on every caller sees it."""
    wave = await wave_in_turn(db, caller, input.wave, input, WaveState.PROPOSED)
    if not isinstance(wave, Wave):
        return wave
    members = await members_of(db, wave)
    if not members:
        return ValidationFailed.of("wave", "has no members; add the systems that are to be in it first")
    wave.state = WaveState.PROPOSED
    wave.proposed_at = db.now
    await db.keep(wave)
    await db.refresh(wave)  # the database has published it
    for member in members:
        if not member.shown:
            await db.keep(member)  # the database shows it to its trust
    return wave


async def cancel(db: Transaction, caller: Caller, input: CancelWave) -> Wave | NotFound | VersionConflict | WrongState:
    """Give up a wave before it is approved: its members are free for another one."""
    wave = await wave_in_turn(db, caller, input.wave, input, WaveState.CANCELLED)
    return await give_up(db, wave, input.reason) if isinstance(wave, Wave) else wave


def listed(product: str | None = None, incident: str | None = None, state: WaveState | None = None) -> Page[Wave]:
    """Return the waves the caller may see, in the order they were drafted. Filters together must all be met."""
    found = select(Wave)
    if product is not None:
        found = found.where(col(Wave.product_id).in_(select(col(Product.id)).where(col(Product.code) == product)))
    if incident is not None:
        lost = select(col(Incident.id)).where(col(Incident.reference) == incident)
        found = found.where(col(Wave.incident_id).in_(lost))
    if state is not None:
        found = found.where(col(Wave.state) == state)
    return Page(found)
