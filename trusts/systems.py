"""Systems: a trust registers what it lost, and what stands in for it."""

from sqlmodel import col, select

from auth.caller import Caller
from auth.tenancy import Transaction
from schema.incident import Incident
from schema.kept.question import Page
from schema.problem import AlreadyRegistered, NotFound, ValidationFailed
from schema.product import Product
from schema.system import InterimSystem, RegisterInterimSystem, RegisterSystem, System, SystemState, turn_of

STATED = (SystemState.OPERATIONAL, SystemState.OUTAGE, SystemState.ISOLATED, SystemState.REBUILDING)


async def register(
    db: Transaction, caller: Caller, input: RegisterSystem
) -> System | NotFound | AlreadyRegistered | ValidationFailed:
    """Register a trust's deployment of a product, lost to an incident."""
    product = await db.find(Product, input.product)
    if product is None:
        return NotFound(path=["input", "product"])
    incident = await db.find(Incident, input.incident)
    if incident is None:
        return NotFound(path=["input", "incident"])
    if input.state not in STATED:
        return ValidationFailed.of("state", f"must be one of {', '.join(STATED)}; later states are reached")
    if input.outage_started_at and input.outage_started_at > db.now:
        return ValidationFailed.of("outageStartedAt", "is in the future")
    await db.lock(f"systems:{caller.tenant_ods}")
    same = select(System).where(
        col(System.tenant_ods) == caller.tenant_ods,
        col(System.product_id) == product.id,
        col(System.incident_id) == incident.id,
        col(System.name) == input.name,
    )
    if existing := await db.one(same):
        return AlreadyRegistered(message="You registered this system.", existing=existing.global_id())
    return await db.keep(
        System(
            **db.made,
            **input.model_dump(exclude={"product", "incident", "idempotency_key"}),
            supplier_ods=product.tenant_ods,
            product_id=product.id,
            incident_ods=incident.tenant_ods,
            incident_id=incident.id,
            state_since=db.now,
        )
    )


async def register_interim(
    db: Transaction, caller: Caller, input: RegisterInterimSystem
) -> InterimSystem | NotFound | AlreadyRegistered | ValidationFailed:
    """Register what stands in for a lost system: paper, an office suite, another record, one built in house."""
    system = await db.own(System, input.system, caller)
    if system is None:
        return NotFound(path=["input", "system"])
    if input.closed_on and input.closed_on < input.live_on:
        return ValidationFailed.of("closedOn", "is before liveOn")
    await db.lock(turn_of(system.tenant_ods, system.id))
    same = select(InterimSystem).where(
        col(InterimSystem.tenant_ods) == caller.tenant_ods,
        col(InterimSystem.system_id) == system.id,
        col(InterimSystem.name) == input.name,
    )
    if existing := await db.one(same):
        return AlreadyRegistered(message="You registered this interim system.", existing=existing.global_id())
    return await db.keep(
        InterimSystem(
            **db.made,
            **input.model_dump(exclude={"system", "idempotency_key"}),
            system_id=system.id,
            supplier_ods=system.supplier_ods,
        )
    )


def listed(
    incident: str | None = None,
    product: str | None = None,
    region: str | None = None,
    state: SystemState | None = None,
) -> Page[System]:
    """Return the systems the caller may see, in the order they were registered."""
    found = select(System)
    if incident is not None:
        found = found.where(
            col(System.incident_id).in_(select(col(Incident.id)).where(col(Incident.reference) == incident))
        )
    if product is not None:
        found = found.where(col(System.product_id).in_(select(col(Product.id)).where(col(Product.code) == product)))
    if region is not None:
        found = found.where(col(System.region_ods) == region)
    if state is not None:
        found = found.where(col(System.state) == state)
    return Page(found)
