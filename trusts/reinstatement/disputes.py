"""Disputes: one side says that a claimed state of a system is not what its own checks bear out."""

from sqlmodel import col, select

from auth.caller import Caller
from auth.tenancy import Transaction
from schema.kept.question import Page
from schema.problem import AlreadyDecided, AlreadyRegistered, NotFound, ValidationFailed, VersionConflict
from schema.product import Product
from schema.reinstatement.dispute import Dispute, DisputeState, RaiseDispute, SettleDispute
from schema.system import System, turn_of


async def raise_(
    db: Transaction, caller: Caller, input: RaiseDispute
) -> Dispute | NotFound | AlreadyRegistered | ValidationFailed:
    """Say that a claimed state of a system is not what was found. By its trust, or the supplier of its product.

    The model case: the supplier says handed over, the trust cannot reach it. It moves nothing by itself; both sides,
    the region and the national team see it until its raiser settles it. A side has one open at a time.
    """
    system = await db.find(System, input.system)
    if system is None or caller.tenant_ods not in (system.tenant_ods, system.supplier_ods):
        return NotFound(path=["input", "system"])
    if input.claimed_state == input.verified_state:
        return ValidationFailed.of("verifiedState", "is what is claimed: there is nothing to dispute")
    await db.lock(turn_of(system.tenant_ods, system.id))
    same = select(Dispute).where(
        col(Dispute.tenant_ods) == caller.tenant_ods,
        col(Dispute.trust_ods) == system.tenant_ods,
        col(Dispute.system_id) == system.id,
        col(Dispute.state) == DisputeState.OPEN,
    )
    if existing := await db.one(same):
        return AlreadyRegistered(
            message="You have an open dispute about this system.",
            next_step="Settle the one that exists first.",
            existing=existing.global_id(),
        )
    return await db.keep(
        Dispute(
            **db.made,
            **input.model_dump(exclude={"system", "idempotency_key"}),
            trust_ods=system.tenant_ods,
            system_id=system.id,
            supplier_ods=system.supplier_ods,
        )
    )


async def settle(
    db: Transaction, caller: Caller, input: SettleDispute
) -> Dispute | NotFound | AlreadyDecided | VersionConflict:
    """Say that the sides agree again, and on what. By the side that raised it."""
    dispute = await db.own(Dispute, input.dispute, caller)
    if dispute is None:
        return NotFound(path=["input", "dispute"])
    await db.lock(turn_of(dispute.trust_ods, dispute.system_id))
    await db.refresh(dispute)
    if dispute.state == DisputeState.SETTLED:
        return AlreadyDecided(message="This dispute was settled before.", next_step="Raise another if you differ anew.")
    if input.expected_version not in (None, dispute.version):
        return VersionConflict(current_version=dispute.version)
    dispute.state = DisputeState.SETTLED
    dispute.settled_at = db.now
    dispute.settlement = input.settlement
    return await db.keep(dispute)


def listed(product: str | None = None, state: DisputeState | None = None) -> Page[Dispute]:
    """Return the disputes the caller may see, in the order they were raised; by `product`: about systems of it."""
    found = select(Dispute)
    if product is not None:
        named = select(col(Product.id)).where(col(Product.code) == product)
        found = found.where(col(Dispute.system_id).in_(select(col(System.id)).where(col(System.product_id).in_(named))))
    if state is not None:
        found = found.where(col(Dispute.state) == state)
    return Page(found)
