"""An idempotency key is its sender's: another's key gives no answer of theirs, and is not told to be used."""

import json

import pytest

from tests.isolation.world import World
from tests.stage import Stage, caller, mutation_document

STATED = {"reference": "ONE-BODY", "title": "One body, one key", "detectedAt": "2022-08-04T06:00:00Z"}
KEY = "the-same-key-for-all"


@pytest.mark.parametrize("other", ["RYG", "RNK", "Y60", "NATIONAL"])
def test_one_key_and_one_body_are_two_changes_of_two_organisations(copies: dict[str, Stage], other: str) -> None:
    document = mutation_document("openIncident", "id openedBy { odsCode }")
    told = {
        code: json.loads(copies["changing"].answer(code, document, KEY, input=STATED).body)["data"]["openIncident"]
        for code in ("R1A", other)
    }
    assert {code: answer["openedBy"]["odsCode"] for code, answer in told.items()} == {"R1A": "R1A", other: other}
    assert told["R1A"]["id"] != told[other]["id"]


def test_another_client_of_the_same_organisation_does_not_get_the_answer(copies: dict[str, Stage]) -> None:
    stated = STATED | {"reference": "TWO-CLIENTS"}
    for subject, answered in (("first", "Incident"), ("first", "Incident"), ("second", "AlreadyRegistered")):
        told = copies["changing"].change(caller("R1A", subject=subject), "openIncident", key=KEY, **stated)
        assert told["__typename"] == answered


def test_a_key_of_another_with_another_body_is_a_new_key(world: World, copies: dict[str, Stage]) -> None:
    theirs = next(key for key in world.keys if "_R1A_" in key)
    made = copies["changing"].change("RNK", "openIncident", key=theirs, **STATED | {"reference": "OTHER-BODY"})
    assert made["__typename"] == "Incident"
