"""Assurance by SQL, past every rule: what the database itself refuses to whoever has a caller's role."""

import uuid
from typing import Any

import pytest

from tests.ledger import as_superuser
from tests.readiness.assured import ASSURANCE, build_of, pack, product_of
from tests.readiness.moving import key_of, tried
from tests.stage import LISTED, Stage, caller

STATES = ASSURANCE.states
WRITTEN = {
    "SUPPLIER": "",
    "ASSURER": ", decision_reason = 'Why.'",
    "APPROVED": ", decision_reason = 'Why.', confidence = 'LOW', valid_until = now() + interval '1 day'",
}
Rows = dict[str, Any]


@pytest.fixture(scope="module")
def told(stage: Stage) -> Rows:
    """An assurance in each state, by its key, and what they are of."""
    made = stage.tell("R1A")
    rows = {state: key_of(ASSURANCE.walk(stage, pack(stage, made["build"]), state)) for state in STATES}
    return {**rows, "build": key_of(made["build"]), "product": key_of(made["product"])}


def moved(told: Rows, begins: str, ends: str, written: str) -> str:
    """Return the statement that moves an assurance."""
    what = f"version = version + 1, state = '{ends}'{written}"
    return f"update security_assurance set {what} where id = '{told[begins]}' returning state::text"  # noqa: S608 - our own


@pytest.mark.parametrize("code", LISTED)
def test_every_state_every_move_every_caller(stage: Stage, told: Rows, code: str) -> None:
    lawful = {(each.actor, begins, each.ends) for each in ASSURANCE.moves for begins in each.begins}
    asked = [(begins, ends) for begins in STATES for ends in STATES]
    written = {ends: WRITTEN.get(ends if code == "ASSURER" else "", WRITTEN.get(code, "")) for ends in STATES}
    answers = tried(stage, code, [moved(told, begins, ends, written[ends]) for begins, ends in asked])
    for (begins, ends), answer in zip(asked, answers, strict=True):
        if (code, begins, ends) in lawful:
            assert answer == ends, (begins, ends)
        elif code == "SUPPLIER" or (code == "ASSURER" and begins != "DRAFT"):
            assert "CheckViolationError: an assurance does not go from" in answer, (begins, ends)
        elif code in ("ASSURER", "RIVAL"):
            assert answer == "nothing", (begins, ends)
        else:
            assert "permission denied" in answer, (begins, ends)


@pytest.mark.parametrize("column", ["confidence", "valid_until", "decision_reason", "decider", "assurer_ods"])
def test_the_supplier_decides_nothing(stage: Stage, told: Rows, column: str) -> None:
    (answer,) = tried(stage, "SUPPLIER", [moved(told, "DRAFT", "SUBMITTED", f", {column} = {column}")])
    assert "permission denied" in answer


@pytest.mark.parametrize("column", ["reference", "build_id", "submitted_at", "supersedes_id", "tenant_ods", "audience"])
def test_the_assurer_writes_its_decision_alone(stage: Stage, told: Rows, column: str) -> None:
    (answer,) = tried(stage, "ASSURER", [moved(told, "SUBMITTED", "UNDER_REVIEW", f", {column} = {column}")])
    assert "permission denied" in answer


@pytest.mark.parametrize(
    ("ends", "written"),
    [
        ("APPROVED", ", decision_reason = 'Why.'"),
        ("APPROVED", ", decision_reason = 'Why.', confidence = 'LOW'"),
        ("APPROVED", ", decision_reason = 'Why.', confidence = 'LOW', valid_until = now() - interval '1 day'"),
        ("APPROVED", ", confidence = 'LOW', valid_until = now() + interval '1 day'"),
        ("REJECTED", ""),
        ("MORE_EVIDENCE", ", decision_reason = ''"),
    ],
)
def test_a_decision_is_whole(stage: Stage, told: Rows, ends: str, written: str) -> None:
    (answer,) = tried(stage, "ASSURER", [moved(told, "UNDER_REVIEW", ends, written)])
    assert answer.startswith("CheckViolationError"), answer


def test_a_machine_decides_nothing(stage: Stage, told: Rows) -> None:
    statements = [
        moved(told, "SUBMITTED", "UNDER_REVIEW", ""),
        moved(told, "UNDER_REVIEW", "APPROVED", WRITTEN["APPROVED"]),
        moved(told, "APPROVED", "REVOKED", WRITTEN["ASSURER"]),
    ]
    for answer in tried(stage, "ASSURER", statements, caller("ASSURER").subject):
        assert answer == "CheckViolationError: a person decides of an assurance"


