"""Holds: progress is stopped by those who may, and goes on when a person of theirs, or of a higher tier, decides so."""

from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_
from sqlmodel import col, select

from auth.caller import Caller
from auth.tenancy import Transaction
from schema.hold import (
    ConfirmHold,
    DismissHold,
    Hold,
    HoldScope,
    HoldState,
    PlaceHold,
    ReleaseHold,
    SystemId,
    turn_of_held,
)
from schema.incident import Incident
from schema.kept.node import Audience
from schema.kept.question import Page
from schema.organisation import OrganisationKind as Kind
from schema.problem import AlreadyDecided, NotFound, NotPermitted, VersionConflict, WrongState
from schema.product import Build, Product
from schema.reinstatement.wave import Wave
from schema.system import System
from trusts.ahead import waves_over

Held = Build | Incident | Product | System | Wave

NOUNS: tuple[type[Held], ...] = (Build, Incident, Product, System, Wave)
ENDED = (HoldState.RELEASED, HoldState.DISMISSED)
PLACERS = {
    HoldScope.BUILD: "the assurer, or the national team",
    HoldScope.INCIDENT: "the national team",
    HoldScope.PRODUCT: "its supplier, or the national team",
    HoldScope.SYSTEM: "its trust, that trust's region, or the national team",
    HoldScope.WAVE: "its supplier, or the national team",
}


async def place(db: Transaction, caller: Caller, input: PlaceHold) -> Hold | NotFound | NotPermitted:
    """Stop progress of a system, or of all that a wave, build, product or incident touches, until it is released.

    A trust holds a system of its own, a region one of its region, a supplier a product or a wave of its own, the
    assurer a build, the national team any of them (domain model, B.3).
    """
    held = await _held(db, input.held)
    if held is None:
        return NotFound(path=["input", "held"])
    hold = Hold(
        **db.made,
        **input.model_dump(exclude={"held", "effective_from", "idempotency_key"}),
        **_about(held),
        tier=caller.kind,
        placed_at=db.now,
        effective_from=input.effective_from or db.now,
    )
    if not _may_place(caller, hold, held):
        return NotPermitted(
            message=f"Your organisation may not hold this {hold.scope.lower()}.",
            needs=PLACERS[hold.scope],
            next_step="Ask one of those that may.",
            path=["input", "held"],
        )
    await db.lock(turn_of_held(hold))
    return await db.keep(hold)


async def release(
    db: Transaction, caller: Caller, input: ReleaseHold
) -> Hold | NotFound | NotPermitted | AlreadyDecided | VersionConflict | WrongState:
    """Decide that progress may go on. For people alone, with a second factor and a sign-in of the last 15 minutes.

    "Released by the same tier or higher" (domain model, B.2): by the organisation that placed it, or by one above
    that one for the same thing. A region is above its trusts, the national team is above everybody.
    """
    hold = await _turned(db, caller, input, HoldState.PLACED)
    return await _ended(db, caller, hold, HoldState.RELEASED, input.reason) if isinstance(hold, Hold) else hold


async def dismiss(
    db: Transaction, caller: Caller, input: DismissHold
) -> Hold | NotFound | NotPermitted | AlreadyDecided | VersionConflict | WrongState:
    """Decide that a hold which a defect proposed is not wanted. For the people who may release one there."""
    hold = await _turned(db, caller, input, HoldState.PROPOSED)
    return await _ended(db, caller, hold, HoldState.DISMISSED, input.reason) if isinstance(hold, Hold) else hold


async def confirm(
    db: Transaction, caller: Caller, input: ConfirmHold
) -> Hold | NotFound | NotPermitted | AlreadyDecided | VersionConflict | WrongState:
    """Place a hold that a defect proposed: from now on it stops progress. For those who may place one there."""
    hold = await _turned(db, caller, input, HoldState.PROPOSED)
    if not isinstance(hold, Hold):
        return hold
    hold.state = HoldState.PLACED
    hold.confirmed_at = db.now
    hold.confirmer_ods = caller.tenant_ods
    hold.confirmer = caller.subject
    return await db.keep(hold)


def listed(
    system: SystemId = None, product: str | None = None, incident: str | None = None, state: HoldState | None = None
) -> Page[Hold]:
    """Return the holds the caller may see, in the order they were placed.

    By `product`: on it or a build of it. By `incident`: on it. Filters together must all be met.
    """
    found = select(Hold)
    if system is not None:
        found = found.where(_over(system))
    if product is not None:
        named = select(col(Product.id)).where(col(Product.code) == product)
        builds = select(col(Build.id)).where(col(Build.product_id).in_(named))
        found = found.where(or_(col(Hold.product_id).in_(named), col(Hold.build_id).in_(builds)))
    if incident is not None:
        lost = select(col(Incident.id)).where(col(Incident.reference) == incident)
        found = found.where(col(Hold.incident_id).in_(lost))
    if state is not None:
        found = found.where(col(Hold.state) == state)
    return Page(found)


