"""What moved between two instants: object by object, as it was and as it is, for those who may see it."""

import asyncio
import datetime as dt
import json
import uuid
from typing import Any

import pytest

from api.graphql.engine import Engine, Request, documents
from auth.caller import Caller
from auth.scope import Scope
from auth.tenancy import Database
from tests.stage import BUILT, CARENOTES, LISTED, PROMISED, Stage, caller
from tests.test_spine import FAILED, PASSED

LINE = """objectType objectId before after changedFields changes firstAt lastAt lastVerb lastActor
    owner { odsCode region { odsCode } }"""
MOVED = f"""query($since: DateTime!, $until: DateTime, $first: Int = 50, $after: String) {{
    changes(since: $since, until: $until, first: $first, after: $after) {{
        totalCount nodes {{ {LINE} }} edges {{ cursor node {{ objectId }} }}
        pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} }} }}"""
ERA = "2000-01-01T00:00:00Z"


def answers(stage: Stage, code: str | Caller, **given: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Give the compiled answer and the executor's."""
    asking = code if isinstance(code, Caller) else caller(code)
    request = Request(MOVED, given, None, str(uuid.uuid4()))

    async def run() -> list[bytes]:
        database = Database(stage.url)
        try:
            engine, operation = Engine(database), documents.read(MOVED).operation(None, given)
            ways = (engine.compiled, engine.executed)
            return [(await way(request, operation, asking)).body for way in ways]
        finally:
            await database.close()

    compiled, executed = map(json.loads, asyncio.run(run()))
    return compiled, executed


def moved(stage: Stage, code: str, since: str, until: str | None = None, **paging: Any) -> dict[str, Any]:
    """Give what moved, the same by either way."""
    compiled, executed = answers(stage, code, since=since, until=until, **paging)
    assert "errors" not in compiled
    assert compiled == executed
    page: dict[str, Any] = compiled["data"]["changes"]
    return page


def lines(stage: Stage, code: str, since: str, until: str | None = None) -> dict[str, dict[str, Any]]:
    """Give what moved by the ids of the objects."""
    return {line["objectId"]: line for line in moved(stage, code, since, until)["nodes"]}


def now(stage: Stage) -> str:
    """Give the database's time: every change so far is at or before it, every later one after it."""
    return str(stage.ask("R1A", "{ progress { asOf } }")["progress"][0]["asOf"])


@pytest.fixture
def told(fresh_stage: Stage) -> dict[str, str]:
    """A story of two trusts in two regions, and a promise to each of them."""
    ids = fresh_stage.tell("R1A", "RNK")
    for code in ("R1A", "RNK"):
        promised = {**PROMISED, "product": ids["product"], "system": ids[code]}
        ids[f"promise-{code}"] = fresh_stage.change("SUPPLIER", "publishMilestone", **promised)["id"]
    return ids


def test_a_trust_sees_its_system_move_and_the_promise_to_it(fresh_stage: Stage, told: dict[str, str]) -> None:
    since = now(fresh_stage)
    given = {"system": told["R1A"], "build": told["build"]}
    report = fresh_stage.change("R1A", "reportTest", test="SMOKE", **given, **PASSED)["id"]
    for day in ("2022-10-01", "2022-11-01"):
        given = {"milestone": told["promise-R1A"], "forecastOn": day, "confidence": "LOW", "reasonCode": "DEFECT"}
        fresh_stage.change("SUPPLIER", "reviseForecast", **given)
    seen = lines(fresh_stage, "R1A", since)

    system = seen[told["R1A"]]
    assert system["changedFields"] == ["current_build_id"]
    assert (system["before"]["current_build_id"], system["before"]["version"], system["after"]["version"]) == (
        None,
        1,
        2,
    )
    assert (system["changes"], system["lastVerb"], system["lastActor"]) == (1, "reportTest", "r1a-client")
    assert system["owner"] == {"odsCode": "R1A", "region": {"odsCode": "Y60"}}

    promise = seen[told["promise-R1A"]]
    assert promise["changedFields"] == ["forecast_on", "times_revised", "times_slipped"]
    assert (promise["before"]["forecast_on"], promise["after"]["forecast_on"]) == ("2022-09-08", "2022-11-01")
    assert (promise["changes"], promise["lastVerb"], promise["owner"]["odsCode"]) == (2, "reviseForecast", "SUPPLIER")
    assert since < promise["firstAt"] < promise["lastAt"]

    made = seen[report]
    assert (made["objectType"], made["before"], made["changedFields"], made["changes"]) == ("TestReport", None, [], 1)
    assert made["after"]["outcome"] == "PASSED"
    assert made["firstAt"] == made["lastAt"]
    assert sorted(line["objectType"] for line in seen.values()) == [
        "Milestone", "MilestoneForecast", "MilestoneForecast", "System", "TestReport",
    ]  # fmt: skip


def test_the_row_after_is_the_row_the_last_event_tells(fresh_stage: Stage, told: dict[str, str]) -> None:
    ledger = "{ activity(first: 200) { nodes { objectId after recordedAt } } }"
    for code in ("R1A", "SUPPLIER", "NATIONAL", "QGH"):
        last = {each["objectId"]: each["after"] for each in fresh_stage.ask(code, ledger)["activity"]["nodes"]}
        seen = lines(fresh_stage, code, ERA)
        assert {id_: line["after"] for id_, line in seen.items()} == last
        assert {(line["before"], tuple(line["changedFields"])) for line in seen.values()} == {(None, ())}


def test_what_was_then_is_what_is_known_as_of_then(fresh_stage: Stage, told: dict[str, str]) -> None:
    since = now(fresh_stage)
    for test, outcome in (("SMOKE", PASSED), ("UAT", FAILED)):
        given = {"system": told["R1A"], "build": told["build"], "test": test}
        fresh_stage.change("R1A", "reportTest", **given, **outcome)
    until = now(fresh_stage)
    build = {**BUILT, "label": "CN-R2", "product": told["product"]}
    fresh_stage.change("SUPPLIER", "registerBuild", **build)
    document = "query($id: ID!, $at: DateTime) { node(id: $id, asKnownAt: $at) { ... on System { version currentBuild { id } } } }"
    line = lines(fresh_stage, "Y60", since, until)[told["R1A"]]
    for row, at in ((line["before"], since), (line["after"], until)):
        node = fresh_stage.ask("Y60", document, id=told["R1A"], at=at)["node"]
        assert node["version"] == row["version"]
        assert (node["currentBuild"] is None) == (row["current_build_id"] is None)
    assert told["product"] not in lines(fresh_stage, "Y60", since, until)
    assert lines(fresh_stage, "Y60", until)[told["product"]]["changedFields"] == ["current_build_id"]


def test_a_region_sees_its_trusts_and_nobody_sees_what_is_foreign(fresh_stage: Stage, told: dict[str, str]) -> None:
    since = now(fresh_stage)
    reports = {}
    for code in ("R1A", "RNK"):
        given = {"system": told[code], "build": told["build"], "test": "SMOKE"}
        reports[code] = fresh_stage.change(code, "reportTest", **given, **PASSED)["id"]
    seen = {code: set(lines(fresh_stage, code, since)) for code in LISTED}
    midlands, london = {told["R1A"], reports["R1A"]}, {told["RNK"], reports["RNK"]}
    assert seen["Y60"] == seen["R1A"] == midlands
    assert seen["Y56"] == seen["RNK"] == london
    assert seen["SUPPLIER"] == seen["NATIONAL"] == seen["AUDITOR"] == midlands | london
    assert {code for code, ids in seen.items() if not ids} == {"RYG", "RIVAL", "ASSURER", "QGH"}


def test_the_supplier_sees_what_came_back_to_where_it_was_as_unmoved(fresh_stage: Stage, told: dict[str, str]) -> None:
    milestone, since = told["promise-R1A"], now(fresh_stage)
    for confidence in ("HIGH", "LOW"):
        given = {"forecastOn": PROMISED["baselineOn"], "confidence": confidence, "reasonCode": "OTHER"}
        fresh_stage.change("SUPPLIER", "reviseForecast", milestone=milestone, **given)
    seen = lines(fresh_stage, "SUPPLIER", since)
    assert milestone not in seen
    assert [line["objectType"] for line in seen.values()] == ["MilestoneForecast"] * 2
    product = fresh_stage.change("SUPPLIER", "registerProduct", **CARENOTES | {"code": "ADASTRA"})["id"]
    assert lines(fresh_stage, "SUPPLIER", since)[product]["before"] is None


def test_a_span_begins_after_since_and_ends_with_until(fresh_stage: Stage, told: dict[str, str]) -> None:
    given = {"system": told["R1A"], "build": told["build"], "test": "SMOKE"}
    report = fresh_stage.change("R1A", "reportTest", **given, **PASSED)["id"]
    at = lines(fresh_stage, "R1A", ERA)[report]["lastAt"]
    just_before = (dt.datetime.fromisoformat(at) - dt.timedelta(microseconds=1)).isoformat()
    assert report in lines(fresh_stage, "R1A", just_before, at)
    assert report not in lines(fresh_stage, "R1A", at)
    assert report not in lines(fresh_stage, "R1A", ERA, just_before)
    assert moved(fresh_stage, "R1A", "2100-01-01T00:00:00Z")["totalCount"] == 0


def test_pages_hold_every_object_once(fresh_stage: Stage, told: dict[str, str]) -> None:
    until = now(fresh_stage)
    whole = moved(fresh_stage, "NATIONAL", ERA, until)
    found, after = [], None
    while True:
        page = moved(fresh_stage, "NATIONAL", ERA, until, first=3, after=after)
        assert page["totalCount"] == whole["totalCount"]
        assert page["pageInfo"]["hasPreviousPage"] == (after is not None)
        found += page["nodes"]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert found == whole["nodes"]
    assert len({line["objectId"] for line in found}) == len(found) == whole["totalCount"] > 15

    other = {"since": "2000-01-02T00:00:00Z", "until": until, "after": after}
    refused = json.loads(fresh_stage.answer("NATIONAL", MOVED, **other).body)
    assert [error["extensions"]["code"] for error in refused["errors"]] == ["BAD_CURSOR"]


def test_two_spans_in_one_question(fresh_stage: Stage, told: dict[str, str]) -> None:
    since = now(fresh_stage)
    given = {"system": told["R1A"], "build": told["build"], "test": "SMOKE"}
    fresh_stage.change("R1A", "reportTest", **given, **PASSED)
    document = f"""query($era: DateTime!, $since: DateTime!) {{
        all: changes(since: $era) {{ nodes {{ {LINE} }} }} late: changes(since: $since) {{ nodes {{ {LINE} }} }} }}"""
    both = {"era": ERA, "since": since}

    async def run() -> list[Any]:
        database = Database(fresh_stage.url)
        try:
            engine, operation = Engine(database), documents.read(document).operation(None, both)
            request = Request(document, both, None, "both")
            ways = (engine.compiled, engine.executed)
            return [json.loads((await way(request, operation, caller("R1A"))).body) for way in ways]
        finally:
            await database.close()

    compiled, executed = asyncio.run(run())
    assert compiled == executed
    early, late = (
        next(line for line in compiled["data"][name]["nodes"] if line["objectId"] == told["R1A"])
        for name in ("all", "late")
    )
    assert (early["before"], early["changes"], late["before"]["version"], late["changes"]) == (None, 2, 1, 1)


@pytest.mark.parametrize(
    ("since", "until", "code", "says"),
    [
        ("2022-11-01T00:00:00", None, "BAD_VALUE", "offset from UTC"),
        ("2022-11-01T00:00:00Z", "2022-12-01T00:00:00", "BAD_VALUE", "offset from UTC"),
        ("2022-11-01T00:00:00Z", "2022-11-01T00:00:00Z", "BAD_SPAN", "since must be before until"),
        ("2022-11-01T01:00:00+01:00", "2022-10-31T23:00:00Z", "BAD_SPAN", "leave until out"),
    ],
)
def test_a_span_that_is_none_is_refused(stage: Stage, since: str, until: str | None, code: str, says: str) -> None:
    body = json.loads(stage.answer("R1A", MOVED, since=since, until=until).body)
    assert body["data"] is None
    (error,) = body["errors"]
    assert (error["extensions"]["code"], error["path"]) == (code, ["changes"])
    assert says in error["message"]


def test_the_ledgers_scope_is_needed(stage: Stage) -> None:
    without = caller("R1A", scopes=frozenset({Scope.PROGRESS_READ}))
    body = json.loads(stage.answer(without, MOVED, since=ERA).body)
    assert [error["extensions"]["code"] for error in body["errors"]] == ["NOT_PERMITTED"]
