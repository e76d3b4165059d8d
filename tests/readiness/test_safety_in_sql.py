"""Safety sign-offs by SQL, past every rule: what the database itself refuses to whoever has a caller's role."""

import uuid
from typing import Any

import pytest

from tests.readiness.assured import ACCEPTED, SIGN_OFF, build_of, product_of, sign_off, system_of
from tests.readiness.moving import key_of, tried
from tests.readiness.test_safety import BARRED, OWNER, STANDARDS, TESTED, begun
from tests.stage import LISTED, Stage, caller, person

STATES = SIGN_OFF["DCB0129"].states
FIGURES = "level_1", "level_4", "level_3_justified", "transferred_total", "transferred_accepted", "report_ref"
WHY = "decision_reason = 'Why.'"
Rows = dict[str, Any]


@pytest.fixture(scope="module")
def told(stage: Stage) -> Rows:
    """A sign-off of each standard in each state, by its key, and what there is to sign for."""
    made = stage.tell("R1A", "RNK")
    SIGN_OFF["DCB0129"].walk(stage, sign_off(stage, "SUPPLIER", made["build"]), "SIGNED")
    rows: Rows = {**made, "other": product_of(stage)}
    for standard, machine in SIGN_OFF.items():
        for state in STATES:
            rows[f"{standard} {state}"] = key_of(machine.walk(stage, begun(stage, rows, standard), state))
    return rows


def changed(which: Any, what: str, *, table: str = "safety_sign_off", gives: str = "state::text") -> str:
    """Return the statement that changes a sign-off, or its hazards."""
    by = "id" if table == "safety_sign_off" else "sign_off_id"
    return f"update {table} set version = version + 1, {what} where {by} = '{which}' returning {gives}"  # noqa: S608 - our own


def moved(told: Rows, standard: str, begins: str, ends: str) -> tuple[str, ...]:
    """Return the statements that move a sign-off, with the reason where it needs one and one may be given."""
    which = told[f"{standard} {begins}"]
    move = changed(which, f"state = '{ends}'")
    if ends in ("DECLINED", "WITHDRAWN") and begins in ("SUBMITTED", "SIGNED"):
        return changed(which, WHY, table="hazard_summary", gives="id"), move
    return (move,)


@pytest.mark.parametrize("standard", STANDARDS)
@pytest.mark.parametrize("code", LISTED)
def test_every_state_every_move_every_caller(stage: Stage, told: Rows, standard: str, code: str) -> None:
    lawful = {(each.actor, begins, each.ends) for each in SIGN_OFF[standard].moves for begins in each.begins}
    asked = [(begins, ends) for begins in STATES for ends in STATES]
    answers = tried(stage, code, [moved(told, standard, *each) for each in asked])
    for (begins, ends), answer in zip(asked, answers, strict=True):
        if (code, begins, ends) in lawful:
            assert answer == ends, (begins, ends)
        elif code == OWNER[standard]:
            assert "CheckViolationError: a sign-off does not go from" in answer, (begins, ends)
        elif LISTED[code][1] in (LISTED["R1A"][1], LISTED["SUPPLIER"][1]):
            assert answer == "nothing", (begins, ends)
        else:
            assert "permission denied" in answer, (begins, ends)


@pytest.mark.parametrize("standard", STANDARDS)
def test_a_machine_decides_nothing(stage: Stage, told: Rows, standard: str) -> None:
    asked = [("SUBMITTED", "SIGNED"), ("SUBMITTED", "DECLINED"), ("SIGNED", "WITHDRAWN")]
    machine = caller(OWNER[standard])
    answers = tried(stage, OWNER[standard], [moved(told, standard, *each) for each in asked], machine.subject)
    assert answers == ["CheckViolationError: a person decides of a sign-off"] * 3


@pytest.mark.parametrize("standard", STANDARDS)
def test_a_reason_is_given_for_what_needs_one_and_for_nothing_else(stage: Stage, told: Rows, standard: str) -> None:
    submitted, signed = told[f"{standard} SUBMITTED"], told[f"{standard} SIGNED"]
    reason = changed(submitted, WHY, table="hazard_summary", gives="id")
    tries = [
        changed(submitted, "state = 'DECLINED'"),
        changed(signed, "state = 'WITHDRAWN'"),
        (reason, changed(submitted, "state = 'SIGNED'")),
    ]
    for answer in tried(stage, OWNER[standard], tries):
        assert answer == "CheckViolationError: a sign-off is declined or withdrawn with a reason, and signed without"
    late = [
        changed(told[f"{standard} {each}"], WHY, table="hazard_summary", gives="id")
        for each in ("DRAFT", "DECLINED", "WITHDRAWN")
    ]
    twice = (reason, changed(submitted, "decision_reason = 'Other.'", table="hazard_summary", gives="id"))
    besides = changed(submitted, f"{WHY}, level_5 = 0, level_4 = 0, level_1 = 9", table="hazard_summary", gives="id")
    answers = tried(stage, OWNER[standard], [*late, twice, besides])
    assert all("a reason is given once" in each for each in answers[:-1])
    assert "hazards do not change with a decision" in answers[-1]


