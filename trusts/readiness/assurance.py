"""Assurance: a supplier submits evidence for the security of a build; an assurer, never the supplier, decides.

Whoever does any of it takes the product's turn: all systems of the product rely on it.
"""

from sqlmodel import col, select

from auth.caller import Caller
from auth.tenancy import Transaction
from schema.kept.question import Page
from schema.organisation import OrganisationKind
from schema.problem import (
    AlreadyRegistered,
    GateShut,
    NotFound,
    NotPermitted,
    Obstacle,
    ValidationFailed,
    VersionConflict,
    WrongState,
)
from schema.product import Build, Product
from schema.readiness.assurance import (
    AddEvidence,
    AssuranceState,
    DecideAssurance,
    DraftAssurance,
    Evidence,
    ReviewAssurance,
    RevokeAssurance,
    SecurityAssurance,
    SubmitAssurance,
)
from trusts.readiness.moves import not_from, wrong_state

COMPLETES = (AssuranceState.DRAFT, AssuranceState.MORE_EVIDENCE)
SUBMITTED = tuple(state for state in AssuranceState if state != AssuranceState.DRAFT)


async def draft(
    db: Transaction, caller: Caller, input: DraftAssurance
) -> SecurityAssurance | NotFound | AlreadyRegistered | ValidationFailed | WrongState:
    """Begin a pack of evidence for the security of a build of the supplier's own.

    With `supersedes` it is to take the place of an earlier one: once it is submitted, the newest counts, and what the
    earlier one had closed is open again until this one is approved.
    """
    build = await db.own(Build, input.build, caller)
    if build is None:
        return NotFound(path=["input", "build"])
    earlier = await db.own(SecurityAssurance, input.supersedes, caller)
    if input.supersedes and earlier is None:
        return NotFound(path=["input", "supersedes"])
    await db.lock(build.product_id)
    if earlier and (refused := await _not_to_supersede(db, earlier, build)):
        return refused
    mine = col(SecurityAssurance.tenant_ods) == caller.tenant_ods
    named = select(SecurityAssurance).where(mine, col(SecurityAssurance.reference) == input.reference)
    if existing := await db.one(named):
        return AlreadyRegistered(message="You have an assurance by this reference.", existing=existing.global_id())
    return await db.keep(
        SecurityAssurance(
            **db.made,
            **input.model_dump(include={"reference"}),
            product_id=build.product_id,
            build_id=build.id,
            supersedes_id=earlier.id if earlier else None,
        )
    )


async def add_evidence(db: Transaction, caller: Caller, input: AddEvidence) -> Evidence | NotFound | WrongState:
    """Add a document that an assurance rests on, by where it is kept and its SHA-256; never the document itself.

    While it is a draft, or where more evidence was asked for. The assurer reads it once the assurance is submitted.
    """
    assurance = await db.own(SecurityAssurance, input.assurance, caller)
    if assurance is None:
        return NotFound(path=["input", "assurance"])
    await _take(db, assurance)
    if assurance.state not in COMPLETES:
        return wrong_state(assurance.state, *COMPLETES)
    stated = input.model_dump(exclude={"assurance", "idempotency_key"})
    return await db.keep(Evidence(**db.made, **stated, assurance_id=assurance.id))


async def submit(
    db: Transaction, caller: Caller, input: SubmitAssurance
) -> SecurityAssurance | NotFound | VersionConflict | WrongState | GateShut:
    """Submit a draft for review, or again where more evidence was asked for. From now on it is published.

    It rests on one piece of evidence at least. Of those on the builds on which results count the newest submitted
    counts, whatever was decided of earlier ones.
    """
    assurance = await db.own(SecurityAssurance, input.assurance, caller)
    if assurance is None:
        return NotFound(path=["input", "assurance"])
    await _take(db, assurance)
    if refused := not_from(assurance, input, *COMPLETES):
        return refused
    if await db.one(select(Evidence).where(col(Evidence.assurance_id) == assurance.id)) is None:
        return _unfounded(assurance)
    assurance.state = AssuranceState.SUBMITTED
    assurance.submitted_at = db.now
    await db.keep(assurance)
    await db.refresh(assurance)  # the database has published it
    return assurance


