"""Defects by SQL, past every rule: what the database itself refuses to whoever has a caller's role."""

import asyncio
from typing import Any

import asyncpg
import pytest

from schema.kept.node import global_id, read_global_id
from schema.readiness.defect import Defect, DefectSeverity, DefectState
from schema.readiness.defect_moves import MOVES
from tests.ledger import as_superuser
from tests.readiness.defect_story import MOVES as TOLD
from tests.readiness.defect_story import RAISER, STATES, SUPPLIER, SUPPLIER_CLOSES, Defects
from tests.stage import LISTED, Stage, person

REFUSED = (asyncpg.CheckViolationError, asyncpg.InsufficientPrivilegeError)
BESIDE = {
    "CLOSED": {"close_reason": "'Over.'"},
    "DUPLICATE": {"duplicate_ods": "'SUPPLIER'", "duplicate_id": "'{original}'", "triage_note": "'Why.'"},
    "REJECTED": {"triage_note": "'Why.'"},
    "DEFERRED": {"triage_note": "'Why.'", "deferred_until": "'2999-01-01'"},
    "FIX_READY": {"fixed_in_id": "build_id"},
}
Given = dict[str, Any]


def tried(stage: Stage, code: str, *statements: str, subject: str = "") -> list[Any]:
    """Run each statement as a caller's role does and undo it; give its first value, or how it was refused."""
    who = person(code)

    async def run() -> list[Any]:
        connection = await asyncpg.connect(stage.url, server_settings={"role": who.role})
        found: list[Any] = []
        try:
            for statement in statements:
                change = connection.transaction()
                await change.start()
                given = code, who.kind.value, subject or who.subject
                await connection.execute("select app.enter($1, $2, $3, 'sql', '', '')", *given)
                try:
                    found.append(await connection.fetchval(statement))
                except asyncpg.PostgresError as error:
                    found.append(error)
                await change.rollback()
        finally:
            await connection.close()
        return found

    return asyncio.run(run())


@pytest.fixture(scope="module")
def defects(stage: Stage) -> Defects:
    """A stage with defects."""
    return Defects(stage)


@pytest.fixture(scope="module")
def rows(defects: Defects) -> list[Given]:
    """A defect in each state, of each raiser, of the severities between which it is said who closes it."""
    told = [
        defects.at(state, raiser, grade) for raiser in ("R1A", SUPPLIER) for grade in ("S2", "S3") for state in STATES
    ]
    keys = {key for _, key in filter(None, map(read_global_id, told))}
    return [dict(row) for row in as_superuser(defects.stage, "select * from defect") if str(row["id"]) in keys]


def changed(row: Given, **values: str) -> str:
    """Give the statement that changes a defect."""
    what = ", ".join(f"{name} = {value}" for name, value in {"version": "version + 1", **values}.items())
    return f"update defect set {what} where id = '{row['id']}' returning state::text"  # noqa: S608 - our own


def lawful(row: Given, becomes: str, who: str) -> bool:
    """Tell whether a move is lawful, by the table of the story."""
    for to, states, hand in TOLD.values():
        if to == becomes and row["state"] in states and who == (row["tenant_ods"] if hand == RAISER else SUPPLIER):
            return True
    closes = becomes == "CLOSED" and row["state"] in SUPPLIER_CLOSES and row["severity"] in ("S3", "S4")
    return who == SUPPLIER and closes


@pytest.mark.parametrize("code", LISTED)
def test_the_database_makes_every_lawful_move_and_no_other(defects: Defects, rows: list[Given], code: str) -> None:
    original = as_superuser(defects.stage, "select id from defect order by id limit 1")[0][0]
    cases = [(row, state) for row in rows for state in STATES if state != row["state"]]
    beside = {
        state: {name: value.format(original=original) for name, value in values.items()}
        for state, values in BESIDE.items()
    }
    statements = [changed(row, state=f"'{state}'", **beside.get(state, {})) for row, state in cases]
    answers = tried(defects.stage, code, *statements)
    for (row, state), answer in zip(cases, answers, strict=True):
        told = (row["tenant_ods"], row["severity"], row["state"], state, answer)
        if lawful(row, state, code):
            assert answer == state, told
        else:
            assert answer is None or isinstance(answer, REFUSED), told
    assert any(lawful(row, state, code) for row, state in cases) == (code in ("R1A", SUPPLIER))


def test_both_tables_of_moves_are_the_same(stage: Stage) -> None:
    kept = as_superuser(stage, "select was::text, becomes::text, hand, minor from app.defect_move")
    assert {tuple(row) for row in kept} == {tuple(move) for move in MOVES}


def test_both_say_the_same_of_what_stands_in_the_way(stage: Stage) -> None:
    asked = "select s::text, t::text, app.defect_is_open(s, t) from unnest(enum_range(null::defectseverity)) s, unnest(enum_range(null::defectstate)) t"
    told = {(row[0], row[1]): row[2] for row in as_superuser(stage, asked)}
    assert told == {
        (severity.value, state.value): Defect(severity=severity, state=state).is_open()
        for severity in DefectSeverity
        for state in DefectState
    }
    assert sum(told.values()) == 2 * 8 + 2 * 5