@pytest.mark.parametrize("standard", STANDARDS)
def test_who_and_when_is_the_databases_to_say(stage: Stage, told: Rows, standard: str) -> None:
    forged = "signer = 'some.body@R1A', signed_at = '2000-01-01', submitted_at = '2000-01-01', withdrawn_at = now()"
    signed = changed(
        told[f"{standard} SUBMITTED"], f"state = 'SIGNED', {forged}",
        gives="signer || ' ' || (signed_at = now())::text || ' ' || (submitted_at > '2020-01-01')::text "
        "|| ' ' || coalesce(withdrawn_at::text, 'standing')",
    )  # fmt: skip
    assert tried(stage, OWNER[standard], [signed]) == [f"everything@{OWNER[standard]} true true standing"]
    withdrawn = moved(told, standard, "SIGNED", "WITHDRAWN")
    withdrawn = (
        withdrawn[0],
        withdrawn[1].replace("'WITHDRAWN'", f"'WITHDRAWN', {forged}, next_review_on = '2099-01-01'"),
    )
    kept = withdrawn[1].replace("state::text", "signer || coalesce(next_review_on::text, ' no review')")
    assert tried(stage, OWNER[standard], [(withdrawn[0], kept)]) == [f"everything@{OWNER[standard]} no review"]


@pytest.mark.parametrize("standard", STANDARDS)
@pytest.mark.parametrize("bar", BARRED)
def test_what_bars_a_signature_bars_it_here(stage: Stage, told: Rows, standard: str, bar: str) -> None:
    if standard == "DCB0129" and "TRANSFERRED" in bar:
        return
    mine = key_of(SIGN_OFF[standard].walk(stage, begun(stage, told, standard, **BARRED[bar]), "SUBMITTED"))
    (answer,) = tried(stage, OWNER[standard], [changed(mine, "state = 'SIGNED'")])
    assert answer == f"CheckViolationError: in the way of signing: {{{bar.strip()}}}"


def test_without_the_suppliers_no_trust_signs(fresh_stage: Stage) -> None:
    made = fresh_stage.tell("R1A")
    mine = sign_off(fresh_stage, "R1A", made["build"], system=made["R1A"], **ACCEPTED)
    fresh_stage.change("R1A", "submitSignOff", signOff=mine)
    (answer,) = tried(fresh_stage, "R1A", [changed(key_of(mine), "state = 'SIGNED'")])
    assert answer == "CheckViolationError: in the way of signing: {DCB0129_NOT_SIGNED}"
    build_of(fresh_stage, made["product"], relevant=True)
    (answer,) = tried(fresh_stage, "R1A", [changed(key_of(mine), "state = 'SIGNED'")])
    assert answer == "CheckViolationError: in the way of signing: {BUILD_SUPERSEDED,DCB0129_NOT_SIGNED}"


def test_whoever_tested_a_system_does_not_sign_for_it(stage: Stage, told: Rows) -> None:
    system = system_of(stage, told)
    stage.change(person("R1A"), "reportTest", system=system, build=told["build"], **TESTED)
    mine = sign_off(stage, "R1A", told["build"], system=system, **ACCEPTED)
    stage.change("R1A", "submitSignOff", signOff=mine)
    signing = [changed(key_of(mine), "state = 'SIGNED'")]
    assert tried(stage, "R1A", signing) == ["CheckViolationError: whoever tested a system does not sign for it"]
    assert tried(stage, "R1A", signing, "other.cso@R1A") == ["SIGNED"]


@pytest.mark.parametrize("column", FIGURES)
@pytest.mark.parametrize("standard", STANDARDS)
def test_hazards_stand_once_submitted(stage: Stage, told: Rows, standard: str, column: str) -> None:
    value = {"report_ref": "'Other'", "transferred_accepted": "0", "transferred_total": "9"}.get(column, "1")
    tries = [
        changed(told[f"{standard} {state}"], f"{column} = {value}", table="hazard_summary", gives="id is not null")
        for state in STATES
    ]
    first, *others = tried(stage, OWNER[standard], tries)
    assert first == "True"
    assert all("hazards are stated while the sign-off is a draft" in each for each in others)
    for code in LISTED.keys() - {OWNER[standard]}:
        (answer,) = tried(stage, code, tries[:1])
        assert answer == "nothing" or "permission denied" in answer


