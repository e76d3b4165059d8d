"""The last gate turns red while a trust says GO: whichever comes first, no GO is made on a gate that is shut."""

import asyncio
import json
import os
import uuid
from collections import Counter
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest

from api.graphql.engine import Engine, Request
from auth.caller import Caller
from auth.tenancy import Database
from schema.system import turn_of
from tests.readiness import ready as r
from tests.readiness.acts import key
from tests.readiness.ready import Ready
from tests.stage import mutation_document

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
    told: dict[str, Any]
    turn: str  # of what: the one turn that both have to take


REDS = {
    "0160 withdrawn": Red(
        r.CSO, "withdrawSignOff", ("signOff=dcb0160",),
        "update safety_sign_off set state = 'SIGNED', withdrawn_at = null, version = 3 where standard = 'DCB0160'; "
        "update hazard_summary set decision_reason = null", WHY, "R1A",
    ),
    "0129 withdrawn": Red(
        r.SUPPLIER_CSO, "withdrawSignOff", ("signOff=dcb0129",),
        "update safety_sign_off set state = 'SIGNED', withdrawn_at = null, version = 3 where standard = 'DCB0129'; "
        "update hazard_summary set decision_reason = null", WHY, "product",
    ),
    "assurance revoked": Red(
        r.ASSURER, "revokeAssurance", ("assurance=assurance",), "update security_assurance set state = 'APPROVED'", WHY, "product",
    ),
    "a test failed": Red(
        r.IT, "reportTest", ("system=R1A", "build=build"), "delete from test_report where outcome = 'FAILED'",
        {"test": "SMOKE", **r.FAILED}, "R1A",
    ),
    "the board refuses": Red(
        r.SIRO, "assessGate", ("gate=gate BOARD_APPROVAL", "subject=R1A"),
        "delete from assessment_note; delete from gate_assessment where outcome = 'FAILED'",
        {"outcome": "FAILED", "note": "Not yet."}, "R1A",
    ),
    "an S1 raised": Red(
        r.IT, "raiseDefect", ("system=R1A", "build=build"), "delete from hold; delete from defect", RAISED, "R1A",
    ),
    "slot handed back": Red(
        r.IT, "handBackSlot", ("slot=slot",),
        "update reinstatement_slot set state = 'CONFIRMED', place = 1, handed_back_at = null, hand_back_reason = null", WHY, "wave",
    ),
    "the catalogue amended": Red(
        r.NATIONAL, "amendGate", ("gate=gate BACK_ENTRY",),
        "update gate set mandatory = false where code = 'BACK_ENTRY'", {"mandatory": True}, "incident",
    ),
}  # fmt: skip
AGAIN = """
    set session_replication_role = replica;
    delete from decision_record; delete from go_no_go_decision;
    update system set state = 'READY' where tenant_ods = 'R1A';
"""


class Race:
    """Pairs of a GO and what turns a gate red, forced to wait for the same turn and then let go at once."""

    def __init__(self, world: Ready, red: Red, database: Database, admin: asyncpg.Connection) -> None:
        self.world = world
        self.red = red
        self.engine = Engine(database)
        self.admin = admin
        self.ends: Counter[tuple[str, str, str]] = Counter()
        named = dict(each.split("=") for each in red.given)
        self.told = {name: world.told[where] for name, where in named.items()} | red.told

    async def run(self, number: int) -> None:
        """Run a pair: GO waits first, the other waits first, or whoever comes first."""
        (last,) = await self.admin.fetchrow("select max(id) from event")
        go = {"system": self.world.system, "outcome": "GO", "rationale": "The board agreed."}
        sent = [(r.EXEC, "decideGoNoGo", go), (self.red.who, self.red.verb, self.told)]
        sent = sent[::-1] if number % 3 == 1 else sent
        waiting: list[asyncio.Task[str]] = []
        async with self.admin.transaction():
            await self.admin.execute("select pg_advisory_xact_lock(hashtextextended($1, 0))", self.turn())
            for each in sent:
                waiting.append(asyncio.create_task(self.send(*each)))
                await self.held_up(waiting, 0 if number % 3 == 2 else len(waiting))
            await self.held_up(waiting, len(waiting))
        ends = await asyncio.gather(*waiting)
        decided, turned = ends[::-1] if number % 3 == 1 else ends
        self.ends[decided, turned, ("GO first", "red first", "at once")[number % 3]] += 1
        assert await self.admin.fetchval(GO_AFTER_RED, last, self.red.verb) == 0
        await self.admin.execute(AGAIN + self.red.undone)
        await self.admin.execute("set session_replication_role = default")

    def turn(self) -> str:
        """Give the name of the turn that the two have to take."""
        of = key(self.world.told[self.red.turn])
        return turn_of("R1A", uuid.UUID(of)) if self.red.turn == "R1A" else of

    async def held_up(self, sent: list[asyncio.Task[str]], most: int) -> None:
        """Wait until as many are held up by the turn, and nobody has passed it."""
        waiting = "select count(*) from pg_locks where locktype = 'advisory' and not granted"
        while await self.admin.fetchval(waiting) < most:
            assert not any(each.done() for each in sent), [each.result() for each in sent if each.done()]
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
    async def run() -> Counter[tuple[str, str, str]]:
        database = Database(once.stage.url)
        admin = await asyncpg.connect(once.stage.server.admin_url, database=once.stage.name)
        race = Race(once, REDS[way], database, admin)
        for number in range(PAIRS):
            await race.run(number)
        await admin.close()
        await database.close()
        return race.ends

    ends = asyncio.run(run())
    assert sum(ends.values()) == PAIRS
    assert {each[:2] for each in ends} <= {("done", "done"), ("GATE_SHUT", "done")}, ends  # no deadlock, no time-out
    assert {each[0] for each in ends if each[2] == "GO first"} == {"done"}, ends
    assert {each[0] for each in ends if each[2] == "red first"} == {"GATE_SHUT"}, ends
    assert once.shut() == []