async def review(
    db: Transaction, caller: Caller, input: ReviewAssurance
) -> SecurityAssurance | NotFound | NotPermitted | VersionConflict | WrongState:
    """Begin the review of a submitted assurance: the supplier adds nothing to it until it is decided."""
    found = await _to_assure(db, caller, input.assurance)
    if not isinstance(found, SecurityAssurance):
        return found
    if refused := not_from(found, input, AssuranceState.SUBMITTED):
        return refused
    found.state = AssuranceState.UNDER_REVIEW
    found.assurer_ods = caller.tenant_ods
    return await db.keep(found)


async def decide(
    db: Transaction, caller: Caller, input: DecideAssurance
) -> SecurityAssurance | NotFound | NotPermitted | VersionConflict | WrongState | ValidationFailed:
    """Decide what a review came to: approve for a time and with a confidence, ask for more evidence, or reject.

    Decided by a person of an assurer, never of the supplier (domain model, B.4, 4).
    """
    if input.valid_until and input.valid_until <= db.now:
        return ValidationFailed.of("validUntil", "is not in the future")
    found = await _to_assure(db, caller, input.assurance)
    if not isinstance(found, SecurityAssurance):
        return found
    if refused := not_from(found, input, AssuranceState.UNDER_REVIEW):
        return refused
    found.confidence = input.confidence
    found.valid_until = input.valid_until
    return await _decided(db, found, AssuranceState(input.verdict), input.reason)


async def revoke(
    db: Transaction, caller: Caller, input: RevokeAssurance
) -> SecurityAssurance | NotFound | NotPermitted | VersionConflict | WrongState:
    """Take an approval back, with the reason. It stays taken back: the supplier submits another."""
    found = await _to_assure(db, caller, input.assurance)
    if not isinstance(found, SecurityAssurance):
        return found
    if refused := not_from(found, input, AssuranceState.APPROVED):
        return refused
    return await _decided(db, found, AssuranceState.REVOKED, input.reason)


def listed(product: str | None = None, state: AssuranceState | None = None) -> Page[SecurityAssurance]:
    """Return the assurances of the security of builds that the caller may see, in the order they were begun.

    By `product`: its code. Filters together must all be met.
    """
    found = select(SecurityAssurance)
    if product is not None:
        named = select(col(Product.id)).where(col(Product.code) == product)
        found = found.where(col(SecurityAssurance.product_id).in_(named))
    if state is not None:
        found = found.where(col(SecurityAssurance.state) == state)
    return Page(found)


async def _take(db: Transaction, assurance: SecurityAssurance) -> None:
    """Take the product's turn, and read the assurance again as whoever had it before left it."""
    await db.lock(assurance.product_id)
    await db.refresh(assurance)


async def _not_to_supersede(
    db: Transaction, earlier: SecurityAssurance, build: Build
) -> ValidationFailed | WrongState | None:
    await db.refresh(earlier)
    if earlier.build_id != build.id:
        return ValidationFailed.of("supersedes", "is about another build")
    return None if earlier.state in SUBMITTED else wrong_state(earlier.state, *SUBMITTED)


async def _to_assure(db: Transaction, caller: Caller, given: str) -> SecurityAssurance | NotFound | NotPermitted:
    """Return the assurance in its turn, to whoever may decide of it; the database holds the same."""
    assurance = await db.find(SecurityAssurance, given)
    if assurance is None:
        return NotFound(path=["input", "assurance"])
    if caller.kind != OrganisationKind.ASSURER or caller.tenant_ods == assurance.tenant_ods:
        return NotPermitted(
            message="An assurance is decided by an assurer, never by its supplier.",
            needs=OrganisationKind.ASSURER,
            next_step="Ask the assurer.",
            path=["input", "assurance"],
        )
    await _take(db, assurance)
    return assurance


async def _decided(
    db: Transaction, assurance: SecurityAssurance, state: AssuranceState, reason: str
) -> SecurityAssurance:
    assurance.state = state
    assurance.assurer_ods = db.caller.tenant_ods
    assurance.decider = db.caller.subject
    assurance.decided_at = db.now
    assurance.decision_reason = reason
    return await db.keep(assurance)


def _unfounded(assurance: SecurityAssurance) -> GateShut:
    return GateShut(
        message="It rests on no evidence.",
        path=["input", "assurance"],
        obstacles=[
            Obstacle(
                code="EVIDENCE",
                what="No evidence was added to it.",
                clears=f"SUPPLIER_LEAD of {assurance.tenant_ods}",
                since=assurance.created_at,
                next_step="Add evidence with addEvidence; then submit it again.",
                about=assurance.global_id(),
            )
        ],
    )
