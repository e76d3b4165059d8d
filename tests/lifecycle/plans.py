"""Waves, slots and cohorts in the model: who goes when (B.2), with the capacity of a day and the totals of a plan."""

import datetime as dt
from functools import partial

from tests.lifecycle.acts import Act, Thing, first, told, unless
from tests.lifecycle.cast import Actor
from tests.lifecycle.facts import Cohort, Member, Slot, Wave
from tests.lifecycle.model import BOOKED, DAY, RUNNING, Model

REASON = {"reason": "By the published rule."}
KINDS = ("PILOT", "EARLY_ADOPTER", "MAIN", "TAIL")
WAVE_STEPS: dict[str, tuple[set[str], str]] = {
    "proposeWave": ({"DRAFT"}, "PROPOSED"),
    "cancelWave": ({"DRAFT", "PROPOSED"}, "CANCELLED"),
    "returnWave": ({"PROPOSED"}, "DRAFT"),
    "approveWave": ({"PROPOSED"}, "APPROVED"),
    "openWave": ({"APPROVED"}, "OPEN"),
    "completeWave": ({"OPEN"}, "COMPLETE"),
    "callOffWave": ({"APPROVED", "OPEN"}, "CANCELLED"),
}
SUPPLIERS = ("proposeWave", "cancelWave")


def draft_wave(model: Model, who: Actor, soak_days: int, a_day: int, predecessor: int | None) -> Act:
    """Return the next wave."""
    number, opens = len(model.waves), model.now.date()
    wave = Wave(opens, opens + 60 * DAY, predecessor, soak_days, a_day)
    given = {
        "product": Thing("product"), "incident": Thing("incident"), "number": number, "kind": KINDS[min(number, 3)],
        "opensOn": wave.opens.isoformat(), "closesOn": wave.closes.isoformat(), "soakDays": soak_days,
        "orderRationale": "Smallest first.", "slotsADay": a_day,
    }  # fmt: skip
    if predecessor is not None:
        given["predecessor"] = Thing(f"wave:{predecessor}")
    problem = None if who.code == "SUPPLIER" else "NotFound"
    effect = partial(model.waves.append, wave)
    return Act("draftWave", who, given, unless(problem, effect), makes=f"wave:{number}")


def add_member(model: Model, who: Actor, number: int, trust: str) -> Act:
    """Return a system put in a wave."""
    problem = first(
        None if who.code == "SUPPLIER" else "NotFound",
        None if model.waves[number].state in ("DRAFT", "PROPOSED", "APPROVED", "OPEN") else "WrongState",
        "AlreadyRegistered" if model.member(trust) else None,
    )
    given = {"wave": Thing(f"wave:{number}"), "system": Thing(f"system:{trust}"), **REASON}
    effect = partial(model.members.append, Member(trust, number))
    return Act("addWaveMember", who, given, unless(problem, effect), makes=f"member:{len(model.members)}")


def move_member(model: Model, verb: str, who: Actor, number: int) -> Act:
    """Return a membership approved or struck out by the national team, or taken back by the supplier."""
    member = model.members[number]
    becomes, before = {
        "approveWaveMember": ("APPROVED", ("PROPOSED",)),
        "strikeWaveMember": ("REMOVED", ("PROPOSED", "APPROVED")),
        "removeWaveMember": ("REMOVED", ("PROPOSED",)),
    }[verb]
    running = model.waves[member.wave].state in ("PROPOSED", "APPROVED", "OPEN")
    problem = first(
        "NotFound" if verb == "removeWaveMember" and who.code != "SUPPLIER" else None,
        None if member.state in before else "WrongState",
        None if running or becomes == "REMOVED" else "WrongState",
    )
    given = {"member": Thing(f"member:{number}"), **({} if becomes == "APPROVED" else REASON)}
    return Act(verb, who, given, unless(problem, partial(setattr, member, "state", becomes)))


