"""The machine: acts of the lifecycle in any order, by those who may and by those who may not, at any time."""

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.lifecycle import care, moving, plans
from tests.lifecycle.cast import (
    ASSURING,
    NATIONAL_TEAM,
    REGION,
    REGIONS,
    SUPPLIER_IT,
    SUPPLIER_LEAD,
    SUPPLIER_OFFICER,
    TRUST_ALL,
    TRUST_CSO,
    TRUST_EXEC,
    TRUST_IT,
    TRUSTS,
    Actor,
)
from tests.lifecycle.facts import MANDATORY, Defect, Report
from tests.lifecycle.tale import Tale, trusts, which, whoever, yes
from tests.lifecycle.tale import who as whoever_is

GATES = ("TRUST_TESTING", "DEFECTS", "SLOT", "SECURITY_ASSURANCE", "DCB0129", "DCB0160", "BOARD_APPROVAL")
ENDS = ("replaceSystem", "retireSystem")  # tried more seldom: nothing follows
STEPS = (*ENDS, *2 * tuple(verb for verb in moving.STEPS if verb not in ENDS))


class Lifecycle(Tale):
    """Acts of every kind."""

    @rule(verb=st.sampled_from(STEPS), trust=trusts, who=whoever)
    def step(self, verb: str, trust: str, who: int) -> None:
        """Try any step of a system."""
        right = TRUST_IT[trust]
        if verb in moving.SUPPLIERS:
            right = SUPPLIER_IT
        elif verb in ("declareRecovered", "replaceSystem", "retireSystem"):
            right = TRUST_EXEC[trust]
        elif verb == "countersignRecovery":
            right = REGIONS[REGION[trust]]
        self.act(moving.step(self.model, verb, whoever_is(who, right), trust))

    @rule(trust=trusts, state=st.sampled_from(("OUTAGE", "ISOLATED", "LIVE")), who=whoever)
    def report_state(self, trust: str, state: str, who: int) -> None:
        """Say what became of a system."""
        self.act(moving.report_state(self.model, whoever_is(who, TRUST_IT[trust]), trust, state))

    @rule(safety=yes, who=whoever)
    def build(self, safety: bool, who: int) -> None:
        """Release a build, a few times a story."""
        few = len(self.model.builds) < 4
        self.act(moving.build(self.model, whoever_is(who, SUPPLIER_IT), safety=safety) if few else None)

    @rule(trust=trusts, stage=st.sampled_from(MANDATORY), passed=st.integers(0, 3), odd=which, who=whoever)
    def report(self, trust: str, stage: str, passed: int, odd: int, who: int) -> None:
        """Report a test, now and then on a superseded build, or by somebody with every role."""
        if not self.model.builds:
            return self.act()
        on = max(0, len(self.model.builds) - (2 if odd == 0 else 1))
        right = TRUST_ALL[trust] if odd == 1 else TRUST_IT[trust]
        found = Report(stage, on, passed=passed > 0)
        return self.act(moving.report(self.model, whoever_is(who, right), trust, found))

    @rule(trust=trusts, number=which, passed=yes, who=whoever)
    def correct(self, trust: str, number: int, passed: bool, who: int) -> None:
        """Correct a report."""
        if not (reports := self.model.reports[trust]):
            return self.act()
        chosen = (len(reports) - 1 - number) % len(reports)
        return self.act(moving.correct(self.model, whoever_is(who, TRUST_IT[trust]), trust, chosen, passed=passed))

    @rule(
        trust=trusts, outcome=st.sampled_from(("GO", "GO_WITH_CONDITIONS", "NO_GO", "DEFER")), who=whoever, same=which,
    )  # fmt: skip
    def decide(self, trust: str, outcome: str, who: int, same: int) -> None:
        """Decide about a system, now and then by somebody with every role."""
        right = TRUST_ALL[trust] if same == 0 else TRUST_EXEC[trust]
        self.act(moving.decide(self.model, whoever_is(who, right), trust, outcome))

    @rule(
        trust=trusts, outcome=st.sampled_from(("PASSED", "PASSED_WITH_CONDITIONS", "FAILED", "IN_REVIEW")), who=whoever
    )
    def assess(self, trust: str, outcome: str, who: int) -> None:
        """Give the board's word."""
        self.act(moving.assess(self.model, whoever_is(who, TRUST_EXEC[trust]), trust, outcome))

    @rule(trust=trusts, gate=st.sampled_from(GATES), days=st.sampled_from((1, 30)), who=whoever)
    def waive(self, trust: str, gate: str, days: int, who: int) -> None:
        """Waive a gate, or one that is never waived."""
        self.act(moving.waive(self.model, whoever_is(who, NATIONAL_TEAM), trust, gate, days))

    @rule(number=which, who=whoever)
    def revoke_waiver(self, number: int, who: int) -> None:
        """Revoke a waiver."""
        if not self.model.waivers:
            return self.act()
        chosen = number % len(self.model.waivers)
        return self.act(moving.revoke_waiver(self.model, whoever_is(who, NATIONAL_TEAM), chosen))

    @rule(
        verb=st.sampled_from(("draft", "addEvidence", "submitAssurance", "reviewAssurance", "decideAssurance", "revokeAssurance")),
        number=which, verdict=st.sampled_from(("HIGH", "MEDIUM", "LOW", "MORE_EVIDENCE", "REJECTED")), who=whoever,
    )  # fmt: skip
    def assure(self, verb: str, number: int, verdict: str, who: int) -> None:
        """Do something about the security assurance, the newest first."""
        model = self.model
        right = SUPPLIER_IT if verb in ("draft", "addEvidence", "submitAssurance") else ASSURING
        if not model.builds:
            return self.act()
        if not model.assurances or verb == "draft":
            on = (len(model.builds) - 1 - number // 4) % len(model.builds)
            return self.act(care.draft_assurance(model, whoever_is(who, SUPPLIER_IT), on))
        chosen = (len(model.assurances) - 1 - number // 2) % len(model.assurances)
        if verb == "addEvidence":
            return self.act(care.add_evidence(model, whoever_is(who, right), chosen))
        decided = {}
        if verb == "decideAssurance":
            sure = verdict in ("HIGH", "MEDIUM", "LOW")
            days = "1" if number == 0 else "20"
            decided = {"verdict": "APPROVED", "confidence": verdict, "days": days} if sure else {"verdict": verdict}
        return self.act(care.move_assurance(model, verb, whoever_is(who, right), chosen, **decided))

    @rule(
        verb=st.sampled_from(("draft", "submitSignOff", "giveSignOff", "declineSignOff", "withdrawSignOff")),
        trust=st.sampled_from((None, *TRUSTS)), number=which, who=whoever,
    )  # fmt: skip
    def sign(self, verb: str, trust: str | None, number: int, who: int) -> None:
        """Do something about a safety sign-off, the newest first."""
        model = self.model
        prepares = TRUST_IT[trust] if trust else SUPPLIER_IT
        mine = [place for place, each in enumerate(model.sign_offs) if each.trust == trust]
        if not model.builds:
            return self.act()
        if verb == "draft" or not mine:
            on = (len(model.builds) - 1 - number // 5) % len(model.builds)
            found = int(number == 1), 2 if number == 2 else 3
            return self.act(care.draft_sign_off(model, whoever_is(who, prepares), trust, on, found))
        chosen = mine[(len(mine) - 1 - number // 3) % len(mine)]
        officer = TRUST_CSO[trust] if trust else SUPPLIER_OFFICER
        if trust and number == 0:
            officer = TRUST_ALL[trust]
        right = prepares if verb == "submitSignOff" else officer
        return self.act(care.move_sign_off(model, verb, whoever_is(who, right), chosen))

    @rule(trust=trusts, severity=st.sampled_from(("S1", "S2", "S3")), unsafe=yes, who=whoever)
    def raise_defect(self, trust: str, severity: str, unsafe: bool, who: int) -> None:
        """Raise a defect."""
        if not self.model.builds or len(self.model.defects) > 4:
            return self.act()
        found = Defect(trust, severity, unsafe)
        return self.act(care.raise_defect(self.model, whoever_is(who, TRUST_IT[trust]), found))

    @rule(verb=st.sampled_from((*care.DEFECT_STEPS, "agreeWorkaround", "acceptWorkaround")), number=which, who=whoever)
    def defect(self, verb: str, number: int, who: int) -> None:
        """Do something about a defect."""
        if not self.model.defects:
            return self.act()
        chosen = number % len(self.model.defects)
        trust = self.model.defects[chosen].trust
        if verb in ("agreeWorkaround", "acceptWorkaround"):
            right = SUPPLIER_LEAD if verb == "agreeWorkaround" else TRUST_CSO[trust]
            return self.act(care.work_around(self.model, verb, whoever_is(who, right), chosen))
        right = SUPPLIER_LEAD if care.DEFECT_STEPS[verb][2] == "SUPPLIER" else TRUST_IT[trust]
        return self.act(care.move_defect(self.model, verb, whoever_is(who, right), chosen))

    @rule(
        over=st.sampled_from(("R1A", "RYG", "RNK", "product", "incident", "build", "wave")), number=which, who=whoever
    )
    def place(self, over: str, number: int, who: int) -> None:
        """Hold something."""
        model = self.model
        right: Actor = NATIONAL_TEAM
        if over in TRUSTS:
            right = (TRUST_IT[over], REGIONS[REGION[over]], NATIONAL_TEAM)[number % 3]
            over = f"system:{over}"
        elif over in ("product", "wave"):
            right = SUPPLIER_IT if number % 2 else NATIONAL_TEAM
            if over == "wave" and not model.waves:
                return self.act()
            over = f"wave:{number % len(model.waves)}" if over == "wave" else over
        elif over == "build":
            if not model.builds:
                return self.act()
            right, over = ASSURING, f"build:{(len(model.builds) - 1 - number // 3) % len(model.builds)}"
        return self.act(care.place(model, whoever_is(who, right), over))

    @rule(
        verb=st.sampled_from(("releaseHold", "releaseHold", "confirmHold", "dismissHold")),
        number=which,
        who=whoever,
        high=yes,
    )
    def end_hold(self, verb: str, number: int, who: int, high: bool) -> None:
        """Release, confirm or dismiss a hold: the national team, or the tier that placed it."""
        model = self.model
        if not model.holds:
            return self.act()
        chosen = (len(model.holds) - 1 - number) % len(model.holds)
        placer = model.holds[chosen].placer
        tier = {**TRUST_EXEC, **REGIONS, "SUPPLIER": SUPPLIER_LEAD, "ASSURER": ASSURING}
        right = NATIONAL_TEAM if high else tier.get(placer, NATIONAL_TEAM)
        return self.act(care.end_hold(model, verb, whoever_is(who, right), chosen))

    @rule(verb=st.sampled_from(("draft", *plans.WAVE_STEPS)), number=which, who=whoever)
    def wave(self, verb: str, number: int, who: int) -> None:
        """Draft a wave, or move one on."""
        model = self.model
        if not model.waves or (verb == "draft" and len(model.waves) < 3):
            before = len(model.waves) - 1 if model.waves else None
            return self.act(plans.draft_wave(model, whoever_is(who, SUPPLIER_IT), number, 1 + number % 2, before))
        if verb == "draft":
            return self.act()
        right = SUPPLIER_IT if verb in plans.SUPPLIERS else NATIONAL_TEAM
        return self.act(plans.move_wave(model, verb, whoever_is(who, right), number % len(model.waves)))

    @rule(
        verb=st.sampled_from(("add", "approveWaveMember", "strikeWaveMember", "removeWaveMember")),
        trust=trusts,
        number=which,
        who=whoever,
    )
    def member(self, verb: str, trust: str, number: int, who: int) -> None:
        """Put a system in a wave, or move its membership on."""
        model = self.model
        if not model.waves:
            return self.act()
        if verb == "add" or not model.members:
            return self.act(plans.add_member(model, whoever_is(who, SUPPLIER_IT), number % len(model.waves), trust))
        right = SUPPLIER_IT if verb == "removeWaveMember" else NATIONAL_TEAM
        return self.act(plans.move_member(model, verb, whoever_is(who, right), number % len(model.members)))

    @rule(trust=trusts, ahead=st.sampled_from((0, 1, 1, 2, 70)), who=whoever)
    def request(self, trust: str, ahead: int, who: int) -> None:
        """Ask for a slot."""
        self.act(plans.request(self.model, whoever_is(who, TRUST_IT[trust]), trust, ahead))

    @rule(
        verb=st.sampled_from(("confirmSlot", "declineSlot", "handBackSlot", "offerSlotSwap", "offerSlotSwap")),
        number=which,
        who=whoever,
    )
    def slot(self, verb: str, number: int, who: int) -> None:
        """Answer a slot, give it back or offer it for exchange."""
        model = self.model
        if not model.slots:
            return self.act()
        chosen = (len(model.slots) - 1 - number) % len(model.slots)
        right = SUPPLIER_IT if verb in ("confirmSlot", "declineSlot") else TRUST_IT[model.slots[chosen].trust]
        return self.act(plans.move_slot(model, verb, whoever_is(who, right), chosen))

    @rule(one=which, other=which, who=whoever)
    def swap(self, one: int, other: int, who: int) -> None:
        """Exchange two slots."""
        if len(self.model.slots) < 2:
            return self.act()
        offered = [place for place, each in enumerate(self.model.slots) if each.offered]
        among = offered or [*range(len(self.model.slots))]
        first, second = among[one % len(among)], among[other % len(among)]
        return self.act(plans.swap(self.model, whoever_is(who, SUPPLIER_IT), first, second))

    @rule(trust=trusts, teams=st.sampled_from((0, 2, 3, 5)), final=yes, who=whoever)
    def plan(self, trust: str, teams: int, final: bool, who: int) -> None:
        """Plan a cohort, or say that the plan is final."""
        right = whoever_is(who, TRUST_IT[trust])
        if final:
            return self.act(plans.finalise(self.model, right, trust))
        few = len(self.model.cohorts) < 12
        return self.act(plans.plan(self.model, right, trust, teams) if few else None)

    @rule(verb=st.sampled_from(("bringCohortLive", "excuseCohort", "holdBack")), number=which, into=which, who=whoever)
    def cohort(self, verb: str, number: int, into: int, who: int) -> None:
        """Bring a cohort live, excuse it, or move teams out of it."""
        model = self.model
        if not model.cohorts:
            return self.act()
        chosen, other = number % len(model.cohorts), into % len(model.cohorts)
        right = whoever_is(who, TRUST_IT[model.cohorts[chosen].trust])
        if verb == "holdBack":
            return self.act(plans.hold_back(model, right, chosen, other, into % 3))
        return self.act(plans.move_cohort(model, verb, right, chosen))
