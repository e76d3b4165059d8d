"""Holds: who places one on what, who releases it, what it covers, and who sees it."""

import json
from typing import Any

import pytest

from auth.caller import AAL1, Caller, Person
from auth.scope import Scope
from schema.people.account import Role
from tests.ledger import as_superuser
from tests.stage import LISTED, Stage, caller, person
from tests.test_known import move

KIND = {code: listed[1] for code, listed in LISTED.items()}
# Domain model, B.3, the row "Hold", with the roles that A gives the posts of a trust.
MAY_PLACE = {
    Role.ASSURER,
    Role.NATIONAL_IMT,
    Role.REGION,
    Role.SUPPLIER_LEAD,
    Role.TRUST_CSO,
    Role.TRUST_EXEC,
    Role.TRUST_IT,
}
MAY_RELEASE = {Role.ASSURER, Role.NATIONAL_IMT, Role.REGION, Role.SUPPLIER_LEAD, Role.TRUST_EXEC, Role.TRUST_SIRO}
PLACES = {
    "system": {"R1A", "Y60", "NATIONAL"},
    "product": {"SUPPLIER", "NATIONAL"},
    "build": {"ASSURER", "NATIONAL"},
    "incident": {"NATIONAL"},
}
SEES_THE_SYSTEM = {"R1A", "Y60", "SUPPLIER", "NATIONAL", "AUDITOR"}
RELEASES = {
    ("system", "R1A"): {"R1A", "Y60", "NATIONAL"},
    ("system", "Y60"): {"Y60", "NATIONAL"},
    ("system", "NATIONAL"): {"NATIONAL"},
    ("product", "SUPPLIER"): {"SUPPLIER", "NATIONAL"},
    ("product", "NATIONAL"): {"NATIONAL"},
    ("build", "ASSURER"): {"ASSURER", "NATIONAL"},
    ("incident", "NATIONAL"): {"NATIONAL"},
}
FREEZE = {"reasonCode": "CHANGE_FREEZE", "reason": "No change over the holidays."}
OVER = "query($id: ID!) { holds(system: $id, state: PLACED) { totalCount nodes { reason scope } } }"
LINE = "{ progress { organisation { odsCode } openHolds } }"


@pytest.fixture(scope="module")
def told(stage: Stage) -> dict[str, str]:
    """What there is to hold: a system each of R1A and RNK on a build of a product, lost to a national incident."""
    made = stage.tell("R1A", "RNK")
    return {**made, "system": made["R1A"]}


@pytest.fixture
def fresh(fresh_stage: Stage) -> tuple[Stage, dict[str, str]]:
    """The same, of the test's own."""
    made = fresh_stage.tell("R1A", "RNK")
    return fresh_stage, {**made, "system": made["R1A"]}


def decider(code: str, **changes: Any) -> Caller:
    """Give a person of an organisation with every role there is in it."""
    return person(code, *(role for role in Role if role.kinds == {KIND[code]}), **changes)


def place(stage: Stage, who: str | Caller, held: str, select: str = "id version", **given: Any) -> dict[str, Any]:
    """Place a hold as a person."""
    asking = decider(who) if isinstance(who, str) else who
    return stage.change(asking, "placeHold", held=held, select=select, **{**FREEZE, **given})


def release(stage: Stage, who: str | Caller, hold: str, **given: Any) -> dict[str, Any]:
    """Release a hold as a person."""
    asking = decider(who) if isinstance(who, str) else who
    return stage.change(asking, "releaseHold", **{"hold": hold, "reason": "It is over.", "select": "id state", **given})


@pytest.mark.parametrize("role", Role)
def test_a_role_says_who_places_and_who_releases(role: Role) -> None:
    for code in (code for code, kind in KIND.items() if kind in role.kinds):
        held = person(code, role).scopes
        assert (Scope.HOLD_PLACE in held, Scope.HOLD_RELEASE in held) == (role in MAY_PLACE, role in MAY_RELEASE)