def move_wave(model: Model, verb: str, who: Actor, number: int) -> Act:
    """Return a step of a wave."""
    wave = model.waves[number]
    before, becomes = WAVE_STEPS[verb]
    there = [each for each in model.members if each.wave == number and each.state != "REMOVED"]

    def effect() -> None:
        if becomes == "CANCELLED":
            left = {system.trust for system in model.left(number)}
            for member in there:
                member.state = "REMOVED" if member.trust in left else member.state
        for member in there if becomes == "APPROVED" else []:
            member.state = "APPROVED"
        wave.state = becomes
        wave.proposed = wave.proposed or becomes == "PROPOSED"

    problem = first(
        None if verb not in SUPPLIERS or who.code == "SUPPLIER" else "NotFound",
        None if wave.state in before else "WrongState",
        None if there or becomes not in ("PROPOSED", "APPROVED") else "ValidationFailed",
        "HeldBy" if becomes == "OPEN" and model.held_wave(number) else None,
        "GateShut" if becomes == "OPEN" and not model.may_follow(number) else None,
        "GateShut" if becomes == "COMPLETE" and model.left(number) else None,
    )
    reasoned = verb in ("approveWave", "returnWave", "cancelWave", "callOffWave")
    given = {"wave": Thing(f"wave:{number}"), **(REASON if reasoned else {})}
    return Act(verb, who, given, unless(problem, effect))


def request(model: Model, who: Actor, trust: str, ahead: int, days: int = 0) -> Act:
    """Return a window asked for, some days ahead, of two hours or so many days more."""
    starts = (model.now + ahead * DAY).replace(hour=10, minute=0, second=0)
    ends = starts + dt.timedelta(days=days, hours=2)
    wave = model.approved_in(trust)
    its = None if wave is None else model.waves[wave]
    problem = first(
        None if who.code == trust else "NotFound",
        None if its and its.state in ("APPROVED", "OPEN") else "WrongState",
        "WrongState" if model.systems[trust].state in (*RUNNING, "RECOVERED", "REPLACED", "RETIRED") else None,
        None if its and its.opens <= starts.date() <= ends.date() <= its.closes else "ValidationFailed",
        "AlreadyRegistered" if model.slot(trust) else None,
    )
    times = {"startsAt": told(starts), "endsAt": told(ends)}
    effect = partial(model.slots.append, Slot(trust, wave or 0, starts, ends))
    given = {"system": Thing(f"system:{trust}"), **times}
    return Act("requestSlot", who, given, unless(problem, effect), makes=f"slot:{len(model.slots)}")


def _bookable(model: Model, slot: Slot) -> bool:
    """Whether the system of a slot is of its wave still, and slots of that are booked."""
    return model.approved_in(slot.trust) == slot.wave and model.waves[slot.wave].state in ("APPROVED", "OPEN")


def full(model: Model, slot: Slot) -> bool:
    """Whether all places of a slot's day are taken."""
    taken = [
        each for each in model.slots
        if each.state == "CONFIRMED" and each.wave == slot.wave and each.starts.date() == slot.starts.date()
    ]  # fmt: skip
    return len(taken) >= model.waves[slot.wave].a_day


def move_slot(model: Model, verb: str, who: Actor, number: int) -> Act:
    """Return what a supplier answers to a slot, or what its trust makes of it."""
    slot = model.slots[number]
    side = "SUPPLIER" if verb in ("confirmSlot", "declineSlot") else slot.trust
    in_use = model.systems[slot.trust].state in (*RUNNING, "RECOVERED")
    refused = {
        "confirmSlot": first(
            None if slot.state == "REQUESTED" and _bookable(model, slot) else "WrongState",
            "FullyBooked" if full(model, slot) else None,
        ),
        "declineSlot": first(
            None if slot.state in BOOKED else "WrongState",
            "WrongState" if slot.state == "CONFIRMED" and _bookable(model, slot) else None,
        ),
        "handBackSlot": "WrongState" if slot.state not in BOOKED or in_use else None,
        "offerSlotSwap": None if slot.state == "CONFIRMED" else "WrongState",
    }[verb]

    def effect() -> None:
        if verb == "offerSlotSwap":
            slot.offered = True
        else:
            slot.state = {"confirmSlot": "CONFIRMED", "declineSlot": "DECLINED", "handBackSlot": "HANDED_BACK"}[verb]

    problem = first(None if who.code == side else "NotFound", refused)
    given = {"slot": Thing(f"slot:{number}"), **(REASON if verb in ("declineSlot", "handBackSlot") else {})}
    return Act(verb, who, given, unless(problem, effect))


