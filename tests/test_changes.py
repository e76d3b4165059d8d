"""Every change: one effect for one key, no patient data, a refusal that keeps nothing."""

import pytest
from pydantic import ValidationError

from schema.readiness.assurance import AddEvidence
from tests.stage import Stage, caller, mutation_document

PRODUCT = {"code": "ADASTRA", "name": "Adastra", "category": "URGENT_CARE_PATIENT_MANAGEMENT"}
DOCUMENT = mutation_document("registerProduct", "id name version")


def test_the_same_key_and_body_give_the_first_answer_byte_for_byte(fresh_stage: Stage) -> None:
    first = fresh_stage.answer("SUPPLIER", DOCUMENT, "key-0001", input=PRODUCT)
    again = fresh_stage.answer("SUPPLIER", DOCUMENT, "key-0001", input=PRODUCT)
    assert first.body == again.body
    assert b'"Product"' in first.body
    assert fresh_stage.ask("SUPPLIER", "{ activity { totalCount } }")["activity"]["totalCount"] == products(fresh_stage)


def products(stage: Stage) -> int:
    """Count the events there must be: every organisation listed, and one product."""
    return (
        stage.ask("NATIONAL", "{ activity(first: 200) { nodes { objectType } } }")["activity"]["nodes"].count(
            {"objectType": "Organisation"}
        )
        + 1
    )


def test_the_same_key_with_another_body_is_refused(fresh_stage: Stage) -> None:
    fresh_stage.answer("SUPPLIER", DOCUMENT, "key-0001", input=PRODUCT)
    other = fresh_stage.change("SUPPLIER", "registerProduct", key="key-0001", **{**PRODUCT, "code": "OTHER"})
    assert other["code"] == "IDEMPOTENCY_MISMATCH"
    assert fresh_stage.change("SUPPLIER", "registerProduct", **{**PRODUCT, "code": "OTHER"})["__typename"] == "Product"


def test_the_key_may_stand_in_the_input_and_belongs_to_one_client(fresh_stage: Stage) -> None:
    keyed = {**PRODUCT, "idempotencyKey": "key-0002"}
    first = fresh_stage.change("SUPPLIER", "registerProduct", **keyed)
    assert fresh_stage.change("SUPPLIER", "registerProduct", **keyed) == first
    somebody_else = caller("SUPPLIER", subject="another-client")
    assert fresh_stage.change(somebody_else, "registerProduct", **keyed)["code"] == "ALREADY_REGISTERED"


def test_a_refusal_keeps_nothing_and_its_key_may_be_tried_again(fresh_stage: Stage) -> None:
    wrong = {"reference": "NEXT-YEAR", "title": "Not yet", "detectedAt": "2999-01-01T00:00:00Z"}
    refused = fresh_stage.change("NATIONAL", "openIncident", key="key-0003", **wrong)
    assert (refused["code"], refused["errors"][0]["path"]) == ("VALIDATION_FAILED", ["input", "detectedAt"])
    assert fresh_stage.ask("NATIONAL", '{ incident(reference: "NEXT-YEAR") { id } }') == {"incident": None}
    right = {**wrong, "detectedAt": "2022-08-04T06:00:00Z"}
    assert fresh_stage.change("NATIONAL", "openIncident", key="key-0003", **right)["__typename"] == "Incident"


@pytest.mark.parametrize("number", ["9434765919", "943 476 5919", "943-476-5919"])
def test_an_nhs_number_is_refused_naming_the_field(stage: Stage, number: str) -> None:
    refused = stage.change(
        "NATIONAL",
        "openIncident",
        reference="X-1",
        title=f"About {number}",
        detectedAt="2022-08-04T06:00:00Z",
    )
    assert refused["code"] == "VALIDATION_FAILED"
    assert refused["errors"][0]["path"] == ["input", "title"]
    assert "NHS number" in refused["errors"][0]["message"]
    assert number not in str(refused)


def test_a_key_may_look_like_an_nhs_number(fresh_stage: Stage) -> None:
    keyed = {**PRODUCT, "idempotencyKey": "key-943 476 5919"}
    assert fresh_stage.change("SUPPLIER", "registerProduct", **keyed)["__typename"] == "Product"


def test_a_hash_may_hold_what_looks_like_an_nhs_number() -> None:
    digits = "1215308868a7e9f5d0fe59ed20e73f1bcf070dffb4f3380feccbb5453982d8c1"
    given = {"assurance": "an-id", "kind": "OTHER", "title": "Backups", "held_in": "The vault", "sha256": digits}
    assert AddEvidence.model_validate(given).sha256 == digits
    with pytest.raises(ValidationError, match="NHS number"):
        AddEvidence.model_validate({**given, "held_in": digits})


def test_ten_digits_that_are_no_nhs_number_are_text(stage: Stage) -> None:
    kept = stage.change(
        "NATIONAL",
        "openIncident",
        reference="X-2",
        title="Ticket 9434765918, phone 01905 000000",
        detectedAt="2022-08-04T06:00:00Z",
    )
    assert kept["__typename"] == "Incident"


def test_nested_input_is_looked_at_too(stage: Stage) -> None:
    refused = stage.change(
        "R1A",
        "openIncident",
        reference="X-3",
        title="Pathology",
        detectedAt="2022-08-04T06:00:00Z",
        declaration={"type": "CRITICAL", "level": "L1", "reason": "see 943 476 5919"},
    )
    assert refused["errors"][0]["path"] == ["input", "declaration", "reason"]


def test_a_time_without_an_offset_is_refused(stage: Stage) -> None:
    refused = stage.change("NATIONAL", "openIncident", reference="X-4", title="When?", detectedAt="2022-08-04T06:00:00")
    assert refused["errors"][0]["path"] == ["input", "detectedAt"]


def test_a_caller_without_the_scope_is_told_which_it_needs(stage: Stage) -> None:
    refused = stage.change("R1A", "registerProduct", **PRODUCT)
    assert (refused["code"], refused["needs"]) == ("NOT_PERMITTED", "product:register")


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"code": "not a code"}, "code"),
        ({"name": "x"}, "name"),
        ({"name": "x" * 121}, "name"),
        ({"category": "epr"}, "category"),
        ({"idempotencyKey": "short"}, "idempotencyKey"),
    ],
)
def test_what_its_description_does_not_allow_is_refused(stage: Stage, wrong: dict[str, str], field: str) -> None:
    refused = stage.change("SUPPLIER", "registerProduct", **{**PRODUCT, **wrong})
    assert [error["path"] for error in refused["errors"]] == [["input", field]]


def test_the_hold_of_a_roll_back_is_placed_by_rolling_back_alone(fresh_stage: Stage) -> None:
    system = fresh_stage.tell("R1A")["R1A"]
    refused = fresh_stage.change("R1A", "placeHold", held=system, reasonCode="ROLLBACK", reason="It felt so.")
    assert (refused["code"], refused["errors"][0]["path"]) == ("VALIDATION_FAILED", ["input", "reasonCode"])
    assert "rollBack" in refused["errors"][0]["message"]
