"""Safety: the sign-off of a build (DCB0129), or of its use in a trust's own system (DCB0160), prepared and found."""

from sqlalchemy import func
from sqlmodel import col, select

from auth.caller import Caller
from auth.tenancy import Transaction
from schema.kept.node import Audience
from schema.kept.question import Page
from schema.organisation import OrganisationKind
from schema.problem import (
    AlreadyRegistered,
    BuildSuperseded,
    NotFound,
    ValidationFailed,
    VersionConflict,
    WrongState,
)
from schema.product import Build, Product
from schema.readiness.safety import (
    DraftSignOff,
    HazardSummary,
    ReviseHazardSummary,
    SafetySignOff,
    SafetyStandard,
    SignOffState,
    SignOffSystemId,
    SubmitSignOff,
)
from schema.system import System
from trusts.readiness.moves import not_from, take_safety_turn, wrong_state

IN_PROGRESS = (SignOffState.DRAFT, SignOffState.SUBMITTED)


async def draft(
    db: Transaction, caller: Caller, input: DraftSignOff
) -> SafetySignOff | NotFound | BuildSuperseded | AlreadyRegistered | ValidationFailed:
    """Begin the sign-off of a build with its hazards: its supplier's (DCB0129), or a trust's for a system (DCB0160).

    A trust carries over the hazards whose control the supplier hands to it, and says how many it accepted.
    """
    about = await _about(db, caller, input)
    if not isinstance(about, SafetySignOff):
        return about
    if about.standard == SafetyStandard.DCB0129 and input.transferred_accepted:
        return ValidationFailed.of("transferredAccepted", "is a trust's to state; a supplier hands over")
    await take_safety_turn(db, about)
    if superseded := await _superseded(db, about):
        return superseded
    same = select(SafetySignOff).where(
        col(SafetySignOff.tenant_ods) == caller.tenant_ods,
        col(SafetySignOff.build_id) == about.build_id,
        col(SafetySignOff.system_id).is_not_distinct_from(about.system_id),
        col(SafetySignOff.state).in_(IN_PROGRESS),
    )
    if existing := await db.one(same):
        return AlreadyRegistered(message="A sign-off of this build is in progress.", existing=existing.global_id())
    sign_off = await db.keep(about)
    stated = input.model_dump(exclude={"build", "system", "idempotency_key"})
    await db.keep(HazardSummary(**db.made, **stated, sign_off_id=sign_off.id, audience=sign_off.audience))
    return sign_off


async def revise(
    db: Transaction, caller: Caller, input: ReviseHazardSummary
) -> HazardSummary | NotFound | ValidationFailed | VersionConflict | WrongState:
    """State other hazards for a sign-off that is still a draft. Once it was submitted they stand as they are."""
    hazards = await db.own(HazardSummary, input.hazards, caller)
    if hazards is None:
        return NotFound(path=["input", "hazards"])
    (sign_off,) = await db.all(select(SafetySignOff).where(col(SafetySignOff.id) == hazards.sign_off_id))
    if sign_off.standard == SafetyStandard.DCB0129 and input.transferred_accepted:
        return ValidationFailed.of("transferredAccepted", "is a trust's to state; a supplier hands over")
    await take_safety_turn(db, sign_off)
    await db.refresh(sign_off)
    await db.refresh(hazards)
    if sign_off.state != SignOffState.DRAFT:
        return wrong_state(sign_off.state, SignOffState.DRAFT)
    if input.expected_version not in (None, hazards.version):
        return VersionConflict(current_version=hazards.version)
    for name, value in input.model_dump(exclude={"hazards", "expected_version", "idempotency_key"}).items():
        setattr(hazards, name, value)
    return await db.keep(hazards)


async def submit(
    db: Transaction, caller: Caller, input: SubmitSignOff
) -> SafetySignOff | NotFound | VersionConflict | WrongState:
    """Submit a draft to the organisation's own clinical safety officer."""
    sign_off = await db.own(SafetySignOff, input.sign_off, caller)
    if sign_off is None:
        return NotFound(path=["input", "signOff"])
    await take_safety_turn(db, sign_off)
    await db.refresh(sign_off)
    if refused := not_from(sign_off, input, SignOffState.DRAFT):
        return refused
    sign_off.state = SignOffState.SUBMITTED
    sign_off.submitted_at = db.now
    return await db.keep(sign_off)


def listed(
    product: str | None = None,
    system: SignOffSystemId = None,
    standard: SafetyStandard | None = None,
    state: SignOffState | None = None,
) -> Page[SafetySignOff]:
    """Return the safety sign-offs the caller may see, in the order they were begun.

    By `product`: its code. Filters together must all be met.
    """
    found = select(SafetySignOff)
    if product is not None:
        named = select(col(Product.id)).where(col(Product.code) == product)
        found = found.where(col(SafetySignOff.product_id).in_(named))
    if system is not None:
        found = found.where(col(SafetySignOff.system_id) == func.app.key_of(System.__name__, system))
    if standard is not None:
        found = found.where(col(SafetySignOff.standard) == standard)
    if state is not None:
        found = found.where(col(SafetySignOff.state) == state)
    return Page(found)


async def _about(db: Transaction, caller: Caller, input: DraftSignOff) -> SafetySignOff | NotFound | ValidationFailed:
    """Return what is to be signed off, not kept yet; the database holds the same (migrations/0017_safety.sql)."""
    if input.system is None and caller.kind != OrganisationKind.SUPPLIER:
        return ValidationFailed.of("system", "names the system of yours that uses the build (DCB0160)")
    build = await db.find(Build, input.build)
    system = await db.own(System, input.system, caller)
    if input.system and system is None:
        return NotFound(path=["input", "system"])
    owner, of = (system.supplier_ods, system.product_id) if system else (caller.tenant_ods, None)
    if build is None or build.tenant_ods != owner or of not in (None, build.product_id):
        return NotFound(path=["input", "build"])
    return SafetySignOff(
        **db.made,
        standard=SafetyStandard.DCB0160 if system else SafetyStandard.DCB0129,
        supplier_ods=build.tenant_ods,
        product_id=build.product_id,
        build_id=build.id,
        trust_ods=system.tenant_ods if system else None,
        system_id=system.id if system else None,
        audience=Audience.PRIVATE if system else Audience.PUBLISHED,
    )


async def _superseded(db: Transaction, about: SafetySignOff) -> BuildSuperseded | None:
    """Return the refusal of a build that a safety-relevant one took the place of: nothing on it counts any more."""
    of_the_product = select(Build).where(
        col(Build.tenant_ods) == about.supplier_ods, col(Build.product_id) == about.product_id
    )
    builds = await db.all(of_the_product.order_by(col(Build.number).desc()))
    current, meant = builds[0], next(build for build in builds if build.id == about.build_id)
    if meant.number >= current.results_count_from:
        return None
    return BuildSuperseded(
        path=["input", "build"],
        message="A safety-relevant build took the place of this one.",
        next_step="Sign off the current build.",
        current_build=current.global_id(),
        current_label=current.label,
    )
