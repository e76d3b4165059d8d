"""A system that is ready, every gate open but what a test shuts: brought there by everybody's own acts."""

import asyncio
import datetime as dt
import itertools
from typing import Any

import asyncpg

from auth.caller import Caller
from schema.people.account import Role
from tests.stage import Stage, person

NOW = dt.datetime.now(dt.UTC)
SOON = (NOW + dt.timedelta(days=30)).isoformat()
HAZARDS = {
    "reportRef": "CSCR-1", "reportVersion": "1.0", "level1": 3, "level2": 2, "level3": 1, "level4": 0, "level5": 0,
    "level3Justified": 1, "transferredTotal": 4,
}  # fmt: skip
STAGES = ("CONNECTIVITY", "SMOKE", "ACCESS", "INTERFACE", "DATA_INTEGRITY", "UAT", "OAT")
PASSED = {
    "outcome": "PASSED", "planned": 10, "run": 10, "passed": 10, "failed": 0, "blocked": 0,
    "entryMet": True, "exitMet": True,
}  # fmt: skip
FAILED = {**PASSED, "outcome": "FAILED", "passed": 9, "failed": 1, "exitMet": False}
GATES = (
    "SECURITY_ASSURANCE", "DCB0129", "DCB0160", "TRUST_TESTING", "DEFECTS", "BOARD_APPROVAL", "BACK_ENTRY", "SLOT",
)  # fmt: skip
STANDS = "query($s: ID!) { explainGate(system: $s) { code standing shut } }"
SUPPLIER = person("SUPPLIER", Role.SUPPLIER_LEAD)
SUPPLIER_CSO = person("SUPPLIER", Role.SUPPLIER_CSO)
ASSURER = person("ASSURER", Role.ASSURER)
NATIONAL = person("NATIONAL", Role.NATIONAL_IMT)
IT = person("R1A", Role.TRUST_IT)
CSO = person("R1A", Role.TRUST_CSO)
EXEC = person("R1A", Role.TRUST_EXEC)
SIRO = person("R1A", Role.TRUST_SIRO)

_clones = itertools.count(1)


