"""The replay: each step of the scenario sent at its time, once, however often it is started."""

from collections.abc import Callable
from typing import Any

from api.demo.clock import ScenarioClock
from api.demo.people import NotSignedInError
from api.demo.scenario import Step
from api.demo.tenants import Tenants
from api.demo.told import Told, read_ledger
from auth.tenancy import Database

_NOUNS = {
    "assurance": ["SecurityAssurance"],
    "corrects": ["TestReport"],
    "decision": ["GoNoGoDecision"],
    "declaration": ["IncidentDeclaration"],
    "firstBuild": ["Build"],
    "fixedIn": ["Build"],
    "held": ["Build", "System", "Wave", "Incident"],
    "into": ["Cohort"],
    "knownIssue": ["KnownIssue"],
    "member": ["WaveMember"],
    "predecessor": ["Wave"],
    "signOff": ["SafetySignOff"],
    "slot": ["ReinstatementSlot"],
    "supersedes": ["SecurityAssurance"],
    "subject": ["System"],
}


class Replay:
    """Sends steps as their tenants and remembers what they made."""

    def __init__(self, tenants: Tenants, database: Database, clock: ScenarioClock, told: Told) -> None:
        self._tenants = tenants
        self._database = database
        self._clock = clock
        self._made = dict(told.made)

    async def play(self, steps: list[Step], advance: Callable[[], None]) -> list[str]:
        """Send steps; return why some were refused, as they may be after somebody's own changes."""
        refused = []
        for step in steps:
            self._clock.reach(step.at)
            if why := await self._send(step):
                refused.append(f"{step.name}: {why}")
            advance()
        return refused

    async def _send(self, step: Step) -> str | None:
        try:
            given = {name: await self._resolve(name, value) for name, value in step.input.items()}
        except KeyError as error:
            return f"there is no {error.args[0]}"
        asked = {"query": _document(step.do), "variables": {"input": given}}
        try:
            answer = (await self._tenants.send(step, asked))[step.do]
        except NotSignedInError as error:
            return str(error)
        if "message" in answer:
            return f"{answer['message']} {answer['nextStep']}"
        self._made[step.name, answer["__typename"]] = answer["id"]
        return None

    async def _resolve(self, field: str, value: Any) -> Any:
        """Return the id that `@step` stands for: what that step made of the noun this field names."""
        if not (isinstance(value, str) and value.startswith("@")):
            return value
        step = value.removeprefix("@")
        keys = [(step, noun) for noun in _NOUNS.get(field, [field.capitalize()])]
        if not self._made.keys() & keys:
            self._made.update((await read_ledger(self._database)).made)
        return next((self._made[key] for key in keys if key in self._made), None) or self._made[keys[0]]


def _document(verb: str) -> str:
    noun = f"{verb[0].upper()}{verb[1:]}"
    asked = "__typename ... on Node { id } ... on Problem { message nextStep }"
    return f"mutation($input: {noun}!) {{ {verb}(input: $input) {{ {asked} }} }}"