@pytest.mark.parametrize("code", LISTED)
@pytest.mark.parametrize("what", PLACES)
def test_who_may_place_a_hold_on_what(stage: Stage, told: dict[str, str], what: str, code: str) -> None:
    answer = place(stage, code, told[what], "scope tier placedBy { odsCode } createdBy system { id } product { id }")
    if code in PLACES[what]:
        assert (answer["scope"], answer["tier"]) == (what.upper(), KIND[code])
        assert answer["placedBy"] == {"odsCode": code}
        assert answer["createdBy"] == decider(code).subject
    elif Scope.HOLD_PLACE not in decider(code).scopes:
        assert (answer["code"], answer["needs"]) == ("NOT_PERMITTED", "hold:place")
    elif what != "system" or code in SEES_THE_SYSTEM:
        assert answer["code"] == "NOT_PERMITTED"
        assert "the national team" in answer["needs"]
    else:
        assert answer == place(stage, code, told["R1A"][:-2] + "AA")
        assert (answer["code"], answer["path"]) == ("NOT_FOUND", ["input", "held"])


@pytest.mark.parametrize("code", LISTED)
@pytest.mark.parametrize(("what", "by"), RELEASES)
def test_who_may_release_it(stage: Stage, told: dict[str, str], what: str, by: str, code: str) -> None:
    hold = place(stage, by, told[what])
    answer = release(stage, code, hold["id"])
    if code in RELEASES[what, by]:
        assert answer["state"] == "RELEASED"
    elif Scope.HOLD_RELEASE not in decider(code).scopes:
        assert (answer["code"], answer["needs"]) == ("NOT_PERMITTED", "hold:release")
    elif what != "system" or code in SEES_THE_SYSTEM:
        named = ", ".join([*sorted(RELEASES[what, by] - {"NATIONAL"}), "the national team"])
        assert answer["needs"].replace("NATIONAL, ", "") == named
    else:
        assert (answer["code"], answer["path"]) == ("NOT_FOUND", ["input", "hold"])


@pytest.mark.parametrize("code", ["R1A", "Y60", "SUPPLIER", "ASSURER", "NATIONAL"])
def test_a_machine_places_and_never_releases(stage: Stage, told: dict[str, str], code: str) -> None:
    what = next(what for what, who in PLACES.items() if code in who)
    hold = place(stage, caller(code), told[what])
    assert hold["__typename"] == "Hold"
    refused = release(stage, caller(code), hold["id"])
    assert (refused["code"], refused["needs"]) == ("NOT_PERMITTED", "hold:release")
    assert "People decide" in refused["nextStep"]
    assert unsure(stage, caller(code, scopes=frozenset(Scope)), hold["id"])


def unsure(stage: Stage, who: Caller, hold: str) -> bool:
    """Tell whether somebody is asked to sign in again before a release."""
    document = 'mutation($id: ID!) { releaseHold(input: { hold: $id, reason: "Over." }) { __typename } }'
    answer = stage.answer(who, document, id=hold)
    (error,) = json.loads(answer.body).get("errors", [{"extensions": {"code": ""}}])
    return answer.status == 401 and error["extensions"]["code"] == "INSUFFICIENT_USER_AUTHENTICATION"


def test_a_release_needs_a_sure_sign_in_of_the_last_quarter_of_an_hour(stage: Stage, told: dict[str, str]) -> None:
    hold = place(stage, "R1A", told["system"])["id"]
    signed_in = decider("R1A").person
    assert signed_in
    by_password = Person(signed_in.roles, signed_in.session_id, AAL1, signed_in.authenticated_at)
    assert unsure(stage, decider("R1A", ago=901), hold)
    assert unsure(stage, decider("R1A", person=by_password), hold)
    assert release(stage, decider("R1A", ago=600), hold)["state"] == "RELEASED"


def test_whoever_stops_a_trusts_system_does_not_let_it_go_on_by_that_role(stage: Stage, told: dict[str, str]) -> None:
    for role in (Role.TRUST_IT, Role.TRUST_CSO):
        hold = place(stage, person("R1A", role), told["system"])
        assert release(stage, person("R1A", role), hold["id"])["needs"] == "hold:release"
    siro = person("R1A", Role.TRUST_SIRO)
    assert place(stage, siro, told["system"])["needs"] == "hold:place"
    assert release(stage, siro, hold["id"])["state"] == "RELEASED"


