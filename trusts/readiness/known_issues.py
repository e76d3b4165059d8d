"""Known issues: the supplier tells everybody what is wrong, and trusts say that they see it, too."""

from sqlmodel import col, select

from auth.caller import Caller
from auth.tenancy import Transaction
from schema.kept.instant import london_day
from schema.kept.question import Page
from schema.problem import AlreadyDecided, AlreadyRegistered, NotFound, ValidationFailed, VersionConflict
from schema.product import Build, Product
from schema.readiness.defect import Defect
from schema.readiness.known_issue import (
    KnownIssue,
    KnownIssueSighting,
    PublishKnownIssue,
    ResolveKnownIssue,
    SightKnownIssue,
)
from schema.system import System, turn_of


async def publish(db: Transaction, caller: Caller, input: PublishKnownIssue) -> KnownIssue | NotFound:
    """Publish what is wrong with a product of one's own to every caller.

    It may come from a defect of the supplier's own; a trust's is never named, whoever found it first.
    """
    product = await db.own(Product, input.product, caller)
    if product is None:
        return NotFound(path=["input", "product"])
    first = await _build(db, input.first_build, product)
    if first is None:
        return NotFound(path=["input", "firstBuild"])
    fixed = await _build(db, input.fixed_in, product)
    if fixed is None and input.fixed_in:
        return NotFound(path=["input", "fixedIn"])
    defect = await db.own(Defect, input.defect, caller)
    if input.defect and (defect is None or defect.product_id != product.id):
        return NotFound(path=["input", "defect"])
    return await db.keep(
        KnownIssue(
            **db.made,
            **input.model_dump(include={"title", "severity", "workaround"}),
            product_id=product.id,
            first_build_id=first.id,
            fixed_in_id=fixed.id if fixed else None,
            defect_id=defect.id if defect else None,
            published_at=db.now,
        )
    )


async def resolve(
    db: Transaction, caller: Caller, input: ResolveKnownIssue
) -> KnownIssue | NotFound | AlreadyDecided | VersionConflict:
    """Say that a known issue is no more, and in which build it was mended."""
    issue = await db.own(KnownIssue, input.known_issue, caller)
    if issue is None:
        return NotFound(path=["input", "knownIssue"])
    await db.take(issue)
    if issue.resolved_at is not None:
        return AlreadyDecided(message="This known issue was resolved before.")
    if input.expected_version not in (None, issue.version):
        return VersionConflict(current_version=issue.version)
    if input.fixed_in:
        build = await db.own(Build, input.fixed_in, caller)
        if build is None or build.product_id != issue.product_id:
            return NotFound(path=["input", "fixedIn"])
        issue.fixed_in_id = build.id
    issue.resolved_at = db.now
    return await db.keep(issue)


async def sight(
    db: Transaction, caller: Caller, input: SightKnownIssue
) -> KnownIssueSighting | NotFound | AlreadyRegistered | ValidationFailed:
    """Say that a system of one's own shows a known issue, too. Other trusts learn how many see it, from three on."""
    issue = await db.find(KnownIssue, input.known_issue)
    if issue is None:
        return NotFound(path=["input", "knownIssue"])
    system = await db.own(System, input.system, caller)
    if system is None or (system.supplier_ods, system.product_id) != (issue.tenant_ods, issue.product_id):
        return NotFound(path=["input", "system"])
    today = london_day(db.now)
    if input.seen_on and input.seen_on > today:
        return ValidationFailed.of("seenOn", "is in the future")
    await db.lock(turn_of(system.tenant_ods, system.id))
    same = select(KnownIssueSighting).where(
        col(KnownIssueSighting.tenant_ods) == caller.tenant_ods,
        col(KnownIssueSighting.system_id) == system.id,
        col(KnownIssueSighting.known_issue_id) == issue.id,
    )
    if existing := await db.one(same):
        return AlreadyRegistered(message="You said so of this system.", existing=existing.global_id())
    return await db.keep(
        KnownIssueSighting(
            **db.made,
            seen_on=input.seen_on or today,
            supplier_ods=issue.tenant_ods,
            known_issue_id=issue.id,
            system_id=system.id,
        )
    )


def listed(product: str | None = None, resolved: bool | None = None) -> Page[KnownIssue]:
    """Return the known issues, in the order they were published; every caller sees all."""
    found = select(KnownIssue)
    if product is not None:
        found = found.where(col(KnownIssue.product_id).in_(select(col(Product.id)).where(col(Product.code) == product)))
    if resolved is not None:
        found = found.where(col(KnownIssue.resolved_at).is_not(None) == resolved)
    return Page(found)


async def _build(db: Transaction, given: str | None, product: Product) -> Build | None:
    build = await db.find(Build, given)
    return build if build and (build.tenant_ods, build.product_id) == (product.tenant_ods, product.id) else None
