"""The last gate turns red while a trust says GO: whichever comes first, no GO is made on a gate that is shut."""

import asyncio
import json
import os
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import pytest

from api.graphql.engine import Engine, Request
from auth.caller import Caller
from auth.tenancy import Database
from schema.system import turn_of
from tests.readiness import ready as r
from tests.readiness.ready import Ready
from tests.readiness.test_gate_standing import key
from tests.stage import Stage, mutation_document

# 8 kinds of these are run in the check; REINSTATE_RACES=500 makes them 4,000.
PAIRS = int(os.environ.get("REINSTATE_RACES", "40"))  # noqa: TID251 - a switch for the developer, no setting
RAISED = {
    "reference": "CN-999", "title": "Alerts", "area": "Alerts", "severity": "S1", "clinicalSafety": True,
    "description": "An alert is not shown.",
}  # fmt: skip
WHY = {"reason": "It turned out otherwise."}
GO_AFTER_RED = """
    select count(*) from event d join event e on e.id < d.id
    where d.object_type = 'GoNoGoDecision' and d.id > $1 and e.id > $1 and e.verb = $2
"""


@dataclass(frozen=True)
class Red:
    """What turns a gate red: by whom, with what, and how it is undone past every rule."""

    who: Caller
    verb: str
    given: tuple[str, ...]
    undone: str
    told: dict[str, Any] = field(default_factory=dict)


REDS = {
    "0160 withdrawn": Red(
        r.CSO, "withdrawSignOff", ("signOff=dcb0160",),
        "update safety_sign_off set state = 'SIGNED', withdrawn_at = null, version = 3 where standard = 'DCB0160'; "
        "update hazard_summary set decision_reason = null", WHY,
    ),
    "0129 withdrawn": Red(
        r.SUPPLIER_CSO, "withdrawSignOff", ("signOff=dcb0129",),
        "update safety_sign_off set state = 'SIGNED', withdrawn_at = null, version = 3 where standard = 'DCB0129'; "
        "update hazard_summary set decision_reason = null", WHY,
    ),
    "assurance revoked": Red(
        r.ASSURER, "revokeAssurance", ("assurance=assurance",), "update security_assurance set state = 'APPROVED'", WHY
    ),
    "a test failed": Red(
        r.IT, "reportTest", ("system=R1A", "build=build"), "delete from test_report where outcome = 'FAILED'",
        {"test": "SMOKE", **r.FAILED},
    ),
    "the board refuses": Red(
        r.SIRO, "assessGate", ("gate=gate BOARD_APPROVAL", "subject=R1A"),
        "delete from assessment_note; delete from gate_assessment where outcome = 'FAILED'",
        {"outcome": "FAILED", "note": "Not yet."},
    ),
    "an S1 raised": Red(
        r.IT, "raiseDefect", ("system=R1A", "build=build"), "delete from hold; delete from defect", RAISED
    ),
    "slot handed back": Red(
        r.IT, "handBackSlot", ("slot=slot",),
        "update reinstatement_slot set state = 'CONFIRMED', place = 1, handed_back_at = null, hand_back_reason = null", WHY,
    ),
    "the catalogue amended": Red(
        r.NATIONAL, "amendGate", ("gate=gate BACK_ENTRY",),
        "update gate set mandatory = false where code = 'BACK_ENTRY'", {"mandatory": True},
    ),
}  # fmt: skip
AGAIN = """
    set session_replication_role = replica;
    delete from decision_record; delete from go_no_go_decision;
    update system set state = 'READY' where tenant_ods = 'R1A';
"""


@pytest.fixture(scope="module")
def once(stage: Stage) -> Ready:
    """A system that is ready, every gate open."""
    return Ready(stage).bring()


class Race:
    """Pairs of a GO and what turns a gate red, forced to wait for the same turn and then let go at once."""

    def __init__(self, world: Ready, red: Red, database: Database, admin: asyncpg.Connection) -> None:
        self.world = world
        self.red = red
        self.engine = Engine(database)
        self.admin = admin
        self.ends: Counter[tuple[str, str]] = Counter()
        named = dict(each.split("=") for each in red.given)
        self.told = {name: world.told[where] for name, where in named.items()} | red.told

    async def run(self, number: int) -> None:
        """Run a pair; the one that is sent first waits first."""
        (last,) = await self.admin.fetchrow("select max(id) from event")
        go = {"system": self.world.system, "outcome": "GO", "rationale": "The board agreed."}
        sent = [(r.EXEC, "decideGoNoGo", go), (self.red.who, self.red.verb, self.told)]
        async with self.admin.transaction():
            for turn in self.turns():
                await self.admin.execute("select pg_advisory_xact_lock(hashtextextended($1, 0))", turn)
            waiting = [asyncio.create_task(self.send(*each)) for each in (sent if number % 2 else sent[::-1])]
            await self.both_wait()
        ends = await asyncio.gather(*waiting)
        decided, turned = ends if number % 2 else ends[::-1]
        self.ends[decided, turned] += 1
        assert turned == "done", turned
        assert await self.admin.fetchval(GO_AFTER_RED, last, self.red.verb) == 0
        await self.admin.execute(AGAIN + self.red.undone)
        await self.admin.execute("set session_replication_role = default")

    def turns(self) -> list[str]:
        """Give the turns that the two have to take."""
        relied_on = [key(self.world.told[name]) for name in ("product", "incident", "wave")]
        return [*sorted(relied_on), turn_of("R1A", key(self.world.system))]  # type: ignore[arg-type] # spelt the same

    async def both_wait(self) -> None:
        """Wait until both are held up by the turns."""
        waiting = "select count(*) from pg_locks where locktype = 'advisory' and not granted"
        while await self.admin.fetchval(waiting) < 2:
            await asyncio.sleep(0)

    async def send(self, who: Caller, verb: str, given: dict[str, Any]) -> str:
        """Send a change; give its end in a word."""
        request = Request(mutation_document(verb, "__typename"), {"input": given}, None, verb)
        told = json.loads((await self.engine.answer(request, who)).body)
        if "errors" in told:
            return str(told["errors"][0]["extensions"]["code"])
        return str(told["data"][verb].get("code", "done"))


@pytest.mark.parametrize("way", REDS)
def test_no_go_is_made_on_a_gate_that_has_turned_red(once: Ready, way: str) -> None:
    async def run() -> Counter[tuple[str, str]]:
        database = Database(once.stage.url)
        admin = await asyncpg.connect(once.stage.server.admin_url, database=once.stage.name)
        race = Race(once, REDS[way], database, admin)
        for number in range(PAIRS):
            await race.run(number)
        await admin.close()
        await database.close()
        return race.ends

    ends = asyncio.run(run())
    assert set(ends) <= {("done", "done"), ("GATE_SHUT", "done")}, ends  # neither deadlock nor time-out
    assert sum(ends.values()) == PAIRS
    assert once.shut() == []
