"""The model: what is known, where the gates stand, and what is in the way. Domain model, B.2 and B.4."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from schema.organisation import OrganisationKind as Kind
from tests.lifecycle.cast import REGION, TRUSTS, Actor
from tests.lifecycle.facts import (
    MANDATORY,
    Assurance,
    Cohort,
    Defect,
    Hold,
    Member,
    Report,
    SignOff,
    Slot,
    System,
    Wave,
)

BEGINS = dt.datetime(2022, 11, 8, 9, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
LONDON = ZoneInfo("Europe/London")
RUNNING = ("REINSTATING", "LIVE")
DONE = ("LIVE", "RECOVERED", "REPLACED", "RETIRED")
AT_TRUSTS = ("HANDED_OVER", "IN_TRUST_TEST", "READY", "APPROVED", "REINSTATING", "LIVE", "RECOVERED", "ROLLED_BACK")
BOOKED = ("REQUESTED", "CONFIRMED")


@dataclass
class Model:
    """Everything there is to know."""

    series: int = 0  # of the story, for references that are one organisation's once
    now: dt.datetime = BEGINS
    builds: list[bool] = field(default_factory=list)  # whether each is safety-relevant
    assurances: list[Assurance] = field(default_factory=list)
    sign_offs: list[SignOff] = field(default_factory=list)
    reports: dict[str, list[Report]] = field(default_factory=lambda: {code: [] for code in TRUSTS})
    systems: dict[str, System] = field(default_factory=dict)
    holds: list[Hold] = field(default_factory=list)
    defects: list[Defect] = field(default_factory=list)
    waves: list[Wave] = field(default_factory=list)
    members: list[Member] = field(default_factory=list)
    slots: list[Slot] = field(default_factory=list)
    cohorts: list[Cohort] = field(default_factory=list)
    waivers: list[tuple[str, str]] = field(default_factory=list)  # gate and trust, the revoked ones too

    @property
    def counting(self) -> int:
        """The build from which results count: the last safety-relevant one, or the first."""
        return max((number for number, safety in enumerate(self.builds) if safety), default=0)

    def counts(self, build: int) -> bool:
        """Tell whether what was found on a build still stands."""
        return build >= self.counting

    # What every gate rests on.
    def assured(self) -> bool:
        """Whether the newest submitted assurance on builds that count is approved, valid and sure enough."""
        standing = [each for each in self.assurances if each.submitted and self.counts(each.build)]
        if not standing:
            return False
        newest = max(standing, key=lambda each: each.submitted or BEGINS)
        return newest.state == "APPROVED" and newest.confidence != "LOW" and (newest.until or self.now) > self.now

    def signed(self, trust: str | None) -> SignOff | None:
        """Return the sign-off that stands: the latest decided on builds that count, if it is signed."""
        decided = [each for each in self.sign_offs if each.trust == trust and each.decided and self.counts(each.build)]
        latest = max(decided, key=lambda each: each.decided or BEGINS, default=None)
        return latest if latest and latest.state == "SIGNED" else None

    def deployed_safely(self, trust: str) -> bool:
        """Whether the trust's DCB0160 stands, after the last roll-back, with the supplier's DCB0129."""
        signed, back = self.signed(trust), self.systems[trust].rolled_back
        fresh = signed is not None and (back is None or (signed.decided or BEGINS) > back)
        return fresh and self.signed(None) is not None

    def tested(self, trust: str) -> bool:
        """Whether the latest standing result of every mandatory stage is done."""
        latest = {
            each.stage: each.passed for each in self.reports[trust] if self.counts(each.build) and not each.corrected
        }
        return all(latest.get(stage) for stage in MANDATORY)

    def open_defects(self, trust: str, *severities: str) -> list[Defect]:
        """Return the open defects of a trust."""
        return [each for each in self.defects if each.trust == trust and each.open and each.severity in severities]

    def tolerable(self, trust: str) -> bool:
        """Whether no severity 1 is open and every severity 2 has an accepted workaround."""
        return not self.open_defects(trust, "S1") and all(each.accepted for each in self.open_defects(trust, "S2"))

    def bound(self, trust: str) -> set[str]:
        """Return the accounts whose signature or decision for a system stands: they file no test of it."""
        signers = {
            each.signer
            for each in self.sign_offs
            if each.trust == trust and each.state == "SIGNED" and self.counts(each.build)
        }
        return signers | {who for who, build in self.systems[trust].went.items() if self.counts(build)}

    def board(self, trust: str) -> bool:
        """Whether the trust's board approves, on a build that counts."""
        said = self.systems[trust].board
        return said is not None and said[0] in ("PASSED", "PASSED_WITH_CONDITIONS") and self.counts(said[1])

    def slot(self, trust: str) -> Slot | None:
        """Return the slot a system has."""
        return next((each for each in self.slots if each.trust == trust and each.state in BOOKED), None)

    def is_over(self, slot: Slot) -> bool:
        """Whether the day of a slot is past, in London."""
        return slot.ends.astimezone(LONDON).date() < self.now.astimezone(LONDON).date()

    def begun(self, trust: str) -> bool:
        """Whether a system has begun to go back, within its slot."""
        return self.systems[trust].state in (*RUNNING, "RECOVERED")

    def shut(self, trust: str) -> frozenset[str]:
        """Return the gates that are shut."""
        slot = self.slot(trust)
        open_ = {
            "SECURITY_ASSURANCE": self.assured(),
            "DCB0129": self.signed(None) is not None,
            "DCB0160": self.deployed_safely(trust),
            "TRUST_TESTING": self.tested(trust),
            "DEFECTS": self.tolerable(trust),
            "BOARD_APPROVAL": self.board(trust),
            "SLOT": slot is not None and slot.state == "CONFIRMED" and (self.begun(trust) or not self.is_over(slot)),
        }
        waived = {gate for gate, until in self.systems[trust].waived.items() if until > self.now}
        return frozenset(gate for gate, passed in open_.items() if not passed and gate not in waived)

    # What holds.
    def member(self, trust: str) -> Member | None:
        """Return the membership of a system, if it is in a wave."""
        return next((each for each in self.members if each.trust == trust and each.state != "REMOVED"), None)

    def approved_in(self, trust: str) -> int | None:
        """Return the wave a system is approved for."""
        member = self.member(trust)
        return member.wave if member and member.state == "APPROVED" else None

    def held(self, names: Iterable[str]) -> bool:
        """Whether a hold is in force on one of these."""
        over = set(names)
        return any(hold.state == "PLACED" and hold.over in over for hold in self.holds)

    def wide(self) -> set[str]:
        """Return what holds all systems of the product."""
        return {"product", "incident", *([f"build:{len(self.builds) - 1}"] if self.builds else [])}

    def held_over(self, trust: str) -> bool:
        """Whether a hold covers a system, its wave or an earlier one, its product, build or incident."""
        wave = self.approved_in(trust)
        waves = {f"wave:{number}" for number in range(wave + 1)} if wave is not None else set()
        return self.held({f"system:{trust}", *self.wide(), *waves})

    def held_wave(self, number: int) -> bool:
        """Whether a hold covers a wave: on it or an earlier one, the product, build or incident."""
        return self.held({*self.wide(), *(f"wave:{each}" for each in range(number + 1))})

    # Waves.
    def systems_of(self, wave: int) -> list[System]:
        """Return the systems of a wave."""
        return [self.systems[each.trust] for each in self.members if each.wave == wave and each.state != "REMOVED"]

    def left(self, wave: int) -> list[System]:
        """Return those still to come back."""
        return [system for system in self.systems_of(wave) if system.state not in DONE]

    def may_follow(self, number: int) -> bool:
        """Whether the wave before is complete, or its exit rule is met."""
        wave = self.waves[number]
        before = None if wave.predecessor is None else self.waves[wave.predecessor]
        if wave.predecessor is None or before is None or before.state == "COMPLETE":
            return True
        live = [each.live_at for each in self.systems_of(wave.predecessor) if each.live_at and each.state in DONE[:2]]
        soaked = all(at + wave.soak_days * DAY <= self.now for at in live)
        unsafe = any(
            each.open and each.unsafe and each.severity == "S1" and self.systems[each.trust].state in AT_TRUSTS
            for each in self.defects
        )
        return before.state in ("OPEN", "CANCELLED") and not self.left(wave.predecessor) and soaked and not unsafe

    # Who sees a system: its trust, its region, the product's supplier, the national team and the auditor.
    def sees(self, who: Actor, trust: str) -> bool:
        """Whether an actor's organisation sees a trust's system."""
        return who.kind in (Kind.NATIONAL, Kind.AUDITOR) or who.code in (trust, REGION[trust], "SUPPLIER")
