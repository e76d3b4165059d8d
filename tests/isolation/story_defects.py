"""What the story tells of defects and known issues, by their raisers and their supplier, and of the holds proposed."""

from schema.organisation import OrganisationKind as Kind
from tests.isolation.oracle import of_kind
from tests.isolation.teller import Course, Supplied, Teller

(NATIONAL,) = of_kind(Kind.NATIONAL)


async def own_defects(to: Teller, made: Supplied) -> None:
    """Tell of the supplier's own defects, and of the issues it publishes."""
    told = made.told
    mended = await to.change(told, "raiseDefect", build=made.build)
    await to.change(told, "regradeDefect", defect=mended)
    for verb in ("triageDefect", "acceptDefect"):
        await to.change(told, verb, defect=mended)
    for verb in ("failRetest", "closeDefect"):
        await to.change(told, "offerFix", defect=mended, build=made.build)
        await to.change(told, "retestDefect", defect=mended)
        await to.change(told, verb, defect=mended)
    contested = await to.change(told, "raiseDefect", build=made.build)
    for verb in ("triageDefect", "rejectDefect", "contestDefect"):
        await to.change(told, verb, defect=contested)
    issue = {"product": made.product, "firstBuild": made.build}
    resolved = await to.change(told, "publishKnownIssue", **issue, fixedIn=made.build, defect=mended)
    await to.change(told, "resolveKnownIssue", knownIssue=resolved)
    left = await to.change(told, "publishKnownIssue", **issue)
    to.leave(told, "resolveKnownIssue", knownIssue=left)
    to.leave(told, "markDefectDuplicate", defect=await _triaged(to, made))
    accepted = await _triaged(to, made)
    await to.change(told, "acceptDefect", defect=accepted)
    to.leave(told, "offerFix", defect=accepted)


async def _triaged(to: Teller, made: Supplied) -> str:
    defect = await to.change(made.told, "raiseDefect", build=made.build)
    await to.change(made.told, "triageDefect", defect=defect)
    return defect


async def defects(course: Course) -> None:
    """Tell of a trust's defects on the system it has not accepted, each of which proposes a hold."""
    first, second, third, *_ = [await _held(course, who) for who in (course.trust, course.region, NATIONAL)]
    await _mended(course, first)
    for verb in ("triageDefect", "rejectDefect"):
        await course.suppliers(verb, defect=second)
    await course.trusts("contestDefect", defect=second)
    await course.suppliers("triageDefect", defect=second)
    await course.suppliers("markDefectDuplicate", defect=second, duplicateOf=first)
    await course.suppliers("triageDefect", defect=third)
    await course.suppliers("deferDefect", defect=third)


async def _held(course: Course, who: str) -> str:
    """Raise two defects, and have somebody confirm the hold that one proposes, and dismiss the other's."""
    for verb in ("confirmHold", "dismissHold"):
        defect = await course.trusts("raiseDefect", build=course.made.build, system=course.beside)
        hold = await course.to.made_by(course.told(), "Hold")
        await course.to.change(course.told(by=who), verb, hold=hold)
    await course.trusts("regradeDefect", defect=defect)
    return defect


async def _mended(course: Course, defect: str) -> None:
    for verb in ("triageDefect", "acceptDefect", "agreeWorkaround"):
        await course.suppliers(verb, defect=defect)
    await course.trusts("acceptWorkaround", defect=defect)
    for verb in ("failRetest", "closeDefect"):
        await course.suppliers("offerFix", defect=defect, build=course.made.build)
        await course.trusts("retestDefect", defect=defect)
        await course.trusts(verb, defect=defect)