def test_each_writes_its_own_words_alone(defects: Defects, rows: list[Given]) -> None:
    row = next(row for row in rows if (row["tenant_ods"], row["state"]) == ("R1A", "TRIAGED"))
    the_suppliers = {
        "triage_note": "'Other.'", "workaround": "'Do without.'", "fixed_in_id": "build_id",
        "deferred_until": "'2999-01-01'", "duplicate_ods": "'R1A'",
    }  # fmt: skip
    the_raisers = {"raiser_note": "'Other.'", "severity": "'S4'", "clinical_safety": "false"}
    nobodys = {
        "reference": "'X'", "title": "'X'", "description": "'X'", "area": "'X'", "raised_at": "now()",
        "system_id": "null", "trust_ods": "null", "tenant_ods": "'RNK'", "build_id": "null", "created_by": "'x'",
    }  # fmt: skip
    for name, value in the_suppliers.items():
        assert isinstance(tried(defects.stage, "R1A", changed(row, **{name: value}))[0], REFUSED), name
    for name, value in the_raisers.items():
        assert isinstance(tried(defects.stage, SUPPLIER, changed(row, **{name: value}))[0], REFUSED), name
        assert tried(defects.stage, "R1A", changed(row, **{name: value})) == ["TRIAGED"]
    for name, value in nobodys.items():
        for code in ("R1A", SUPPLIER, "NATIONAL"):
            (answer,) = tried(defects.stage, code, changed(row, **{name: value}))
            assert isinstance(answer, asyncpg.InsufficientPrivilegeError), name
    for statement in ("delete from defect", "truncate defect"):
        assert isinstance(tried(defects.stage, "R1A", statement)[0], asyncpg.InsufficientPrivilegeError)


def test_it_is_not_graded_once_it_is_decided_about(defects: Defects, rows: list[Given]) -> None:
    mine = [row for row in rows if row["tenant_ods"] == "R1A"]
    answers = tried(defects.stage, "R1A", *(changed(row, severity="'S4'") for row in mine))
    for row, answer in zip(mine, answers, strict=True):
        graded = row["state"] in ("NEW", "TRIAGED")
        assert answer == row["state"] if graded else isinstance(answer, asyncpg.CheckViolationError)


def test_a_workaround_is_accepted_by_a_person_of_the_trust_as_it_reads(defects: Defects, rows: list[Given]) -> None:
    row = next(row for row in rows if (row["tenant_ods"], row["state"]) == ("R1A", "ACCEPTED"))
    stage, accepted = defects.stage, {"workaround_accepted_by": "'cso@RNK'", "workaround_accepted_at": "'2000-01-01Z'"}
    told = "returning workaround_accepted_by || ' ' || (workaround_accepted_at = now())::text"
    accept = changed(row, **accepted).replace("returning state::text", told)
    assert isinstance(tried(stage, "R1A", accept)[0], asyncpg.CheckViolationError)
    defects.move(SUPPLIER, "agreeWorkaround", _id(row), workaround="Do without.")
    assert tried(stage, "R1A", accept, subject="trust-cso@R1A") == ["trust-cso@R1A true"]
    assert isinstance(tried(stage, "R1A", accept, subject="r1a-client")[0], asyncpg.CheckViolationError)
    assert isinstance(tried(stage, SUPPLIER, accept)[0], asyncpg.CheckViolationError)
    defects.move("R1A", "acceptWorkaround", _id(row))
    again = changed(row, workaround="'Another one.'", workaround_accepted_by="'cso@R1A'")
    both = again.replace("returning state::text", "returning workaround_accepted_by is null")
    assert tried(stage, SUPPLIER, both) == [True]
    taken_back = changed(row, workaround_accepted_by="null", workaround_accepted_at="null")
    assert isinstance(tried(stage, "R1A", taken_back)[0], asyncpg.CheckViolationError)


def _id(row: Given) -> str:
    return str(global_id("Defect", row["id"]))


@pytest.mark.parametrize(
    ("code", "other"),
    [
        ("RNK", {}), ("RNK", {"tenant_ods": "'RNK'"}), ("R1A", {"state": "'CLOSED'", "close_reason": "'Over.'"}),
        ("R1A", {"workaround": "'Mine.'", "workaround_agreed_at": "now()"}), ("R1A", {"triage_note": "'Mine.'"}),
        ("R1A", {"system_id": "null"}), ("R1A", {"system_id": "null", "trust_ods": "null"}),
        ("SUPPLIER", {}), ("SUPPLIER", {"tenant_ods": "'SUPPLIER'"}), ("RIVAL", {"tenant_ods": "'RIVAL'"}),
        ("R1A", {"build_id": "gen_random_uuid()"}), ("R1A", {"product_id": "gen_random_uuid()"}),
        ("Y60", {"tenant_ods": "'Y60'"}), ("NATIONAL", {"tenant_ods": "'NATIONAL'"}), ("R1A", {"raiser_note": "''"}),
    ],
    ids=str,
)  # fmt: skip
def test_nobody_raises_what_is_not_theirs_to_raise(
    defects: Defects, rows: list[Given], code: str, other: Given
) -> None:
    row = next(row for row in rows if (row["tenant_ods"], row["state"]) == ("R1A", "NEW"))
    (answer,) = tried(defects.stage, code, copied(row, **other))
    assert isinstance(answer, (*REFUSED, asyncpg.ForeignKeyViolationError)), answer
    assert tried(defects.stage, "R1A", copied(row)) == ["R1A Y60 true"]


def copied(row: Given, **other: str) -> str:
    """Give the statement that raises a defect again, with other values."""
    told = {
        name: "null" if value is None else f"'{value}'"
        for name, value in row.items()
        if name not in ("id", "reference")
    }
    told |= {
        "id": "gen_random_uuid()",
        "reference": "'AGAIN'",
        "raised_at": "'2000-01-01Z'",
        "region_ods": "'Y56'",
        **other,
    }
    shown = "tenant_ods || ' ' || region_ods || ' ' || (raised_at = now())::text"
    return f"insert into defect ({', '.join(told)}) values ({', '.join(told.values())}) returning {shown}"  # noqa: S608 - our own
