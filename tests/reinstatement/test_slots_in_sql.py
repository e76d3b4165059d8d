"""Slots and cohorts by SQL, past every rule: whose they are to move, where a place is taken, and that sums stay."""

import datetime as dt
import itertools

import pytest

from schema.reinstatement.slot import MOVES, SlotState
from tests.reinstatement.by_sql import changed, done
from tests.reinstatement.waves import TODAY, WHY, Slots, put
from tests.stage import LISTED, Stage
from tests.test_holds import place

STATES = tuple(state.value for state in SlotState)
NEEDS = {
    "CONFIRMED": ", place = 3",
    "DECLINED": ", place = null, swap_offered = false, decline_reason = 'Why.'",
    "HANDED_BACK": ", place = null, swap_offered = false, hand_back_reason = 'Why.'",
}
HOUR = "starts_at = starts_at + interval '1 hour', ends_at = ends_at + interval '1 hour'"


@pytest.fixture(scope="module")
def slots(stage: Stage) -> Slots:
    """A story whose waves take three a day."""
    return Slots(stage, stage.tell("R1A", "RYG", "RNK"), slotsADay=3)


@pytest.fixture(scope="module")
def told(slots: Slots) -> dict[str, str]:
    """A slot in each state, of one wave and of one day, and one that was offered for exchange."""
    systems = {state: slots.system() for state in (*STATES, "OFFERED")}
    wave = slots.approved(*systems.values())
    made = {state: str(slots.request(system)["id"]) for state, system in systems.items()}
    for state in ("CONFIRMED", "OFFERED"):
        slots.act("SUPPLIER", "confirmSlot", slot=made[state])
    slots.act("SUPPLIER", "declineSlot", slot=made["DECLINED"], **WHY)
    slots.act("R1A", "handBackSlot", slot=made["HANDED_BACK"], **WHY)
    slots.act("R1A", "offerSlotSwap", slot=made["OFFERED"])
    return {**made, "wave": wave}


def slot(id_: str, what: str) -> str:
    """Return the statement that changes a slot."""
    return changed("reinstatement_slot", id_, what)


@pytest.mark.parametrize("code", LISTED)
def test_a_slot_moves_as_the_table_says_and_never_otherwise(stage: Stage, told: dict[str, str], code: str) -> None:
    pairs = list(itertools.permutations(STATES, 2))
    tried = [slot(told[was], f"state = '{becomes}'{NEEDS.get(becomes, '')}") for was, becomes in pairs]
    made = {pair for pair, moved in zip(pairs, done(stage, code, *tried), strict=True) if moved}
    mine = LISTED[code][1] if code in ("R1A", "SUPPLIER") else None
    assert made == {(was, becomes) for was, becomes, kind in MOVES if kind == mine} - {("CONFIRMED", "DECLINED")}


def test_a_place_is_one_slots_and_there_are_no_more_than_the_wave_takes(stage: Stage, told: dict[str, str]) -> None:
    places = (1, 2, 3, 4, 0)  # two are taken, and there are three
    confirmed = [slot(told["REQUESTED"], f"state = 'CONFIRMED', place = {place}") for place in places]
    assert done(stage, "SUPPLIER", *confirmed) == [False, False, True, False, False]
    assert done(stage, "SUPPLIER", slot(told["REQUESTED"], "state = 'CONFIRMED'")) == [False]


def test_a_slot_is_moved_where_its_trust_offered_it_alone(stage: Stage, told: dict[str, str]) -> None:
    elsewhere = f"{HOUR}, swap_offered = false"
    beyond = "starts_at = starts_at + interval '90 days', ends_at = ends_at + interval '90 days', swap_offered = false"
    assert done(stage, "SUPPLIER", slot(told["OFFERED"], elsewhere)) == [True]
    wrong = [
        slot(told["CONFIRMED"], elsewhere),
        slot(told["OFFERED"], HOUR),
        slot(told["OFFERED"], beyond),
        slot(told["OFFERED"], "place = 1, swap_offered = false"),
        slot(told["OFFERED"], "place = 4, swap_offered = false"),
        slot(told["REQUESTED"], f"state = 'CONFIRMED', place = 3, {HOUR}"),
        slot(told["CONFIRMED"], "swap_offered = true"),
    ]
    assert done(stage, "SUPPLIER", *wrong) == [False] * len(wrong)
    assert done(stage, "R1A", slot(told["CONFIRMED"], "swap_offered = true")) == [True]
    for what in ("place = 3", HOUR, "queue_position = 1", "decider = 'x'", "wave_id = wave_id", "on_day = on_day"):
        assert done(stage, "R1A", slot(told["CONFIRMED"], what)) == [False]


def asked(slots: Slots, wave: str, system: str, code: str = "R1A", day: int = 0, **columns: str) -> bool:
    """Tell whether a slot can be written by an organisation for a system on a day."""
    starts = dt.datetime.combine(TODAY + dt.timedelta(days=day), dt.time(10), dt.UTC)
    given = {
        "tenant_ods": "app.tenant()", "id": "gen_random_uuid()", "version": "1", "created_at": "now()",
        "created_by": "'x'", "starts_at": f"'{starts}'", "ends_at": f"'{starts + dt.timedelta(hours=1)}'",
        "supplier_ods": "'SUPPLIER'", "wave_id": f"app.key_of('Wave', '{wave}')", "on_day": "'1999-01-01'",
        "system_id": f"app.key_of('System', '{system}')", "state": "'REQUESTED'", "queue_position": "1",
        "swap_offered": "false", "requested_at": "now()", **columns,
    }  # fmt: skip
    (written,) = done(
        slots.stage,
        code,
        f"insert into reinstatement_slot ({', '.join(given)}) values ({', '.join(given.values())})",  # noqa: S608 - our own
    )
    return written


