"""Products and builds: what the supplier lost, and the releases it brings back."""

from sqlmodel import col, select

from auth.caller import Caller
from auth.tenancy import Transaction
from schema.problem import AlreadyRegistered, NotFound, ValidationFailed
from schema.product import Build, Product, RegisterBuild, RegisterProduct
from schema.system import SystemState
from trusts.moving import movement


async def register(db: Transaction, caller: Caller, input: RegisterProduct) -> Product | AlreadyRegistered:
    """Register a product of the calling supplier; every caller sees it."""
    await db.lock(f"product:{caller.tenant_ods}:{input.code}")
    mine = select(Product).where(col(Product.tenant_ods) == caller.tenant_ods, col(Product.code) == input.code)
    if existing := await db.one(mine):
        return AlreadyRegistered(message="You registered a product by this code.", existing=existing.global_id())
    return await db.keep(Product(**db.made, **input.model_dump(exclude={"idempotency_key"})))


async def register_build(
    db: Transaction, caller: Caller, input: RegisterBuild
) -> Build | NotFound | AlreadyRegistered | ValidationFailed:
    """Register a release; it becomes the product's current build and supersedes the one before.

    A safety-relevant change makes every test result on earlier builds stale: results count from this build on
    (DCB0129: the safety case is issued for a release), and systems that were ready or approved are tested again.
    """
    product = await db.own(Product, input.product, caller)
    if product is None:
        return NotFound(path=["input", "product"])
    if input.built_at > db.now:
        return ValidationFailed.of("builtAt", "is in the future")
    await db.take(product)
    builds = await db.all(select(Build).where(col(Build.product_id) == product.id).order_by(col(Build.number).desc()))
    if existing := next((build for build in builds if build.label == input.label), None):
        return AlreadyRegistered(message="This product has a build by this label.", existing=existing.global_id())
    before = builds[0] if builds else None
    standing = await movement.relying(db, product) if input.safety_relevant_change else []
    number = before.number + 1 if before else 1
    build = await db.keep(
        Build(
            **db.made,
            **input.model_dump(exclude={"product", "idempotency_key"}),
            product_id=product.id,
            number=number,
            results_count_from=number if before is None or input.safety_relevant_change else before.results_count_from,
            supersedes_id=before.id if before else None,
        )
    )
    product.current_build_id = build.id
    await db.keep(product)
    for system in standing:
        await movement.moved(db, system, SystemState.IN_TRUST_TEST)
    return build