def test_released_is_for_good(stage: Stage, told: dict[str, str]) -> None:
    hold = place(stage, "Y60", told["system"])
    stale = release(stage, "Y60", hold["id"], expectedVersion=7)
    assert (stale["code"], stale["currentVersion"]) == ("VERSION_CONFLICT", 1)
    asked = "state version reason releasedAt releasedBy { odsCode } releaser releaseReason"
    freed = release(stage, "Y60", hold["id"], expectedVersion=1, select=asked)
    assert (freed["state"], freed["version"], freed["reason"]) == ("RELEASED", 2, FREEZE["reason"])
    assert (freed["releasedBy"], freed["releaser"]) == ({"odsCode": "Y60"}, "region@Y60")
    assert freed["releaseReason"] == "It is over."
    again = release(stage, "NATIONAL", hold["id"])
    assert (again["code"], again["nextStep"]) == ("ALREADY_DECIDED", "To stop it again, place another.")


def test_a_lost_answer_is_given_again_and_another_body_refused(stage: Stage, told: dict[str, str]) -> None:
    hold = place(stage, "R1A", told["system"], key="place-it-once")
    assert place(stage, "R1A", told["system"], key="place-it-once") == hold
    assert place(stage, "R1A", told["system"], key="place-it-once", reason="Other.")["code"] == "IDEMPOTENCY_MISMATCH"
    freed = release(stage, "R1A", hold["id"], key="free-it-once")
    assert release(stage, "R1A", hold["id"], key="free-it-once") == freed


def test_the_ledger_has_both_acts_under_whoever_did_them(fresh: tuple[Stage, dict[str, str]]) -> None:
    stage, told = fresh
    hold = place(stage, "R1A", told["system"], effectiveFrom="2030-12-23T18:00:00Z")["id"]
    release(stage, "Y60", hold)
    events = "{ activity(first: 200) { nodes { verb actor organisation { odsCode } owner { odsCode } effectiveAt objectId } } }"
    found = [each for each in stage.ask("Y60", events)["activity"]["nodes"] if each["objectId"] == hold]
    assert [(each["verb"], each["actor"]) for each in found] == [
        ("placeHold", decider("R1A").subject),
        ("releaseHold", "region@Y60"),
    ]
    assert [each["organisation"]["odsCode"] for each in found] == ["R1A", "Y60"]
    assert {each["owner"]["odsCode"] for each in found} == {"R1A"}
    assert found[0]["effectiveAt"] == "2030-12-23T18:00:00+00:00"
    assert found[1]["effectiveAt"] < found[0]["effectiveAt"]


def test_what_is_over_a_system(fresh: tuple[Stage, dict[str, str]]) -> None:
    stage, told = fresh
    second = {
        "product": told["product"],
        "label": "CN-R2",
        "builtAt": "2022-11-26T12:00:00Z",
        "safetyRelevantChange": True,
    }
    place(stage, "ASSURER", told["build"], reason="Of the first build.")
    assert [each["scope"] for each in over(stage, "R1A", told["R1A"])] == ["BUILD"]
    build = stage.change("SUPPLIER", "registerBuild", **second)["id"]
    assert over(stage, "R1A", told["R1A"]) == []
    for who, what in (("ASSURER", build), ("SUPPLIER", told["product"]), ("NATIONAL", told["incident"])):
        place(stage, who, what)
    mine = place(stage, "R1A", told["R1A"])["id"]
    place(stage, "Y56", told["RNK"], reason="Another's.")
    place(stage, "R1A", told["R1A"], reason="Announced.", effectiveFrom="2999-01-01T00:00:00Z")
    scopes = [each["scope"] for each in over(stage, "R1A", told["R1A"])]
    assert scopes == ["BUILD", "PRODUCT", "INCIDENT", "SYSTEM", "SYSTEM"]
    assert lines(stage, "NATIONAL") == {"R1A": 4, "RNK": 4}
    assert lines(stage, "R1A") == {"R1A": 4}
    release(stage, "R1A", mine)
    assert lines(stage, "Y60") == {"R1A": 3}
    assert over(stage, "RNK", told["R1A"]) == over(stage, "RNK", "TWFkZTp1cA") == over(stage, "RNK", "é") == []


def over(stage: Stage, who: str, system: str) -> list[dict[str, Any]]:
    """Give the holds over a system."""
    page = stage.ask(who, OVER, id=system)["holds"]
    assert page["totalCount"] == len(page["nodes"])
    return list(page["nodes"])