def test_a_slot_is_asked_for_in_the_wave_that_a_system_is_approved_for(slots: Slots, told: dict[str, str]) -> None:
    system, outside = slots.system(), slots.system()
    wave = slots.approved(system)
    assert {code for code in LISTED if asked(slots, wave, system, code)} == {"R1A"}
    assert not asked(slots, wave, system, day=31)
    assert not asked(slots, wave, system, day=-31)
    assert not asked(slots, wave, system, state="'CONFIRMED'", place="1", decided_at="now()", decider="'x'")
    assert not asked(slots, told["wave"], system)
    assert not asked(slots, wave, outside)
    slots.request(system)
    assert not asked(slots, wave, system)  # it has one
    proposed = slots.bring(slots.draft(outside), "PROPOSED")
    assert not asked(slots, proposed, outside)


def test_a_confirmed_slot_goes_back_by_its_trust_until_it_is_in_use(slots: Slots) -> None:
    system = slots.system()
    wave = slots.approved(system)
    id_ = slots.confirmed(system)
    back, declined = (slot(id_, f"state = '{to}'{NEEDS[to]}") for to in ("HANDED_BACK", "DECLINED"))
    assert (done(slots.stage, "R1A", back), done(slots.stage, "SUPPLIER", declined)) == ([True], [False])
    put(slots.stage, system, "REINSTATING")
    assert done(slots.stage, "R1A", back) == [False]
    put(slots.stage, system, "READY")
    slots.step("callOffWave", wave)
    assert done(slots.stage, "SUPPLIER", declined) == [True]


def cohort(id_: str, what: str) -> str:
    """Return the statement that changes a cohort."""
    return changed("cohort", id_, what)


def test_a_cohort_is_its_trusts_and_goes_live_while_its_system_is_reinstated(slots: Slots) -> None:
    stage, system = slots.stage, slots.system()
    given = {"system": system, "name": "A cohort", "teams": 5, "accounts": 50, "plannedOn": str(TODAY)}
    id_ = slots.act("R1A", "planCohort", "id", **given)["id"]
    live, excused = (
        cohort(id_, f"state = '{state}', {what}")
        for state, what in (("LIVE", "actual_at = app.now()"), ("EXCUSED", "excuse_reason = 'Why.'"))
    )
    ahead = cohort(id_, "state = 'LIVE', actual_at = app.now() + interval '1 minute'")
    assert done(stage, "R1A", live, excused, cohort(id_, "teams = 9")) == [False, True, True]
    put(stage, system, "REINSTATING")
    assert done(stage, "R1A", live, ahead) == [True, False]
    for code in LISTED.keys() - {"R1A"}:
        assert done(stage, code, live, excused, cohort(id_, "teams = 9")) == [False] * 3
    hold = place(stage, "R1A", system)["id"]
    assert done(stage, "R1A", live) == [False]
    slots.act("R1A", "releaseHold", "id", hold=hold, **WHY)
    slots.act("R1A", "bringCohortLive", "id", cohort=id_)
    planned = cohort(id_, "state = 'PLANNED', actual_at = null")
    assert done(stage, "R1A", planned, cohort(id_, "teams = 9"), excused) == [False] * 3
    put(stage, system, "ROLLED_BACK")
    assert done(stage, "R1A", planned) == [True]


def test_once_a_plan_is_final_its_sums_stay(slots: Slots) -> None:
    stage = slots.stage
    lost = {"product": slots.ids["product"], "incident": slots.ids["incident"], "name": "Final", "teamsTotal": 10}
    system = slots.act("R1A", "registerSystem", "id", **lost)["id"]
    given = {"system": system, "name": "A cohort", "teams": 5, "accounts": 50, "plannedOn": str(TODAY)}
    one, other = (slots.act("R1A", "planCohort", "id", **given)["id"] for _ in range(2))
    early = changed("system", system, "cohorts_final_at = now(), accounts_total = 99")
    fits = changed("system", system, "cohorts_final_at = now(), accounts_total = 100")
    assert done(stage, "R1A", early, fits, changed("system", system, "teams_total = 11")) == [False, True, False]
    assert slots.act("R1A", "finaliseCohorts", "id", system=system)["__typename"] == "System"
    moved = f"update cohort set version = version + 1, teams = case when id = app.key_of('Cohort', '{one}') then 4 else 6 end where id in (app.key_of('Cohort', '{one}'), app.key_of('Cohort', '{other}'))"  # noqa: S608 - our own
    assert done(stage, "R1A", moved, cohort(one, "teams = 4"), cohort(one, "accounts = 51")) == [True, False, False]
    for what in ("cohorts_final_at = null", "teams_total = 11", "accounts_total = null"):
        assert done(stage, "R1A", changed("system", system, what)) == [False]