def test_who_and_when_is_the_databases_to_say(stage: Stage, told: Rows) -> None:
    forged = (
        WRITTEN["APPROVED"] + ", assurer_ods = 'NATIONAL', decider = 'some.body@NATIONAL', decided_at = '2000-01-01'"
    )
    statement = moved(told, "UNDER_REVIEW", "APPROVED", forged).replace(
        "state::text", "assurer_ods || ' ' || decider || ' ' || (decided_at = now())::text"
    )
    assert tried(stage, "ASSURER", [statement]) == ["ASSURER everything@ASSURER true"]
    sent = moved(told, "DRAFT", "SUBMITTED", ", submitted_at = '2000-01-01'")
    sent = sent.replace("state::text", "audience || ' ' || (submitted_at = now())::text")
    assert tried(stage, "SUPPLIER", [sent]) == ["PUBLISHED true"]


def begun(told: Rows, **other: str) -> str:
    """Return the statement that begins an assurance."""
    values = {
        "tenant_ods": "app.tenant()", "id": f"'{uuid.uuid4()}'", "version": "1", "created_at": "now()",
        "created_by": "'x'", "reference": "'EV-SQL'", "product_id": f"'{told['product']}'",
        "build_id": f"'{told['build']}'", "state": "'DRAFT'", "audience": "'PRIVATE'", **other,
    }  # fmt: skip
    columns = ", ".join(values)
    return f"insert into security_assurance ({columns}) values ({', '.join(values.values())}) returning audience::text"  # noqa: S608 - our own


def test_it_begins_as_a_draft_of_a_build_of_ones_own(stage: Stage, told: Rows) -> None:
    other = key_of(build_of(stage, product_of(stage), relevant=True))
    asked = {
        begun(told, audience="'PUBLISHED'"): "PRIVATE",
        begun(told, state="'SUBMITTED'", submitted_at="now()"): "begins as a draft",
        begun(told, state="'APPROVED'"): "begins as a draft",
        begun(told, build_id=f"'{other}'"): "not one of the product",
        begun(told, supersedes_id=f"'{told['DRAFT']}'"): "supersedes a submitted one",
        begun(told, supersedes_id=f"'{told['REJECTED']}'"): "PRIVATE",
        begun(told, decider="'some.body@ASSURER'", confidence="'HIGH'"): "an_approval_says_how_sure",
        begun(told, tenant_ods="'RIVAL'"): "",
    }
    for expected, answer in zip(asked.values(), tried(stage, "SUPPLIER", list(asked)), strict=True):
        assert expected in answer
    assert "not one of the product" in tried(stage, "RIVAL", [begun(told)])[0]
    for code in LISTED.keys() - {"SUPPLIER", "RIVAL"}:
        assert "permission denied" in tried(stage, code, [begun(told)])[0]


def joined(told: Rows, state: str, digest: str = "0" * 64) -> str:
    """Return the statement that adds a piece of evidence."""
    values = f"app.tenant(), gen_random_uuid(), 1, now(), 'x', 'OTHER', 'It', 'There', '{digest}', '{told[state]}'"
    columns = "tenant_ods, id, version, created_at, created_by, kind, title, held_in, sha256, assurance_id"
    return f"insert into evidence ({columns}) values ({values}) returning title"  # noqa: S608 - our own


def test_evidence_joins_what_is_not_decided(stage: Stage, told: Rows) -> None:
    for state, answer in zip(STATES, tried(stage, "SUPPLIER", [joined(told, s) for s in STATES]), strict=True):
        assert answer == "It" if state in ("DRAFT", "MORE_EVIDENCE") else "evidence is added to a draft" in answer
    for code in LISTED.keys() - {"SUPPLIER"}:
        (answer,) = tried(stage, code, [joined(told, "DRAFT")])
        assert ("permission denied" if code != "RIVAL" else "evidence is added to a draft") in answer
    assert tried(stage, "SUPPLIER", [joined(told, "DRAFT", "A" * 64)])[0].startswith("CheckViolationError")


def test_evidence_never_changes_and_nothing_is_deleted(stage: Stage, told: Rows) -> None:
    statements = (
        "update evidence set title = 'Other', version = version + 1", "delete from evidence",
        "delete from security_assurance", "truncate evidence", "truncate security_assurance cascade",
    )  # fmt: skip
    for code in LISTED:
        assert all("permission denied" in each for each in tried(stage, code, statements))


def test_without_evidence_nothing_is_submitted(fresh_stage: Stage) -> None:
    bare = {"DRAFT": key_of(pack(fresh_stage, fresh_stage.tell("R1A")["build"], evidence=0))}
    (answer,) = tried(fresh_stage, "SUPPLIER", [moved(bare, "DRAFT", "SUBMITTED", "")])
    assert answer == "CheckViolationError: an assurance is submitted with evidence"


def test_an_organisation_never_assures_itself(stage: Stage, told: Rows) -> None:
    """Were a supplier an assurer besides, the table itself would refuse."""
    made = f"update security_assurance set assurer_ods = tenant_ods where id = '{told['APPROVED']}'"  # noqa: S608 - our own
    with pytest.raises(Exception, match="nobody_assures_themselves"):
        as_superuser(stage, "set session_replication_role = replica", made)
