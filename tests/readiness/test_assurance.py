"""Security assurance: who submits and who decides, what it rests on, who sees it, and until when it stands."""

import asyncio
import json
from typing import Any

import pytest

from api.graphql.engine import Engine, Request, documents
from auth.tenancy import Database
from tests.ledger import as_superuser
from tests.readiness.assured import APPROVED, ASSURANCE, add, build_of, pack, product_of
from tests.readiness.moving import Move, key_of
from tests.stage import LISTED, Stage, caller, person

NEAR = {"SUPPLIER", "NATIONAL", "AUDITOR"}
SEEN = "{ assurances { nodes { id standing evidence { nodes { title } } } } }"
MOVES = ASSURANCE.moves


@pytest.fixture(scope="module")
def told(stage: Stage) -> dict[str, str]:
    """A product with a build, on which a trust has a system."""
    return stage.tell("R1A")


@pytest.mark.parametrize("state", ASSURANCE.states)
def test_it_moves_as_its_table_says_and_no_other_way(stage: Stage, told: dict[str, str], state: str) -> None:
    ASSURANCE.hold_every_move(stage, lambda: pack(stage, told["build"]), state)


@pytest.mark.parametrize("move", MOVES, ids=str)
def test_nobody_else_moves_it(stage: Stage, told: dict[str, str], move: Move) -> None:
    ASSURANCE.hold_every_stranger(stage, lambda: pack(stage, told["build"]), move)


@pytest.mark.parametrize("verb", ["reviewAssurance", "decideAssurance", "revokeAssurance"])
def test_a_person_who_signed_in_lately_decides(stage: Stage, told: dict[str, str], verb: str) -> None:
    move = next(move for move in MOVES if move.verb == verb)
    stands = ASSURANCE.walk(stage, pack(stage, told["build"]), *move.begins)
    machine = ASSURANCE.make(stage, move, stands, caller("ASSURER"))
    assert (machine["code"], machine["needs"]) == ("NOT_PERMITTED", "assurance:decide")
    document = f"mutation($input: {verb[0].upper()}{verb[1:]}!) {{ {verb}(input: $input) {{ __typename }} }}"
    late = stage.answer(person("ASSURER", ago=901), document, input={"assurance": stands, **move.given})
    (error,) = json.loads(late.body)["errors"]
    assert (late.status, error["extensions"]["code"]) == (401, "INSUFFICIENT_USER_AUTHENTICATION")


def test_it_rests_on_evidence(stage: Stage, told: dict[str, str]) -> None:
    bare = pack(stage, told["build"], evidence=0)
    refused = stage.change("SUPPLIER", "submitAssurance", assurance=bare)
    (gate,) = refused["obstacles"]
    assert (refused["code"], gate["code"], gate["about"]) == ("GATE_SHUT", "EVIDENCE", bare)
    assert gate["clears"] == "SUPPLIER_LEAD of SUPPLIER"
    assert gate["nextStep"]
    wrong = stage.change("SUPPLIER", "addEvidence", assurance=bare, kind="OTHER", title="It", heldIn="In", sha256="XY")
    assert (wrong["code"], wrong["errors"][0]["path"]) == ("VALIDATION_FAILED", ["input", "sha256"])
    assert add(stage, bare)["__typename"] == "Evidence"
    assert stage.change("SUPPLIER", "submitAssurance", assurance=bare)["__typename"] == "SecurityAssurance"


@pytest.mark.parametrize("state", ASSURANCE.states)
def test_evidence_is_added_while_it_is_the_suppliers_to_complete(
    stage: Stage, told: dict[str, str], state: str
) -> None:
    answer = add(stage, ASSURANCE.walk(stage, pack(stage, told["build"]), state))
    if state in ("DRAFT", "MORE_EVIDENCE"):
        assert answer["__typename"] == "Evidence"
    else:
        assert (answer["code"], answer["currentState"]) == ("WRONG_STATE", state)
        assert answer["neededStates"] == ["DRAFT", "MORE_EVIDENCE"]


def test_who_sees_it_and_its_evidence(fresh_stage: Stage) -> None:
    stage = fresh_stage
    mine = pack(stage, stage.tell("R1A")["build"])
    assert seen(stage) == ({mine: NEAR}, NEAR)
    ASSURANCE.walk(stage, mine, "SUBMITTED")
    assert seen(stage) == ({mine: set(LISTED)}, NEAR | {"ASSURER"})


