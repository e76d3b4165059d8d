"""Testing: a trust reports what it tested; a report is corrected by another, never changed."""

import uuid
from typing import Any

from sqlalchemy import Boolean, ColumnElement, and_, bindparam, func
from sqlalchemy.orm import aliased
from sqlmodel import col, select

from auth.caller import Caller
from auth.tenancy import Transaction, key_of
from schema.problem import AlreadyDecided, BuildSuperseded, NotFound, SameHands, ValidationFailed
from schema.product import Build, Product
from schema.system import System, turn_of
from schema.testing import CorrectTestReport, ReportTest, TestReport

SAME_HANDS = SameHands(
    message="You signed for this system, or decided that it goes, so you file no test of it.",
    next_step="Ask somebody else of your organisation who holds the role TRUST_IT.",
    did="giveSignOff or decideGoNoGo",
)


async def report(
    db: Transaction, caller: Caller, input: ReportTest
) -> TestReport | NotFound | BuildSuperseded | ValidationFailed | SameHands:
    """Report one result for one test stage on the current build of a trust's own system.

    The first report on a build makes it the system's current build. Whoever signed for the system's safety, or decided
    that it goes, files no test of it (domain model, B.4, 4).
    """
    tested, on = key_of(System, input.system), key_of(Build, input.build)
    await db.lock(turn_of(caller.tenant_ods, tested))
    system, build, current, stands_by = await _tested(db, caller, tested, on)
    if system is None:
        return NotFound(path=["input", "system"])
    if build is None:
        return NotFound(path=["input", "build"])
    if refused := _refused(db, input, None if current is None or current.id == build.id else current):
        return refused
    if stands_by:
        return SAME_HANDS
    if system.current_build_id != build.id:
        system.current_build_id = build.id
        await db.keep(system)
    return await db.keep(
        TestReport(
            **db.made,
            **input.model_dump(exclude={"system", "build", "as_of", "idempotency_key"}),
            system_id=system.id,
            supplier_ods=system.supplier_ods,
            build_id=build.id,
            as_of=input.as_of or db.now,
            reported_at=db.now,
        )
    )


async def correct(
    db: Transaction, caller: Caller, input: CorrectTestReport
) -> TestReport | NotFound | AlreadyDecided | ValidationFailed | SameHands:
    """Put right a report that was wrong. The new report counts instead; the wrong one stays readable."""
    wrong = await db.own(TestReport, input.corrects, caller)
    if wrong is None:
        return NotFound(path=["input", "corrects"])
    if input.as_of and input.as_of > db.now:
        return ValidationFailed.of("asOf", "is in the future")
    await db.lock(turn_of(wrong.tenant_ods, wrong.system_id))
    if await db.one(select(TestReport).where(col(TestReport.corrects_id) == wrong.id)):
        return AlreadyDecided(message="This report was corrected before; correct the correction.")
    if await db.one(select(func.app.stands_by(wrong.tenant_ods, wrong.system_id, type_=Boolean))):
        return SAME_HANDS
    return await db.keep(
        TestReport(
            **db.made,
            **input.model_dump(exclude={"corrects", "as_of", "idempotency_key"}),
            **wrong.model_dump(include={"system_id", "supplier_ods", "build_id", "test"}),
            as_of=input.as_of or wrong.as_of,
            reported_at=db.now,
            corrects_id=wrong.id,
        )
    )


def _of(build: Any) -> ColumnElement[bool]:
    """Return the condition that a build is one of the system's product."""
    return and_(col(build.tenant_ods) == System.supplier_ods, col(build.product_id) == System.product_id)


_current = aliased(Build)
_TESTED = (
    select(System, Build, _current, func.app.stands_by(System.tenant_ods, System.id, type_=Boolean))
    .outerjoin(Build, and_(_of(Build), col(Build.id) == bindparam("on")))
    .outerjoin(Product, and_(col(Product.tenant_ods) == System.supplier_ods, col(Product.id) == System.product_id))
    .outerjoin(_current, and_(_of(_current), col(_current.id) == Product.current_build_id))
    .where(col(System.tenant_ods) == bindparam("trust"), col(System.id) == bindparam("tested"))
)


async def _tested(
    db: Transaction, caller: Caller, tested: uuid.UUID | None, on: uuid.UUID | None
) -> tuple[System | None, Build | None, Build | None, bool]:
    """Return the trust's own system, the build meant, the current one, and whether the caller stands by the system."""
    found = await db.rows(_TESTED, trust=caller.tenant_ods, tested=tested, on=on)
    return tuple(found[0]) if found else (None, None, None, False)


def _refused(db: Transaction, input: ReportTest, newer: Build | None) -> ValidationFailed | BuildSuperseded | None:
    """Return why a report cannot be so: it tells of the future, or of a build that a newer one replaced."""
    if input.as_of and input.as_of > db.now:
        return ValidationFailed.of("asOf", "is in the future")
    return _superseded(newer) if newer else None


def _superseded(current: Build) -> BuildSuperseded:
    return BuildSuperseded(path=["input", "build"], current_build=current.global_id(), current_label=current.label)
