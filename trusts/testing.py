"""Testing: a trust reports what it tested; a report is corrected by another, never changed."""

from sqlmodel import col, select

from auth.caller import Caller
from auth.tenancy import Transaction
from schema.problem import AlreadyDecided, BuildSuperseded, NotFound, ValidationFailed
from schema.product import Build, Product
from schema.system import System
from schema.testing import CorrectTestReport, ReportTest, TestReport


async def report(
    db: Transaction, caller: Caller, input: ReportTest
) -> TestReport | NotFound | BuildSuperseded | ValidationFailed:
    """Report one result for one test stage on the current build of a trust's own system.

    The first report on a build makes it the system's current build.
    """
    system = await db.find(System, input.system)
    if system is None or system.tenant_ods != caller.tenant_ods:
        return NotFound(path=["input", "system"])
    build = await db.find(Build, input.build)
    if build is None or build.product_id != system.product_id:
        return NotFound(path=["input", "build"])
    if input.as_of and input.as_of > db.now:
        return ValidationFailed.of("asOf", "is in the future")
    await db.lock(system.id)
    await db.refresh(system)
    if superseded := await _superseded(db, build):
        return superseded
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
) -> TestReport | NotFound | AlreadyDecided | ValidationFailed:
    """Put right a report that was wrong. The new report counts instead; the wrong one stays readable."""
    wrong = await db.find(TestReport, input.corrects)
    if wrong is None or wrong.tenant_ods != caller.tenant_ods:
        return NotFound(path=["input", "corrects"])
    if input.as_of and input.as_of > db.now:
        return ValidationFailed.of("asOf", "is in the future")
    await db.lock(wrong.system_id)
    if await db.one(select(TestReport).where(col(TestReport.corrects_id) == wrong.id)):
        return AlreadyDecided(message="This report was corrected before; correct the correction.")
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


async def _superseded(db: Transaction, build: Build) -> BuildSuperseded | None:
    product = await db.one(select(Product).where(col(Product.id) == build.product_id))
    if product is None or product.current_build_id == build.id:
        return None
    current = await db.one(select(Build).where(col(Build.id) == product.current_build_id))
    if current is None:
        return None
    return BuildSuperseded(path=["input", "build"], current_build=current.global_id(), current_label=current.label)
