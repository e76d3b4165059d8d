"""Movement by SQL, past every rule: every ordered pair of states by every kind of caller, as the table says."""

import asyncio
import itertools

import asyncpg
import pytest

from schema.system import SystemState as State
from tests.reinstatement.placed import KIND, LAWFUL, key
from tests.stage import LISTED, Stage, person
from trusts.reinstatement.movement import MOVES

PAIRS = list(itertools.permutations([state.value for state in State], 2))
WITH = {"REPLACED": ", replaced_by = 'Another', archive_arrangement = 'Read-only.'"}


@pytest.fixture(scope="module")
def told(stage: Stage) -> dict[str, str]:
    """A system of R1A."""
    return stage.tell("R1A")


async def tried(stage: Stage, code: str, system: str, *, guarded: bool) -> set[tuple[str, str, str]]:
    """Try every pair as one caller; give those that were done, each undone."""
    who, done = person(code), set()
    admin = await asyncpg.connect(stage.server.admin_url, database=stage.name)
    try:
        for was, becomes in PAIRS:
            change = admin.transaction()
            await change.start()
            try:
                await admin.execute("set local session_replication_role = replica")
                await admin.execute(f"update system set state = '{was}' where id = '{system}'")  # noqa: S608 - our own
                await admin.execute("set local session_replication_role = origin")
                if not guarded:
                    await admin.execute(
                        "create or replace function app.in_the_way(whose text, which uuid, was systemstate, "
                        "becomes systemstate) returns setof app.obstacle language sql stable as "
                        "'select null::app.obstacle where false'"
                    )
                await admin.execute(f"set local role {who.role}")
                await admin.execute("select app.enter($1, $2, $3, 'sql', '', '')", code, who.kind.value, who.subject)
                moved = await admin.fetch(
                    f"update system set version = version + 1, state = '{becomes}'{WITH.get(becomes, '')} "  # noqa: S608
                    f"where id = '{system}' returning state::text"
                )
                if moved:
                    assert moved[0][0] == becomes
                    done.add((was, becomes, who.kind.value))
            except (asyncpg.CheckViolationError, asyncpg.InsufficientPrivilegeError):
                pass
            finally:
                await change.rollback()
    finally:
        await admin.close()
    return done


@pytest.mark.parametrize("code", LISTED)
def test_a_system_moves_as_the_table_says_and_never_otherwise(stage: Stage, told: dict[str, str], code: str) -> None:
    done = asyncio.run(tried(stage, code, key(told["R1A"]), guarded=False))
    mine = {"R1A", "SUPPLIER", "Y60"}
    assert done == ({move for move in LAWFUL if move[2] == KIND[code]} if code in mine else set())


def test_the_rules_have_the_same_table() -> None:
    assert {(was, becomes, kind) for (becomes, kind), before in MOVES.items() for was in before} == LAWFUL


def test_conditions_hold_in_the_database_too(stage: Stage, told: dict[str, str]) -> None:
    """A bare system, with nothing assured, signed, tested or decided, gets no further than its facts."""
    done = {move[:2] for code in ("R1A", "SUPPLIER", "Y60") for move in asyncio.run(tried(stage, code, key(told["R1A"]), guarded=True))}  # fmt: skip
    lawful = {move[:2] for move in LAWFUL}
    assert lawful - done >= {
        ("IN_TRUST_TEST", "READY"), ("REINSTATING", "ROLLED_BACK"), ("LIVE", "ROLLED_BACK"), ("LIVE", "RECOVERED"),
    }  # fmt: skip