def swap(model: Model, who: Actor, one: int, other: int) -> Act:
    """Return the exchange of two slots' times."""
    both = model.slots[one], model.slots[other]

    def effect() -> None:
        both[0].starts, both[1].starts = both[1].starts, both[0].starts
        both[0].ends, both[1].ends = both[1].ends, both[0].ends
        both[0].offered = both[1].offered = False

    problem = first(
        None if who.code == "SUPPLIER" else "NotFound",
        None if both[0].wave == both[1].wave and one != other else "ValidationFailed",
        None if all(each.state == "CONFIRMED" and each.offered for each in both) else "WrongState",
    )
    given = {"one": Thing(f"slot:{one}"), "other": Thing(f"slot:{other}")}
    return Act("swapSlots", who, given, unless(problem, effect))


def plan(model: Model, who: Actor, trust: str, teams: int) -> Act:
    """Return a cohort put in the plan; into a final one, an empty one alone."""
    problem = first(
        None if who.code == trust else "NotFound",
        "AlreadyDecided" if model.systems[trust].final and teams else None,
    )
    count = {"teams": teams, "accounts": 10 * teams}
    day = model.now.date().isoformat()
    given = {"system": Thing(f"system:{trust}"), "name": "Worcester", "plannedOn": day, **count}
    effect = partial(model.cohorts.append, Cohort(trust, **count))
    return Act("planCohort", who, given, unless(problem, effect), makes=f"cohort:{len(model.cohorts)}")


def finalise(model: Model, who: Actor, trust: str) -> Act:
    """Return the word that a plan is final: its cohorts hold all teams and accounts (B.4, 9)."""
    system = model.systems[trust]
    teams = sum(each.teams for each in model.cohorts if each.trust == trust)
    accounts = sum(each.accounts for each in model.cohorts if each.trust == trust)

    def effect() -> None:
        system.final, system.accounts = True, accounts

    problem = first(
        None if who.code == trust else "NotFound",
        "AlreadyDecided" if system.final else None,
        None if teams == system.teams and system.accounts in (None, accounts) else "ValidationFailed",
    )
    given = {"system": Thing(f"system:{trust}")}
    return Act("finaliseCohorts", who, given, unless(problem, effect))


def move_cohort(model: Model, verb: str, who: Actor, number: int) -> Act:
    """Return a cohort brought live, or excused."""
    cohort = model.cohorts[number]
    live = verb == "bringCohortLive"
    problem = first(
        None if who.code == cohort.trust else "NotFound",
        None if cohort.state == "PLANNED" else "WrongState",
        "WrongState" if live and model.systems[cohort.trust].state not in RUNNING else None,
        "HeldBy" if live and model.held_over(cohort.trust) else None,
    )
    given = {"cohort": Thing(f"cohort:{number}"), **({} if live else REASON)}
    effect = partial(setattr, cohort, "state", "LIVE" if live else "EXCUSED")
    return Act(verb, who, given, unless(problem, effect))


def hold_back(model: Model, who: Actor, number: int, into: int, teams: int) -> Act:
    """Return teams moved from one cohort of a system to another; the totals stay."""
    cohort, other = model.cohorts[number], model.cohorts[into]

    def effect() -> None:
        for name, many in (("teams", teams), ("accounts", 10 * teams)):
            setattr(cohort, name, getattr(cohort, name) - many)
            setattr(other, name, getattr(other, name) + many)

    problem = first(
        None if who.code == cohort.trust else "NotFound",
        None if cohort.state == "PLANNED" else "WrongState",
        None if other.trust == cohort.trust and number != into else "NotFound",
        None if other.state == "PLANNED" else "WrongState",
        None if 0 < teams <= cohort.teams and 10 * teams <= cohort.accounts else "ValidationFailed",
    )
    moved = {"teams": teams, "accounts": 10 * teams}
    given = {"cohort": Thing(f"cohort:{number}"), "into": Thing(f"cohort:{into}"), **moved, **REASON}
    return Act("holdBackCohort", who, given, unless(problem, effect))
