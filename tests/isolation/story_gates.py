"""What the story tells of gates: defined, amended, assessed by everybody who may, waived."""

from schema.organisation import OrganisationKind as Kind
from tests.isolation.oracle import Told, of_kind
from tests.isolation.teller import Course, Teller

(NATIONAL,) = of_kind(Kind.NATIONAL)
(ASSURER,) = of_kind(Kind.ASSURER)


async def policy(to: Teller, incident: str) -> dict[str, str]:
    """Define the national team's own gates beside the catalogue, and give those the story asks of by their codes."""
    told, position = Told(NATIONAL), iter(range(101, 110))
    gates = {}
    for code, given in {
        "MANY": {},
        "OF_WAVES": {"scope": "WAVE", "ownerRoles": ["ASSURER", "NATIONAL_IMT", "REGION", "SUPPLIER_LEAD"]},
        "TO_WAIVE": {"mandatory": True},
    }.items():
        gates[code] = await to.change(told, "defineGate", incident=incident, position=next(position), **given)
    for code in ("BACK_ENTRY", "BOARD_APPROVAL"):  # as the catalogue has them
        gates[code] = await to.gate(incident, code)
    await to.change(told, "amendGate", gate=gates["BACK_ENTRY"])
    return gates


async def amended(to: Teller, told: Told, incident: str) -> None:
    """Define a gate of one's own incident, and amend it."""
    await to.change(told, "amendGate", gate=await to.change(told, "defineGate", incident=incident))


async def passed(course: Course, gates: dict[str, str]) -> None:
    """Have the board approve, everybody else say what they found, and the national team waive the last."""
    to, about = course.to, {"subject": course.system, "outcome": "PASSED"}
    await to.change(course.told(), "assessGate", gate=gates["BOARD_APPROVAL"], **about)
    for code in (course.trust, course.region, course.made.supplier, NATIONAL):
        found = {"subject": course.system, "outcome": "PASSED_WITH_CONDITIONS"}
        await to.change(course.theirs(code), "assessGate", gate=gates["MANY"], **found)
    waived = {"gate": gates["TO_WAIVE"], "system": course.system}
    waiver = await to.change(course.theirs(NATIONAL), "waiveGate", **waived)
    await to.change(course.theirs(NATIONAL), "revokeWaiver", waiver=waiver)
    await to.change(course.theirs(NATIONAL), "waiveGate", **waived)


async def assessed(to: Teller, wave: str, courses: list[Course], gates: dict[str, str]) -> None:
    """Have a wave assessed, which everybody reads, by everybody who may."""
    regions = [course.region for course in courses]
    for code in (ASSURER, NATIONAL, courses[0].made.supplier, *regions):
        await to.change(Told(code), "assessGate", gate=gates["OF_WAVES"], subject=wave)
