"""What the story tells of a system that comes back: tested, signed off, decided, rolled back once, live, recovered."""

from schema.people.account import Role
from tests.isolation.oracle import Told
from tests.isolation.story_gates import assessed, passed
from tests.isolation.story_products import unsafe
from tests.isolation.story_waves import completed
from tests.isolation.teller import Course, Supplied, Teller

MANDATORY = ("CONNECTIVITY", "SMOKE", "ACCESS", "INTERFACE", "DATA_INTEGRITY", "UAT", "OAT")


async def recovered(to: Teller, made: Supplied, courses: list[Course], gates: dict[str, str]) -> None:
    """Bring the first system of each trust live, withdraw what was signed, and have them recovered all the same."""
    await assessed(to, courses[0].of["wave"], courses, gates)
    for course in courses:
        await _live(course, gates)
    await unsafe(to, made)
    for course in courses:
        await course.trusts("withdrawSignOff", signOff=await to.made_by(course.told(), "SafetySignOff"))
        await _drafted(course, course.beside)
        await course.trusts("declareRecovered", system=course.system)
        await to.change(course.told(by=course.region), "countersignRecovery", system=course.system)
    await completed(to, made, courses)
    for course in courses:
        await _beside(course)


async def _live(course: Course, gates: dict[str, str]) -> None:
    to, system = course.to, course.system
    await course.trusts("acknowledgeHandover", system=system)
    for test in MANDATORY:
        report = {"system": system, "build": course.made.build, "test": test}
        await to.change(course.told(role=Role.TRUST_IT), "reportTest", **report)
    await _signed(course)
    await course.trusts("acceptSystem", system=system)
    await passed(course, gates)
    await _decided(course)
    first, second = await _planned(course)
    await course.trusts("beginReinstatement", system=system)
    await course.trusts("bringCohortLive", cohort=first)
    await course.trusts("rollBack", system=system)
    await course.trusts("releaseHold", hold=await to.made_by(course.told(), "Hold"))
    await course.trusts("retest", system=system)
    await _signed(course)
    await course.trusts("acceptSystem", system=system)
    await course.trusts("decideGoNoGo", system=system, outcome="GO")
    await course.trusts("beginReinstatement", system=system)
    for cohort in (first, second):
        await course.trusts("bringCohortLive", cohort=cohort)
    await course.trusts("goLive", system=system)


async def _drafted(course: Course, system: str, **accepted: int) -> str:
    return await course.trusts("draftSignOff", build=course.made.build, system=system, **accepted)


async def _signed(course: Course) -> None:
    """Decline a sign-off whose hazards are not accepted, and sign one whose are."""
    declined = await _drafted(course, course.system)
    await course.trusts("reviseHazardSummary", hazards=await course.to.made_by(course.told(), "HazardSummary"))
    await course.trusts("submitSignOff", signOff=declined)
    await course.trusts("declineSignOff", signOff=declined)
    signed = await _drafted(course, course.system, transferredAccepted=3)
    await course.trusts("submitSignOff", signOff=signed)
    await course.trusts("giveSignOff", signOff=signed)


async def _decided(course: Course) -> None:
    await course.trusts("decideGoNoGo", system=course.system, outcome="NO_GO")
    decision = await course.trusts("decideGoNoGo", system=course.system, outcome="GO_WITH_CONDITIONS", conditions=[{}])
    await course.trusts("meetObligation", obligation=await course.to.made_by(course.told(), "Obligation"))
    for code in (course.trust, course.region):
        await course.to.change(course.theirs(code), "recordDissent", decision=decision)


async def _planned(course: Course) -> list[str]:
    """Plan three cohorts of which one is excused; give the other two."""
    first, second, excused = [await course.trusts("planCohort", system=course.system) for _ in range(3)]
    await course.trusts("amendCohort", cohort=first)
    await course.trusts("holdBackCohort", cohort=first, into=second)
    await course.trusts("finaliseCohorts", system=course.system)
    await course.trusts("excuseCohort", cohort=excused)
    return [first, second]


async def _beside(course: Course) -> None:
    """Have a third system replaced, and both sides dispute where the second stands; leave cohorts of it planned."""
    lost = {"product": course.made.product, "incident": course.incident}
    replaced = await course.trusts("registerSystem", **lost)
    for verb in ("replaceSystem", "retireSystem"):
        await course.trusts(verb, system=replaced)
    for code in (course.trust, course.made.supplier):
        told: Told = course.theirs(code)
        dispute = await course.to.change(told, "raiseDispute", system=course.beside)
        await course.to.change(told, "settleDispute", dispute=dispute)
        await course.to.change(told, "raiseDispute", system=course.beside)
    cohort, into = [await course.trusts("planCohort", system=course.beside) for _ in range(2)]
    course.to.leave(course.told(), "holdBackCohort", cohort=cohort, into=into)
