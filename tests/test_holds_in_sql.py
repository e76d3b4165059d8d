"""Holds by SQL, past every rule: what the database itself refuses to whoever has a caller's role."""

import asyncio
from typing import Any

import asyncpg
import pytest

from tests.ledger import as_superuser
from tests.stage import Stage, caller, person
from tests.test_holds import decider, place, release

COLUMNS = (
    "tenant_ods, id, version, created_at, created_by, reason_code, reason, scope, trust_ods, system_id, supplier_ods, "
    "product_id, build_id, incident_ods, incident_id, region_ods, audience, tier, placed_at, effective_from, state, "
    "released_at, releaser_ods, releaser, release_reason"
)
FREED = "state = 'RELEASED', released_at = now(), releaser_ods = 'R1A', releaser = 'a.b@R1A', release_reason = 'Over.'"
Given = dict[str, Any]


@pytest.fixture(scope="module")
def told(stage: Stage) -> Given:
    """A hold of each kind, the rows as the superuser sees them."""
    made = stage.tell("R1A", "RNK")
    for who, what in (("R1A", "R1A"), ("SUPPLIER", "product"), ("ASSURER", "build"), ("NATIONAL", "incident")):
        place(stage, who, made[what])
    rows = as_superuser(stage, "select * from hold order by id")
    return {row["scope"]: dict(row) for row in rows}


def told_to(stage: Stage, code: str, statement: str, subject: str = "") -> Any:
    """Run a statement as a caller's role does, its tenant and subject set, and keep nothing; return its first value."""
    who = person(code)

    async def run() -> Any:
        connection = await asyncpg.connect(stage.url, server_settings={"role": who.role})
        change = connection.transaction()
        await change.start()
        try:
            given = code, who.kind.value, subject or decider(code).subject
            await connection.execute("select app.enter($1, $2, $3, 'sql', '', '')", *given)
            return await connection.fetchval(statement)
        finally:
            await change.rollback()
            await connection.close()

    return asyncio.run(run())


def again(row: Given, **other: str) -> str:
    """Return the statement that copies a hold with other values."""
    values = ", ".join(f"'{other[name]}'" if name in other else name for name in COLUMNS.split(", "))
    values = values.replace("tenant_ods, id,", "app.tenant(), gen_random_uuid(),", 1)
    return f"insert into hold ({COLUMNS}) select {values} from hold where id = '{row['id']}' returning tier::text"  # noqa: S608 - our own


def changed(row: Given, what: str) -> str:
    """Return the statement that changes a hold."""
    return f"update hold set version = version + 1, {what} where id = '{row['id']}' returning releaser_ods"  # noqa: S608 - our own


@pytest.mark.parametrize(
    ("code", "scope"),
    [
        ("R1A", "PRODUCT"), ("R1A", "BUILD"), ("R1A", "INCIDENT"), ("Y60", "PRODUCT"), ("Y60", "INCIDENT"),
        ("SUPPLIER", "SYSTEM"), ("SUPPLIER", "BUILD"), ("RIVAL", "PRODUCT"), ("ASSURER", "PRODUCT"),
    ],
)  # fmt: skip
def test_nobody_writes_a_hold_that_is_not_theirs_to_place(stage: Stage, told: Given, code: str, scope: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
        told_to(stage, code, again(told[scope]))


def test_another_regions_system_is_not_held_by_naming_oneself(stage: Stage, told: Given) -> None:
    for code, named in (("Y56", "Y56"), ("RNK", "RNK")):
        columns = "reason_code, reason, scope, trust_ods, system_id, audience, tier, effective_from, state, region_ods"
        values = (
            f"'DEFECT', 'Why.', 'SYSTEM', 'R1A', '{told['SYSTEM']['system_id']}', 'PRIVATE', 'TRUST', now(), 'PLACED'"
        )
        columns += ", tenant_ods, id, version, created_at, created_by, placed_at"
        values += f", '{named}', '{code}', gen_random_uuid(), 1, now(), 'x', now()"
        stolen = f"insert into hold ({columns}) values ({values})"  # noqa: S608 - our own
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            told_to(stage, code, stolen)


def test_the_tier_is_the_organisations_whatever_is_written(stage: Stage, told: Given) -> None:
    assert told_to(stage, "R1A", again(told["SYSTEM"], tier="NATIONAL", created_by="x")) == "TRUST"
    assert told_to(stage, "NATIONAL", again(told["SYSTEM"], tier="TRUST")) == "NATIONAL"


@pytest.mark.parametrize(
    "other",
    [
        {"state": "RELEASED"},
        {"scope": "PRODUCT"},
        {"scope": "SYSTEM", "audience": "PUBLISHED"},
        {"product_id": "01912345-6789-7abc-8def-0123456789ab"},
        {"reason": ""},
        {"releaser": "trust-exec@R1A"},
        {"releaser_ods": "R1A"},
    ],
    ids=str,
)
def test_a_hold_begins_placed_on_one_thing(stage: Stage, told: Given, other: dict[str, str]) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        told_to(stage, "NATIONAL", again(told["SYSTEM"], **other))


def test_a_release_is_whole_and_tells_who_made_it(stage: Stage, told: Given) -> None:
    mine = told["SYSTEM"]
    assert told_to(stage, "R1A", changed(mine, FREED)) == "R1A"
    assert told_to(stage, "Y60", changed(mine, FREED)) == "Y60"
    assert told_to(stage, "NATIONAL", changed(mine, "state = 'RELEASED', release_reason = 'Over.'")) == "NATIONAL"
    for part in ("state = 'RELEASED'", "state = 'RELEASED', release_reason = ''", "release_reason = 'Over.'"):
        with pytest.raises(asyncpg.CheckViolationError):
            told_to(stage, "R1A", changed(mine, part))


def test_a_machine_cannot_have_released_a_hold(stage: Stage, told: Given) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        told_to(stage, "R1A", changed(told["SYSTEM"], FREED), caller("R1A").subject)


@pytest.mark.parametrize("code", ["RNK", "RYG", "Y56", "SUPPLIER", "RIVAL", "ASSURER"])
def test_nobody_below_or_apart_releases_it(stage: Stage, told: Given, code: str) -> None:
    for scope in {"SYSTEM", "PRODUCT", "BUILD", "INCIDENT"} - ({"PRODUCT"} if code == "SUPPLIER" else set()):
        if (code, scope) != ("ASSURER", "BUILD"):
            assert told_to(stage, code, changed(told[scope], FREED)) is None


@pytest.mark.parametrize("column", ["reason", "tier", "trust_ods", "audience", "placed_at", "effective_from", "scope"])
def test_nothing_but_its_release_can_be_changed(stage: Stage, told: Given, column: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied"):
        told_to(stage, "NATIONAL", changed(told["SYSTEM"], f"{column} = {column}"))


def test_a_released_hold_never_changes_again(fresh_stage: Stage) -> None:
    made = fresh_stage.tell("R1A")
    hold = place(fresh_stage, "R1A", made["R1A"])
    assert release(fresh_stage, "R1A", hold["id"])["state"] == "RELEASED"
    (row,) = as_superuser(fresh_stage, "select * from hold")
    for what in (FREED, "state = 'PLACED'", "release_reason = 'Another.'"):
        with pytest.raises(asyncpg.CheckViolationError, match="never changes"):
            told_to(fresh_stage, "NATIONAL", changed(row, what))
    for statement in ("delete from hold", "truncate hold"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            told_to(fresh_stage, "NATIONAL", statement)
