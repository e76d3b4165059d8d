"""As known at: at every instant of a wave's course, its slots' and its cohorts', what was so then is answered."""

from typing import Any

from tests.reinstatement.waves import TODAY, WHY, Slots, put
from tests.stage import Stage, person
from tests.test_known import Story, known, now

FIELDS = (
    "state approvedAt membersTotal members { nodes { state } } slots { nodes { state place } } holds { totalCount }"
)


class Told(Slots):
    """Waves whose every change is remembered."""

    def __init__(self, stage: Stage) -> None:
        ids = stage.tell("R1A", "RYG", "RNK")
        self.story = Story(stage)
        super().__init__(stage, ids, slotsADay=1)

    def act(self, who: Any, verb: str, /, select: str = "id state version", **given: Any) -> dict[str, Any]:
        """Do something, and note what is held after it."""
        done = super().act(who, verb, select, **given)
        assert "code" not in done, done
        self.story.remember()
        return done


def test_a_wave_is_known_as_it_was(fresh_stage: Stage) -> None:
    told = Told(fresh_stage)
    stage, ids = fresh_stage, told.ids
    wave = told.draft(*(ids[code] for code in ("R1A", "RYG", "RNK")))
    told.act("SUPPLIER", "amendWave", wave=wave, soakDays=3)
    told.bring(wave, "PROPOSED")
    told.step("returnWave", wave)
    told.bring(wave, "OPEN")
    slots = {code: told.confirmed(ids[code], code, day) for day, code in enumerate(("R1A", "RYG"))}
    for code, slot in slots.items():
        told.act(code, "offerSlotSwap", slot=slot)
    told.act("SUPPLIER", "swapSlots", one=slots["R1A"], other=slots["RYG"])
    told.act("R1A", "handBackSlot", slot=slots["R1A"], **WHY)
    given = {"system": ids["R1A"], "name": "A cohort", "accounts": 9, "plannedOn": str(TODAY)}
    first = told.act("R1A", "planCohort", "id", teams=150, **given)["id"]
    second = told.act("R1A", "planCohort", "id", teams=8, **given)["id"]
    told.act("R1A", "finaliseCohorts", "id", system=ids["R1A"])
    told.act("R1A", "holdBackCohort", "id", cohort=first, into=second, teams=1, accounts=0, **WHY)
    told.act("R1A", "excuseCohort", "id", cohort=second, **WHY)
    hold = told.act(person("NATIONAL"), "placeHold", held=wave, reasonCode="CHANGE_FREEZE", **WHY)["id"]
    told.act("NATIONAL", "releaseHold", "id", hold=hold, **WHY)
    told.step("callOffWave", wave)
    assert len(told.story.told) > 25
    for at, then in told.story.told:
        assert known(stage, at) == then
    at = told.story.told[-1][0]
    for code in ("R1A", "RNK", "Y60", "SUPPLIER", "RIVAL", "QGH"):
        assert known(stage, at, code) == now(stage, code)


def test_its_answer_is_known_too_but_for_what_no_event_tells(fresh_stage: Stage) -> None:
    told = Told(fresh_stage)
    wave = told.bring(told.draft(*(told.ids[code] for code in ("R1A", "RYG", "RNK"))), "PROPOSED")
    at = told.story.told[-1][0].isoformat()
    told.step("approveWave", wave)
    told.confirmed(told.ids["R1A"])
    put(fresh_stage, told.ids["R1A"], "READY")
    document = f"query($at: DateTime) {{ waves(asKnownAt: $at) {{ nodes {{ {FIELDS} }} }} }}"
    (then,), (today,) = (fresh_stage.ask("RIVAL", document, at=each)["waves"]["nodes"] for each in (at, None))
    none: dict[str, Any] = {"members": {"nodes": []}, "slots": {"nodes": []}, "holds": {"totalCount": 0}}
    assert then == {"state": "PROPOSED", "approvedAt": None, "membersTotal": None, **none}
    assert (today["state"], today["membersTotal"], bool(today["approvedAt"])) == ("APPROVED", 3, True)