def seen(stage: Stage) -> tuple[dict[str, set[str]], set[str]]:
    """Give who sees each assurance, and who sees a piece of evidence, by every way in."""
    assurances: dict[str, set[str]] = {}
    evidence = set()
    piece = stage.ask("SUPPLIER", "{ assurances { nodes { evidence { nodes { id } } } } }")
    known = piece["assurances"]["nodes"][0]["evidence"]["nodes"][0]["id"]
    for code in LISTED:
        nodes = stage.ask(code, SEEN)["assurances"]["nodes"]
        for each in nodes:
            assurances.setdefault(each["id"], set()).add(code)
        listed = any(each["evidence"]["nodes"] for each in nodes)
        by_id = stage.ask(code, "query($id: ID!) { node(id: $id) { id } }", id=known)["node"]
        assert listed == (by_id is not None), code
        evidence |= {code} if listed else set()
    return assurances, evidence


def test_what_was_added_later_is_shown_to_the_assurer_once_it_is_submitted(stage: Stage, told: dict[str, str]) -> None:
    mine = ASSURANCE.walk(stage, pack(stage, told["build"]), "MORE_EVIDENCE")
    add(stage, mine, 1)
    assert [pieces(stage, code, mine) for code in ("ASSURER", "SUPPLIER", "R1A")] == [1, 2, 0]
    stage.change("SUPPLIER", "submitAssurance", assurance=mine)
    assert [pieces(stage, code, mine) for code in ("ASSURER", "SUPPLIER", "R1A")] == [2, 2, 0]


def pieces(stage: Stage, code: str, assurance: str) -> int:
    """Count the evidence somebody sees of an assurance."""
    asked = "query($id: ID!) { node(id: $id) { ... on SecurityAssurance { evidence { totalCount } } } }"
    return int(stage.ask(code, asked, id=assurance)["node"]["evidence"]["totalCount"])


@pytest.mark.parametrize(
    "given",
    [
        {**APPROVED, "confidence": None},
        {**APPROVED, "validUntil": None},
        {**APPROVED, "validUntil": "2022-08-04T06:00:00Z"},
        {**APPROVED, "reason": ""},
        {"verdict": "REJECTED", "reason": "No.", "confidence": "LOW"},
        {"verdict": "MORE_EVIDENCE", "reason": "Logs.", "validUntil": "2999-01-01T00:00:00Z"},
    ],
    ids=str,
)
def test_an_approval_says_how_sure_and_how_long_and_nothing_else_does(
    stage: Stage, told: dict[str, str], given: dict[str, Any]
) -> None:
    mine = ASSURANCE.walk(stage, pack(stage, told["build"]), "UNDER_REVIEW")
    answer = stage.change(person("ASSURER"), "decideAssurance", assurance=mine, select="state", **given)
    assert answer["code"] == "VALIDATION_FAILED"


def test_a_decision_tells_who_and_why(stage: Stage, told: dict[str, str]) -> None:
    mine = ASSURANCE.walk(stage, pack(stage, told["build"]), "APPROVED")
    asked = """query($id: ID!) { node(id: $id) { ... on SecurityAssurance { assurer { odsCode } decider decisionReason
        confidence validUntil standing supplier { odsCode } build { label } product { code } } } }"""
    assert stage.ask("R1A", asked, id=mine)["node"] == {
        "assurer": {"odsCode": "ASSURER"}, "decider": "everything@ASSURER", "decisionReason": "Clean.",
        "confidence": "HIGH", "validUntil": "2999-01-01T00:00:00+00:00", "standing": "APPROVED",
        "supplier": {"odsCode": "SUPPLIER"}, "build": {"label": "CN-R1"}, "product": {"code": "CARENOTES"},
    }  # fmt: skip


def test_it_expires_by_itself_and_either_way_of_reading_says_so(fresh_stage: Stage) -> None:
    stage = fresh_stage
    mine = ASSURANCE.walk(stage, pack(stage, stage.tell("R1A")["build"]), "APPROVED")
    assert standing(stage, mine) == ["APPROVED", "APPROVED"]
    past = "decided_at = '2022-12-01 00:00Z', valid_until = now()"
    as_superuser(stage, "set session_replication_role = replica", f"update security_assurance set {past}")  # noqa: S608 - our own
    assert standing(stage, mine) == ["EXPIRED", "EXPIRED"]
    move = next(move for move in MOVES if move.verb == "revokeAssurance")
    assert ASSURANCE.make(stage, move, mine)["state"] == "REVOKED"
    assert standing(stage, mine) == ["REVOKED", "REVOKED"]