def lines(stage: Stage, who: str) -> dict[str, int]:
    """Give the open holds by trust, as its line of progress counts them."""
    return {line["organisation"]["odsCode"]: line["openHolds"] for line in stage.ask(who, LINE)["progress"]}


def test_holds_are_found_by_what_they_are_on(fresh: tuple[Stage, dict[str, str]]) -> None:
    stage, told = fresh
    for who, what in (("SUPPLIER", "product"), ("ASSURER", "build"), ("NATIONAL", "incident"), ("R1A", "system")):
        place(stage, who, told[what], reason=f"On the {what}.")
    document = """{ a: holds(product: "CARENOTES") { nodes { scope } } b: holds(incident: "CARENOTES-2022") { nodes { scope } }
        c: holds(state: RELEASED) { totalCount } systems { nodes { holds { nodes { reason } }
        product { holds { totalCount } currentBuild { holds { totalCount } } } incident { holds { totalCount } } } } }"""
    found = stage.ask("R1A", document)
    assert [each["scope"] for each in found["a"]["nodes"]] == ["PRODUCT", "BUILD"]
    assert [each["scope"] for each in found["b"]["nodes"]] == ["INCIDENT"]
    assert found["c"] == {"totalCount": 0}
    (system,) = found["systems"]["nodes"]
    assert system["holds"] == {"nodes": [{"reason": "On the system."}]}
    one = {"totalCount": 1}
    assert system["product"] == {"holds": one, "currentBuild": {"holds": one}}
    assert system["incident"] == {"holds": one}


def test_who_sees_a_hold(fresh: tuple[Stage, dict[str, str]]) -> None:
    stage, told = fresh
    regional = stage.change(
        "Y60", "openIncident", reference="REGIONAL-1", title="Regional", detectedAt="2022-08-04T06:00:00Z"
    )
    placed = {
        "product": place(stage, "SUPPLIER", told["product"])["id"],
        "incident": place(stage, "NATIONAL", told["incident"])["id"],
        **{by: place(stage, by, told["system"])["id"] for by in ("R1A", "Y60", "NATIONAL")},
        "regional": place(stage, "NATIONAL", regional["id"])["id"],
    }
    everyone, near = set(LISTED), SEES_THE_SYSTEM
    seen = {
        "product": everyone, "incident": everyone, "R1A": near, "Y60": near, "NATIONAL": near,
        "regional": {"Y60", "R1A", "RYG", "NATIONAL", "AUDITOR"},
    }  # fmt: skip
    for code in LISTED:
        shown = {each["id"] for each in stage.ask(code, "{ holds { nodes { id } } }")["holds"]["nodes"]}
        assert shown == {id_ for name, id_ in placed.items() if code in seen[name]}, code


def test_a_region_that_a_trust_has_moved_to_is_above_it(fresh: tuple[Stage, dict[str, str]]) -> None:
    stage, told = fresh
    old = place(stage, "Y60", told["system"])["id"]
    freed = place(stage, "R1A", told["system"])["id"]
    release(stage, "R1A", freed)
    move(stage, "Y56")
    assert release(stage, "Y56", old)["state"] == "RELEASED"
    shown = stage.ask("Y56", "{ holds { nodes { id state } } }")["holds"]["nodes"]
    assert shown == [{"id": old, "state": "RELEASED"}, {"id": freed, "state": "RELEASED"}]


def test_it_is_known_as_it_was(fresh: tuple[Stage, dict[str, str]]) -> None:
    stage, told = fresh
    hold = place(stage, "R1A", told["system"], "id createdAt")
    placed = as_superuser(stage, "select max(recorded_at) from event")[0][0]
    release(stage, "NATIONAL", hold["id"])
    asked = """query($then: DateTime) { holds(asKnownAt: $then) { nodes { state releasedAt releasedBy { odsCode } } }
        progress(asKnownAt: $then) { openHolds } }"""
    then = stage.ask("R1A", asked, then=placed.isoformat())
    assert then == {
        "holds": {"nodes": [{"state": "PLACED", "releasedAt": None, "releasedBy": None}]},
        "progress": [{"openHolds": 1}],
    }
    now = stage.ask("R1A", asked, then=None)
    assert (now["holds"]["nodes"][0]["state"], now["progress"]) == ("RELEASED", [{"openHolds": 0}])