@pytest.mark.parametrize("table", ["safety_sign_off", "hazard_summary"])
def test_nothing_else_can_be_changed_and_nothing_deleted(stage: Stage, told: Rows, table: str) -> None:
    fixed = {
        "safety_sign_off": ("standard", "build_id", "system_id", "audience", "trust_ods", "region_ods", "created_by"),
        "hazard_summary": ("sign_off_id", "audience", "tenant_ods", "created_by"),
    }[table]
    which = told["DCB0160 DRAFT"]
    tries = [changed(which, f"{column} = {column}", table=table, gives="1") for column in fixed]
    for code in LISTED:
        answers = tried(stage, code, [*tries, f"delete from {table}"])  # noqa: S608 - our own
        assert all("permission denied" in each for each in answers)


def test_a_trusts_hazards_are_not_read_by_others_anywhere(stage: Stage, told: Rows) -> None:
    mine = told["DCB0160 SIGNED"]
    asked = [
        f"select count(*) from hazard_summary where sign_off_id = '{mine}'",  # noqa: S608 - our own
        f"select least(count(*), 1) from event where row ->> 'sign_off_id' = '{mine}'",  # noqa: S608 - our own
        "select count(*) from known.hazard_summary where audience = 'PRIVATE'",
    ]
    for code in LISTED:
        then = ("select set_config('app.known_at', now()::text, true)", asked[2].replace("count(*)", "count(*) > 0"))
        answers = tried(stage, code, [*asked[:2], then])
        assert answers == (["1", "1", "True"] if code in ("R1A", "AUDITOR") else ["0", "0", "False"]), code


def drafted(told: Rows, code: str, **other: str) -> str:
    """Return the statement that begins a sign-off as a trust or a supplier would."""
    whose = {
        "R1A": {"standard": "'DCB0160'", "trust_ods": "'R1A'", "system_id": f"'{key_of(told['R1A'])}'", "audience": "'PRIVATE'"},
        "SUPPLIER": {"standard": "'DCB0129'", "audience": "'PUBLISHED'"},
    }  # fmt: skip
    values = {
        "tenant_ods": "app.tenant()", "id": f"'{uuid.uuid4()}'", "version": "1", "created_at": "now()", "created_by": "'x'",
        "supplier_ods": "'SUPPLIER'", "product_id": f"'{key_of(told['product'])}'", "build_id": f"'{key_of(told['build'])}'",
        "state": "'DRAFT'", **whose[code], **other,
    }  # fmt: skip
    return (
        f"insert into safety_sign_off ({', '.join(values)}) values ({', '.join(values.values())}) returning state::text"  # noqa: S608 - our own
    )


def test_a_standard_is_its_owners(stage: Stage, told: Rows) -> None:
    theirs = f"'{key_of(told['RNK'])}'"
    asked = {
        ("R1A", ()): "DRAFT",
        ("SUPPLIER", ()): "DRAFT",
        ("R1A", (("state", "'SIGNED'"),)): "begins as a draft",
        ("R1A", (("system_id", theirs),)): "not one of the product",
        ("R1A", (("trust_ods", "'RNK'"), ("system_id", theirs))): "not one of the product",
        ("R1A", (("product_id", f"'{key_of(told['other'])}'"),)): "not one of the product",
        ("R1A", (("audience", "'PUBLISHED'"),)): "a_standard_is_its_owners",
        ("R1A", (("tenant_ods", "'RNK'"),)): "row-level security",
        ("SUPPLIER", (("audience", "'PRIVATE'"),)): "a_standard_is_its_owners",
        ("SUPPLIER", (("signer", "'some.body@R1A'"), ("signed_at", "now()"))): "its_times_follow_its_state",
    }
    for (code, other), expected in asked.items():
        (answer,) = tried(stage, code, [drafted(told, code, **dict(other))])
        assert expected in answer, (code, other)
    assert "row-level security" in tried(stage, "SUPPLIER", [drafted(told, "R1A", tenant_ods="app.tenant()")])[0]
    assert "row-level security" in tried(stage, "R1A", [drafted(told, "SUPPLIER")])[0]
    for code in LISTED.keys() - {"R1A", "RNK", "RYG", "SUPPLIER", "RIVAL"}:
        assert "permission denied" in tried(stage, code, [drafted(told, "SUPPLIER")])[0]