async def _turned(
    db: Transaction, caller: Caller, input: ConfirmHold | DismissHold | ReleaseHold, needs: HoldState
) -> Hold | NotFound | NotPermitted | AlreadyDecided | VersionConflict | WrongState:
    """Take the turn of a hold that the caller may decide about, while it stands as it needs to."""
    hold = await db.find(Hold, input.hold)
    if hold is None:
        return NotFound(path=["input", "hold"])
    if caller.kind != Kind.NATIONAL and caller.tenant_ods not in _releasers(hold):
        return NotPermitted(
            message="This hold is decided about by the tier that placed it, or a higher one.",
            needs=", ".join([*_releasers(hold), "the national team"]),
            next_step="Ask one of those that may.",
            path=["input", "hold"],
        )
    await db.lock(turn_of_held(hold))
    await db.refresh(hold)
    if hold.state in ENDED:
        return AlreadyDecided(
            message=f"This hold was {hold.state.lower()} before.", next_step="To stop it again, place another."
        )
    if hold.state != needs:
        return WrongState(
            message=f"This hold is {hold.state}.", state=hold.state, needs=[needs], path=["input", "hold"]
        )
    if input.expected_version not in (None, hold.version):
        return VersionConflict(current_version=hold.version)
    return hold


async def _ended(db: Transaction, caller: Caller, hold: Hold, state: HoldState, reason: str) -> Hold:
    hold.state = state
    hold.released_at = db.now
    hold.releaser_ods = caller.tenant_ods
    hold.releaser = caller.subject
    hold.release_reason = reason
    return await db.keep(hold)


async def _held(db: Transaction, given: str) -> Held | None:
    for noun in NOUNS:
        if found := await db.find(noun, given):
            return found if getattr(found, "proposed_at", True) else None  # a draft of a wave holds nothing up
    return None


def _about(held: Held) -> dict[str, Any]:
    """Return what a hold says of the thing it holds: who reads the thing reads the hold."""
    match held:
        case System():
            whose: dict[str, Any] = {"trust_ods": held.tenant_ods, "supplier_ods": held.supplier_ods}
            return {"scope": HoldScope.SYSTEM, "system_id": held.id, **whose}
        case Incident():
            whose = {"incident_ods": held.tenant_ods, "supplier_ods": held.supplier_ods, "audience": held.audience}
            if held.audience != Audience.PUBLISHED:
                whose["trust_ods"] = held.tenant_ods
            return {"scope": HoldScope.INCIDENT, "incident_id": held.id, **whose}
        case Build() | Product() | Wave():
            name = type(held).__name__.lower()
            whose = {"supplier_ods": held.tenant_ods, "audience": Audience.PUBLISHED}
            return {"scope": HoldScope(name.upper()), f"{name}_id": held.id, **whose}


def _may_place(caller: Caller, hold: Hold, held: Held) -> bool:
    """Tell who places what; the database holds the same (migrations/0014_holds.sql, 0019_waves.sql)."""
    whose: dict[tuple[Kind, HoldScope], str | None] = {
        (Kind.TRUST, HoldScope.SYSTEM): held.tenant_ods,
        (Kind.REGION, HoldScope.SYSTEM): getattr(held, "region_ods", None),
        (Kind.SUPPLIER, HoldScope.PRODUCT): held.tenant_ods,
        (Kind.SUPPLIER, HoldScope.WAVE): held.tenant_ods,
        (Kind.ASSURER, HoldScope.BUILD): caller.tenant_ods,
    }
    return caller.kind == Kind.NATIONAL or whose.get((caller.kind, hold.scope)) == caller.tenant_ods


def _releasers(hold: Hold) -> list[str]:
    """Return who releases a hold besides the national team: who placed it, and the region over a trust's system."""
    over = hold.region_ods if hold.tier in (Kind.REGION, Kind.TRUST) else None
    return list(dict.fromkeys(code for code in (hold.tenant_ods, over) if code))


def _over(system: str) -> ColumnElement[bool]:
    """Return the condition that a hold is over a system: on itself, its wave or an earlier one, its product, ..."""
    its_product = and_(col(Product.tenant_ods) == System.supplier_ods, col(Product.id) == System.product_id)
    covered = or_(
        and_(col(Hold.trust_ods) == System.tenant_ods, col(Hold.system_id) == System.id),
        and_(col(Hold.supplier_ods) == Product.tenant_ods, col(Hold.product_id) == Product.id),
        and_(col(Hold.supplier_ods) == Product.tenant_ods, col(Hold.build_id) == Product.current_build_id),
        and_(col(Hold.supplier_ods) == System.supplier_ods, col(Hold.wave_id).in_(waves_over(System))),
        and_(col(Hold.incident_ods) == System.incident_ods, col(Hold.incident_id) == System.incident_id),
    )
    key = func.app.key_of(System.__name__, system)
    found = select(col(System.id)).outerjoin(Product, its_product).where(col(System.id) == key, covered)
    return found.correlate(Hold).exists()