def standing(stage: Stage, assurance: str) -> list[str]:
    """Give where an assurance stands, by the compiled statement and by the executor."""
    document = "query($id: ID!) { node(id: $id) { ... on SecurityAssurance { standing } } }"
    request = Request(document, {"id": assurance}, None, "the-same")

    async def ask() -> list[str]:
        database = Database(stage.url)
        engine = Engine(database)
        operation = documents.read(document).operation(None, request.variables)
        try:
            told = [await way(request, operation, caller("R1A")) for way in (engine.compiled, engine.executed)]
        finally:
            await database.close()
        return [json.loads(each.body)["data"]["node"]["standing"] for each in told]

    return asyncio.run(ask())


def test_the_newest_submitted_counts(stage: Stage) -> None:
    product = product_of(stage)
    build = build_of(stage, product, relevant=True)
    first = ASSURANCE.walk(stage, pack(stage, build), "APPROVED")
    assert counts(stage, product) == key_of(first)
    second = pack(stage, build, supersedes=first)
    assert counts(stage, product) == key_of(first)
    ASSURANCE.walk(stage, second, "REJECTED")
    assert counts(stage, product) == key_of(second)
    later = build_of(stage, product)
    assert counts(stage, product) == key_of(second)
    ASSURANCE.walk(stage, pack(stage, later), "APPROVED")
    build_of(stage, product, relevant=True)
    assert counts(stage, product) is None


def counts(stage: Stage, product: str) -> Any:
    """Give the key of the assurance that counts for a product."""
    return as_superuser(stage, f"select app.assurance_that_counts('SUPPLIER', '{key_of(product)}')")[0][0]


def test_it_supersedes_a_submitted_one_of_its_own_build(stage: Stage, told: dict[str, str]) -> None:
    draft, sent = pack(stage, told["build"]), ASSURANCE.walk(stage, pack(stage, told["build"]), "SUBMITTED")
    other = build_of(stage, product_of(stage), relevant=True)
    again = {"reference": "EV-AGAIN", "select": "id supersedes { id }"}
    early = stage.change("SUPPLIER", "draftAssurance", build=told["build"], supersedes=draft, **again)
    assert (early["code"], early["currentState"]) == ("WRONG_STATE", "DRAFT")
    elsewhere = stage.change("SUPPLIER", "draftAssurance", build=other, supersedes=sent, **again)
    assert elsewhere["errors"] == [{"path": ["input", "supersedes"], "message": "is about another build"}]
    nothing = stage.change("SUPPLIER", "draftAssurance", build=told["build"], supersedes="x", **again)
    assert nothing["code"] == "NOT_FOUND"
    made = stage.change("SUPPLIER", "draftAssurance", build=told["build"], supersedes=sent, **again)
    assert made["supersedes"] == {"id": sent}
    twice = stage.change("SUPPLIER", "draftAssurance", build=told["build"], **again)
    assert (twice["code"], twice["existing"]) == ("ALREADY_REGISTERED", made["id"])


def test_a_supplier_assures_its_own_builds_alone(stage: Stage, told: dict[str, str]) -> None:
    stolen = stage.change("RIVAL", "draftAssurance", build=told["build"], reference="EV-1")
    assert (stolen["code"], stolen["path"]) == ("NOT_FOUND", ["input", "build"])
    mine = pack(stage, told["build"])
    given = {"kind": "OTHER", "title": "It", "heldIn": "There", "sha256": "0" * 64}
    assert stage.change("RIVAL", "addEvidence", assurance=mine, **given)["code"] == "NOT_FOUND"


def test_it_is_known_as_it_was(fresh_stage: Stage) -> None:
    stage = fresh_stage
    mine = ASSURANCE.walk(stage, pack(stage, stage.tell("R1A")["build"]), "SUBMITTED")
    then = as_superuser(stage, "select max(recorded_at) from event")[0][0].isoformat()
    ASSURANCE.make(stage, MOVES[1], mine)
    asked = "query($then: DateTime) { assurances(asKnownAt: $then) { nodes { state } } }"
    told = [stage.ask("R1A", asked, then=instant)["assurances"]["nodes"] for instant in (then, None)]
    assert told == [[{"state": "SUBMITTED"}], [{"state": "UNDER_REVIEW"}]]