class Ready:
    """A stage with a system of R1A's, and the ids of what its readiness rests on."""

    def __init__(self, stage: Stage, told: dict[str, str] | None = None) -> None:
        self.stage = stage
        self.told = told or stage.tell("R1A", "RNK")
        self.system = self.told["R1A"]

    def do(self, who: Caller, verb: str, select: str = "id", **given: Any) -> dict[str, Any]:
        """Do what has to succeed."""
        done = self.stage.change(who, verb, select=select, **given)
        assert "code" not in done or "nextStep" not in done, done
        return done

    def gate(self, code: str) -> str:
        """Give the id of a gate of the catalogue."""
        return self.told[f"gate {code}"]

    def bring(self) -> "Ready":
        """Bring it to READY, with every gate open; the incident's policy leaves back-entry out."""
        found = self.stage.ask("NATIONAL", '{ gates(incident: "CARENOTES-2022") { id code } }')["gates"]
        self.told |= {f"gate {gate['code']}": gate["id"] for gate in found}
        self.do(NATIONAL, "amendGate", gate=self.gate("BACK_ENTRY"), mandatory=False)
        self.told["dcb0129"] = self.sign(SUPPLIER_CSO)
        self.told["assurance"] = self.assure()
        self.do(SUPPLIER, "beginRebuild", system=self.system)
        self.do(SUPPLIER, "offerHandover", system=self.system)
        self.do(SUPPLIER, "handOver", system=self.system)
        self.do(IT, "acknowledgeHandover", system=self.system)
        for stage in STAGES:
            self.report(stage)
        self.told["dcb0160"] = self.sign(CSO, system=self.system, transferredAccepted=4)
        self.book()
        self.do(IT, "acceptSystem", system=self.system)
        self.assess()
        return self

    def assure(self, **verdict: Any) -> str:
        """Have the security of the current build assured."""
        number = next(_clones)
        draft = self.do(SUPPLIER, "draftAssurance", build=self.told["build"], reference=f"CN-SA-{number}")["id"]
        evidence = {"kind": "IOC_SWEEP", "title": "Sweep", "heldIn": "Assurance library", "sha256": "0" * 64}
        self.do(SUPPLIER, "addEvidence", assurance=draft, **evidence)
        self.do(SUPPLIER, "submitAssurance", assurance=draft)
        self.do(ASSURER, "reviewAssurance", assurance=draft)
        told = {"verdict": "APPROVED", "confidence": "HIGH", "validUntil": SOON, "reason": "Clean.", **verdict}
        self.do(ASSURER, "decideAssurance", assurance=draft, **told)
        return str(draft)

    def sign(self, who: Caller, **given: Any) -> str:
        """Have a clinical safety officer sign for the current build."""
        draft = self.do(who, "draftSignOff", build=self.told["build"], **{**HAZARDS, **given})["id"]
        self.do(who, "submitSignOff", signOff=draft)
        self.do(who, "giveSignOff", signOff=draft)
        return str(draft)

    def report(self, stage: str, who: Caller = IT, **given: Any) -> dict[str, Any]:
        """Report a test stage on the current build."""
        told = {"system": self.system, "build": self.told["build"], "test": stage, **PASSED, **given}
        return self.do(who, "reportTest", **told)

    def book(self) -> None:
        """Have a wave approved with the system in it, and its slot confirmed."""
        days = {"opensOn": NOW.date().isoformat(), "closesOn": (NOW + dt.timedelta(days=60)).date().isoformat()}
        named = {"product": self.told["product"], "incident": self.told["incident"], "number": 0, "kind": "PILOT"}
        rule = {"orderRationale": "Smallest first.", "soakDays": 0, "slotsADay": 3}
        wave = self.do(SUPPLIER, "draftWave", **named, **days, **rule)["id"]
        self.do(SUPPLIER, "addWaveMember", wave=wave, system=self.system, reason="Smallest.")
        self.do(SUPPLIER, "proposeWave", wave=wave)
        self.do(NATIONAL, "approveWave", wave=wave, reason="Agreed.")
        start = NOW.replace(hour=10, minute=0) + dt.timedelta(days=3)
        window = {"startsAt": start.isoformat(), "endsAt": (start + dt.timedelta(hours=4)).isoformat()}
        slot = self.do(IT, "requestSlot", system=self.system, **window)["id"]
        self.do(SUPPLIER, "confirmSlot", slot=slot)
        self.told |= {"wave": wave, "slot": slot}

    def assess(self, who: Caller = EXEC, outcome: str = "PASSED", code: str = "BOARD_APPROVAL", **given: Any) -> Any:
        """Assess a gate of the system's."""
        told = {"gate": self.gate(code), "subject": self.system, "outcome": outcome, **given}
        return self.stage.change(who, "assessGate", **{"select": "id expiresAt assessorRole", **told})

    def build(self, *, relevant: bool = True) -> None:
        """Register the next build; from now on it is the current one."""
        label = f"CN-R{next(_clones) + 1}"
        told = {"product": self.told["product"], "label": label, "builtAt": "2022-11-26T12:00:00Z"}
        self.told["build"] = self.do(SUPPLIER, "registerBuild", safetyRelevantChange=relevant, **told)["id"]

    def stands(self, who: str = "R1A") -> dict[str, str]:
        """Give how every gate stands."""
        return {gate["code"]: gate["standing"] for gate in self.stage.ask(who, STANDS, s=self.system)["explainGate"]}

    def shut(self, who: str = "R1A") -> list[str]:
        """Give the gates that are shut."""
        return [gate["code"] for gate in self.stage.ask(who, STANDS, s=self.system)["explainGate"] if gate["shut"]]

    def decide(self, who: Caller = EXEC, outcome: str = "GO", select: str = "id outcome", **given: Any) -> Any:
        """Decide about the system."""
        told = {"system": self.system, "outcome": outcome, "rationale": "The board agreed.", **given}
        return self.stage.change(who, "decideGoNoGo", select=select, **told)

    def another(self) -> "Ready":
        """Give the same on a database of its own, as it is now."""
        name = f"{self.stage.name}_again_{next(_clones)}"

        async def make() -> None:
            admin = await asyncpg.connect(self.stage.server.admin_url)
            await admin.execute(f'create database "{name}" template "{self.stage.name}"')
            await admin.close()

        asyncio.run(make())
        return Ready(Stage(self.stage.server, name), dict(self.told))
