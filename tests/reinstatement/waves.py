"""What the stories of waves share: who acts, how a wave is brought to a state, and how a system is put in one."""

import datetime as dt
from typing import Any

from auth.caller import Caller
from tests.ledger import as_superuser
from tests.stage import Stage, person

TODAY = dt.datetime.now(dt.UTC).date()
WAVE = {
    "kind": "PILOT",
    "opensOn": str(TODAY - dt.timedelta(days=30)),
    "closesOn": str(TODAY + dt.timedelta(days=30)),
    "orderRationale": "Smallest first.",
    "soakDays": 0,
    "slotsADay": 2,
}
WHY = {"reason": "The rule, applied."}
# Which operation moves a wave where, and whose it is.
STEPS = {
    "proposeWave": ("SUPPLIER", {}),
    "approveWave": ("NATIONAL", WHY),
    "returnWave": ("NATIONAL", WHY),
    "openWave": ("NATIONAL", {}),
    "completeWave": ("NATIONAL", {}),
    "cancelWave": ("SUPPLIER", WHY),
    "callOffWave": ("NATIONAL", WHY),
}
# How a wave comes to be in a state.
PATHS: dict[str, list[str]] = {
    "DRAFT": [],
    "PROPOSED": ["proposeWave"],
    "APPROVED": ["proposeWave", "approveWave"],
    "OPEN": ["proposeWave", "approveWave", "openWave"],
    "COMPLETE": ["proposeWave", "approveWave", "openWave", "completeWave"],
    "CANCELLED": ["cancelWave"],
}


class Waves:
    """Waves of the story's product, each with a number of its own."""

    def __init__(self, stage: Stage, ids: dict[str, str], **given: Any) -> None:
        self.stage = stage
        self.ids = ids
        self.given = given
        self.number = 0

    def act(self, who: str | Caller, verb: str, /, select: str = "id state version", **given: Any) -> dict[str, Any]:
        """Do something as everybody an organisation has, or as somebody."""
        return self.stage.change(person(who) if isinstance(who, str) else who, verb, select=select, **given)

    def draft(self, *systems: str, **given: Any) -> str:
        """Draft the next wave, with these systems in it."""
        told = {**WAVE, **self.given, "product": self.ids["product"], "incident": self.ids["incident"], **given}
        wave = self.act("SUPPLIER", "draftWave", **{"number": self.number, **told})
        self.number += 1
        assert wave["state"] == "DRAFT", wave
        for system in systems:
            assert "id" in self.add(wave["id"], system)
        return str(wave["id"])

    def add(self, wave: str, system: str, **given: Any) -> dict[str, Any]:
        """Put a system in a wave."""
        return self.act("SUPPLIER", "addWaveMember", "id state position", wave=wave, system=system, **{**WHY, **given})

    def step(self, verb: str, wave: str, who: str | Caller | None = None, **given: Any) -> dict[str, Any]:
        """Move a wave, as whose step it is or as somebody else."""
        whose, said = STEPS[verb]
        return self.act(who or whose, verb, wave=wave, **{**said, **given})

    def bring(self, wave: str, state: str) -> str:
        """Bring a draft to a state."""
        for verb in PATHS[state]:
            moved = self.step(verb, wave)
            assert "state" in moved, moved
        return wave

    def system(self, trust: str = "R1A") -> str:
        """Register another system of a trust, so that it is in no wave."""
        name = f"Carenotes {self.number} {len(self.ids)}"
        self.ids[name] = self.act(
            trust, "registerSystem", "id", product=self.ids["product"], incident=self.ids["incident"], name=name
        )["id"]
        return self.ids[name]


def put(stage: Stage, system: str, state: str, **columns: str) -> None:
    """Have a system be in a state, past every rule: how it gets there is another story."""
    stated = "".join(f", {name} = {value}" for name, value in columns.items())
    as_superuser(
        stage,
        "set session_replication_role = replica",
        f"update system set state = '{state}'{stated} where id = app.key_of('System', '{system}')",  # noqa: S608 - our own
        "set session_replication_role = origin",
    )


class Slots(Waves):
    """Waves with slots in them."""

    def approved(self, *systems: str, **given: Any) -> str:
        """Draft a wave with these systems and have it approved."""
        return self.bring(self.draft(*systems, **given), "APPROVED")

    def request(self, system: str, trust: str = "R1A", day: int = 0, hour: int = 10, **given: Any) -> dict[str, Any]:
        """Ask for an hour of a day, so many days from today."""
        starts = dt.datetime.combine(TODAY + dt.timedelta(days=day), dt.time(hour), dt.UTC)
        times = {"startsAt": starts.isoformat(), "endsAt": (starts + dt.timedelta(hours=1)).isoformat()}
        return self.act(trust, "requestSlot", "id state onDay queuePosition", system=system, **{**times, **given})

    def confirmed(self, system: str, trust: str = "R1A", day: int = 0, hour: int = 10) -> str:
        """Have a slot confirmed."""
        slot = str(self.request(system, trust, day, hour)["id"])
        answer = self.act("SUPPLIER", "confirmSlot", slot=slot)
        assert answer.get("state") == "CONFIRMED", answer
        return slot
