"""What the story tells of waves and slots: proposed, approved, opened, given up; booked, exchanged, handed back."""

from dataclasses import replace

from schema.organisation import OrganisationKind as Kind
from tests.isolation.oracle import Told, of_kind
from tests.isolation.teller import Course, Supplied, Teller

(NATIONAL,) = of_kind(Kind.NATIONAL)


async def waves(to: Teller, made: Supplied, incident: str, courses: list[Course]) -> None:
    """Tell of a wave that opens, one given up by its supplier and one by the national team; book slots of the first."""
    about = {"product": made.product, "incident": incident}
    await _given_up(to, made, about, courses[0])
    wave = await to.change(made.shown, "draftWave", **about)
    for course in courses:
        for system in (course.system, course.beside):
            course.of[system] = await _add(course, wave, system)
        course.of["wave"] = wave
    await _approved(to, made, wave)
    await _late(courses[0], wave)
    await to.change(_national(made), "openWave", wave=wave)
    for course in courses:
        await slots(course)
    await _full(courses[0], about)
    draft = await to.change(made.told, "draftWave", **about, predecessor=wave)
    await to.change(made.told, "amendWave", wave=draft)
    to.leave(made.told, "addWaveMember", wave=draft)


def _national(made: Supplied) -> Told:
    return Told(made.supplier, by=NATIONAL, shown=True)


async def _add(course: Course, wave: str, system: str, *, shown: bool = True) -> str:
    """Add a system to a wave that is proposed before the story ends, or is not."""
    told = replace(course.theirs(course.made.supplier), shown=shown)
    return await course.to.change(told, "addWaveMember", wave=wave, system=system)


async def _approved(to: Teller, made: Supplied, wave: str) -> None:
    """Propose a wave, have it sent back, and propose it again."""
    await to.change(made.shown, "amendWave", wave=wave)
    await to.change(made.shown, "proposeWave", wave=wave)
    await to.change(_national(made), "returnWave", wave=wave)
    await to.change(made.shown, "proposeWave", wave=wave)
    await to.change(_national(made), "approveWave", wave=wave)


async def _given_up(to: Teller, made: Supplied, about: dict[str, str], course: Course) -> None:
    cancelled = await to.change(made.told, "draftWave", **about)
    taken_back = await _add(course, cancelled, course.system, shown=False)
    await to.change(course.theirs(made.supplier), "removeWaveMember", member=taken_back)
    await to.change(made.told, "cancelWave", wave=cancelled)
    called_off = await to.change(made.shown, "draftWave", **about)
    await _add(course, called_off, course.system)
    await to.change(made.shown, "proposeWave", wave=called_off)
    await to.change(_national(made), "approveWave", wave=called_off)
    await to.change(_national(made), "callOffWave", wave=called_off)


async def _late(course: Course, wave: str) -> None:
    """Add a system to a wave that was approved, have it approved, struck out and added again."""
    lost = {"product": course.made.product, "incident": course.incident}
    system = await course.trusts("registerSystem", **lost)
    member = await _add(course, wave, system)
    for verb in ("approveWaveMember", "strikeWaveMember"):
        told = Told(course.made.supplier, course.trust, course.made.supplier, by=NATIONAL)
        await course.to.change(told, verb, member=member)
    course.of["late"] = system


async def _full(course: Course, about: dict[str, str]) -> None:
    """Book the only slot of a day, and leave another asked for on that day."""
    made, to = course.made, course.to
    wave = await to.change(made.shown, "draftWave", **about, slotsADay=1)
    systems = [await course.trusts("registerSystem", **about) for _ in range(2)]
    for system in systems:
        await _add(course, wave, system)
    await to.change(made.shown, "proposeWave", wave=wave)
    await to.change(_national(made), "approveWave", wave=wave)
    await _booked(course, systems[0])
    to.leave(made.told, "confirmSlot", slot=await course.trusts("requestSlot", system=systems[1]))


async def slots(course: Course) -> None:
    """Have a slot declined and one handed back for each of two systems, then book one for each and exchange these."""
    booked = []
    for system in (course.system, course.beside):
        await course.suppliers("declineSlot", slot=await course.trusts("requestSlot", system=system))
        await course.trusts("handBackSlot", slot=await _booked(course, system))
        slot = await _booked(course, system)
        await course.trusts("offerSlotSwap", slot=slot)
        booked.append(slot)
    await course.suppliers("swapSlots", one=booked[0], other=booked[1])


async def _booked(course: Course, system: str) -> str:
    slot = await course.trusts("requestSlot", system=system)
    await course.suppliers("confirmSlot", slot=slot)
    return slot


async def completed(to: Teller, made: Supplied, courses: list[Course]) -> None:
    """Strike out what is not back, complete the wave, and hold up those after it."""
    for course in courses:
        told = Told(made.supplier, course.trust, made.supplier, by=NATIONAL)
        await to.change(told, "strikeWaveMember", member=course.of[course.beside])
    wave = courses[0].of["wave"]
    await to.change(_national(made), "completeWave", wave=wave)
    await to.change(made.told, "placeHold", held=wave)
    await to.change(made.told, "releaseHold", hold=await to.change(made.told, "placeHold", held=wave))
