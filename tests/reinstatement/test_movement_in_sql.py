"""Movement by SQL, past every rule: every ordered pair of states by every kind of caller, as the table says."""

import asyncio
import itertools
from typing import Any

import asyncpg
import pytest

from schema.system import SystemState as State
from tests.reinstatement.placed import KIND, LAWFUL, key, put
from tests.stage import LISTED, Stage, person
from tests.test_holds_in_sql import told_to
from trusts.moving.movement import MOVES

PAIRS = list(itertools.permutations([state.value for state in State], 2))
UNGUARDED = (
    "create or replace function app.in_the_way(whose text, which uuid, was systemstate, becomes systemstate) "
    "returns setof app.obstacle language sql stable as 'select null::app.obstacle where false'"
)
MINE = ("R1A", "SUPPLIER", "Y60")
WITH = {"REPLACED": ", replaced_by = 'Another', archive_arrangement = 'Read-only.'"}


@pytest.fixture(scope="module")
def told(stage: Stage) -> dict[str, str]:
    """A system of R1A."""
    return stage.tell("R1A")


async def tried(stage: Stage, code: str, system: str, *, guarded: bool) -> set[tuple[str, str, str]]:
    """Try every pair as one caller; give those that were done, each undone."""
    kind = KIND[code].value
    admin = await asyncpg.connect(stage.server.admin_url, database=stage.name)
    try:
        return {(*pair, kind) for pair in PAIRS if await moved(admin, code, system, *pair, guarded=guarded)}
    finally:
        await admin.close()


async def moved(admin: Any, code: str, system: str, was: str, becomes: str, *, guarded: bool) -> bool:  # noqa: PLR0913
    """Try one pair as a caller's role does, and undo it; tell whether it was done."""
    who, change = person(code), admin.transaction()
    await change.start()
    try:
        await admin.execute("set local session_replication_role = replica")
        await admin.execute(f"update system set state = '{was}' where id = '{system}'")  # noqa: S608 - our own
        await admin.execute("set local session_replication_role = origin")
        if not guarded:
            await admin.execute(UNGUARDED)
        await admin.execute(f"set local role {who.role}")
        await admin.execute("select app.enter($1, $2, $3, 'sql', '', '')", code, who.kind.value, who.subject)
        text = (
            f"update system set version = version + 1, state = '{becomes}'{WITH.get(becomes, '')} where id = '{system}'"  # noqa: S608
        )
        return await admin.execute(text) == "UPDATE 1"
    except (asyncpg.CheckViolationError, asyncpg.InsufficientPrivilegeError):
        return False
    finally:
        await change.rollback()


@pytest.mark.parametrize("code", LISTED)
def test_a_system_moves_as_the_table_says_and_never_otherwise(stage: Stage, told: dict[str, str], code: str) -> None:
    done = asyncio.run(tried(stage, code, key(told["R1A"]), guarded=False))
    assert done == ({move for move in LAWFUL if move[2] == KIND[code]} if code in MINE else set())


def test_the_rules_have_the_same_table() -> None:
    assert {(was, becomes, kind) for (becomes, kind), before in MOVES.items() for was in before} == LAWFUL


def test_conditions_hold_in_the_database_too(stage: Stage, told: dict[str, str]) -> None:
    """A bare system, with nothing assured, signed, tested or decided, gets no further than its facts."""
    put(stage, told["R1A"], "OUTAGE", current_build_id=key(told["build"]))
    done = {move for code in MINE for move in asyncio.run(tried(stage, code, key(told["R1A"]), guarded=True))}
    assert {move[:2] for move in LAWFUL - done} == {
        ("REBUILDING", "AWAITING_HANDOVER"), ("AWAITING_HANDOVER", "HANDED_OVER"), ("IN_TRUST_TEST", "READY"),
        ("READY", "APPROVED"), ("APPROVED", "REINSTATING"), ("REINSTATING", "ROLLED_BACK"), ("LIVE", "ROLLED_BACK"),
        ("LIVE", "RECOVERED"), ("READY", "IN_TRUST_TEST"), ("APPROVED", "IN_TRUST_TEST"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("R1A", "accepted_at = now()"), ("R1A", "first_live_at = now()"), ("R1A", "rolled_back_at = null"),
        ("R1A", "recovered_declared_at = now()"), ("R1A", "replaced_by = 'Another'"),
        ("R1A", "current_build_id = gen_random_uuid()"), ("SUPPLIER", "handed_over_at = now()"),
        ("SUPPLIER", "current_build_id = null"), ("Y60", "recovered_at = now()"),
        ("R1A", "state = 'REPLACED', replaced_by = 'Another'"), ("R1A", "state = 'RETIRED', accepted_at = now()"),
    ],
)  # fmt: skip
def test_what_a_move_states_changes_with_it_alone(stage: Stage, told: dict[str, str], code: str, what: str) -> None:
    put(stage, told["R1A"], "OPERATIONAL", rolled_back_at="2022-12-01", current_build_id=key(told["build"]))
    with pytest.raises(asyncpg.CheckViolationError):
        told_to(stage, code, f"update system set version = version + 1, {what} where id = '{key(told['R1A'])}'")  # noqa: S608


@pytest.mark.parametrize(
    ("code", "what"),
    [("R1A", "handed_over_at = now()"), ("R1A", "recovered_at = now()"), ("SUPPLIER", "accepted_at = now()"),
     ("SUPPLIER", "recovered_declared_at = now()"), ("Y60", "accepted_at = now()"), ("Y60", "current_build_id = null"),
     ("NATIONAL", "state = 'LIVE'"), ("ASSURER", "state = 'LIVE'"), ("AUDITOR", "state = 'LIVE'")],
)  # fmt: skip
def test_nobody_says_what_is_anothers_to_say(stage: Stage, told: dict[str, str], code: str, what: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied"):
        told_to(stage, code, f"update system set version = version + 1, {what} where id = '{key(told['R1A'])}'")  # noqa: S608


def test_a_system_begins_lost_and_nothing_else(stage: Stage, told: dict[str, str]) -> None:
    columns = "tenant_ods, id, version, created_at, created_by, name, hosting, criticality, state, supplier_ods, product_id, incident_ods, incident_id"
    for state in State:
        values = f"tenant_ods, gen_random_uuid(), 1, now(), 'x', 'Second', hosting, criticality, '{state}', supplier_ods, product_id, incident_ods, incident_id"
        text = f"insert into system ({columns}) select {values} from system where id = '{key(told['R1A'])}' returning state::text"  # noqa: S608
        if state in ("OPERATIONAL", "OUTAGE", "ISOLATED", "REBUILDING"):
            assert told_to(stage, "R1A", text) == state
        else:
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
                told_to(stage, "R1A", text)
