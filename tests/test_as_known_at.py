"""As known at, over the whole scenario: whoever asks later about an instant is answered as they were then."""

import datetime as dt
import itertools
import json
import zlib
from collections.abc import Iterator
from typing import Any

import pytest

from api.database import embedded
from api.graphql.compiled.given import UncompiledError
from auth.caller import Operator
from schema.organisation import ListOrganisation
from tests.ledger import with_database
from tests.replayed import CALLERS, DOCUMENTS, NODE, Memory, replayed
from tests.stage import LISTED, PROMISED, Stage
from tests.test_spine import PASSED
from trusts import organisations

BEFORE = dt.datetime(2022, 8, 3, tzinfo=dt.UTC)
NEVER = dt.datetime(2100, 1, 1, tzinfo=dt.UTC)
EMPTY = {"progress": [], "incident": None, "region": None, "organisation": None}


@pytest.fixture(scope="module")
def memory(cluster: embedded.Server, thorough: bool) -> Iterator[Memory]:
    """The scenario, replayed with answers after each step; `--thorough`: by everyone."""
    with replayed(cluster, "remembered", thorough=thorough) as memory:
        yield memory


@pytest.mark.parametrize("name", [*DOCUMENTS, NODE])
def test_at_each_instant_the_answer_is_the_one_given_then(memory: Memory, name: str) -> None:
    asked = [(question, *given) for question, given in memory.answers.items() if question.name == name]
    instants = {step.at for step in memory.scenario.steps}
    assert len({question.at for question, *_ in asked}) > len(instants) / 4
    assert name not in ("progress", NODE) or {question.at for question, *_ in asked} == instants
    assert {question.who for question, *_ in asked} == set(CALLERS)
    for question, then, ids in asked:
        known = memory.run(memory.ask(question.who, name, ids, question.at))
        assert json.loads(known) == json.loads(zlib.decompress(then)), question


def test_the_executor_knows_the_same(memory: Memory) -> None:
    told = itertools.islice(memory.answers.items(), 0, None, len(memory.answers) // 80)
    for question, (then, ids) in told:
        known = memory.run(memory.ask(question.who, question.name, ids, question.at, "executed"))
        assert json.loads(known) == json.loads(zlib.decompress(then)), question


@pytest.mark.parametrize("way", ["compiled", "executed"])
@pytest.mark.parametrize("who", ["NATIONAL", "ZZC"])
def test_before_everything_nothing_was_known(memory: Memory, who: str, way: str) -> None:
    ids = memory.made[:3] + memory.made[-3:]
    told = {name: memory.data(who, name, ids, BEFORE, way) for name in [*DOCUMENTS, NODE]}
    assert {name: told[name][name] for name in EMPTY} == EMPTY
    for name in ("systems", "milestones"):
        assert (told[name][name]["totalCount"], told[name][name]["edges"]) == (0, [])
    assert told["node"]["node"] is None
    assert [found and found["__typename"] for found in told["nodes"]["nodes"]] == ["TestMilestone", *[None] * 5]


@pytest.mark.parametrize("name", [*DOCUMENTS, NODE])
def test_an_instant_to_come_is_answered_as_now(memory: Memory, name: str) -> None:
    ids = memory.made[-3:]
    for who in CALLERS:
        now = memory.data(who, name, ids)
        assert memory.data(who, name, ids, NEVER) == now
        assert memory.data(who, name, ids, NEVER, "executed") == now


def test_two_instants_in_one_document(memory: Memory) -> None:
    first, last = memory.scenario.steps[0].at, memory.scenario.steps[-1].at
    document = """query($first: DateTime, $last: DateTime) {
        a: systems(asKnownAt: $first) { totalCount } b: systems(asKnownAt: $last) { totalCount } c: systems { totalCount }
        d: milestones(first: 1, asKnownAt: $last) { nodes { asked: id } } e: progress(asKnownAt: $last) { asOf } }"""
    given = {"first": first.isoformat(), "last": last.isoformat()}
    told = memory.told("NATIONAL", document, given)["data"]
    assert told["a"]["totalCount"] == 0
    assert told["b"]["totalCount"] == told["c"]["totalCount"] == len(told["e"]) > 16
    assert {line["asOf"] for line in told["e"]} == {last.isoformat()}
    assert memory.told("NATIONAL", document, given, "executed")["data"] == told


@pytest.mark.parametrize("field", ["progress { asOf }", 'node(id: "x") { id }', 'nodes(ids: ["x"]) { id }'])
def test_an_instant_says_its_offset(memory: Memory, field: str) -> None:
    name, paren, rest = field.partition("(")
    at = 'asKnownAt: "2022-11-01T12:00:00"'
    asked = f"{name}({at}, {rest}" if paren else field.replace(" {", f"({at}) {{", 1)
    with pytest.raises(UncompiledError):
        memory.told("NATIONAL", f"{{ {asked} }}", {})
    body = memory.told("NATIONAL", f"{{ {asked} }}", {}, "executed")
    assert [error["extensions"]["code"] for error in body["errors"]] == ["BAD_VALUE"]
    assert "offset from UTC" in body["errors"][0]["message"]


@pytest.mark.parametrize("who", CALLERS)
def test_what_moved_between_two_instants_is_what_was_known_at_either(memory: Memory, who: str) -> None:
    document = """query($since: DateTime!, $until: DateTime!) { changes(since: $since, until: $until, first: 200) {
        totalCount nodes { objectId before after } } }"""
    nodes = """query($ids: [ID!]!, $since: DateTime!, $until: DateTime!) {
        before: nodes(ids: $ids, asKnownAt: $since) { ...Known } after: nodes(ids: $ids, asKnownAt: $until) { ...Known } }
        fragment Known on Node { id ... on System { version } ... on Milestone { version forecastOn } ... on Product { version }
        ... on TestReport { version } ... on IncidentDeclaration { version stoodDownAt } }"""
    steps, met = memory.scenario.steps, 0
    for start in range(0, len(steps) - 90, 67):
        span = {"since": steps[start].at.isoformat(), "until": steps[start + 90].at.isoformat()}
        page = memory.told(who, document, span)["data"]["changes"]
        assert page["totalCount"] == len(page["nodes"])
        known = memory.told(who, nodes, {**span, "ids": [line["objectId"] for line in page["nodes"]]})["data"]
        for side in ("before", "after"):
            for line, found in zip(page["nodes"], known[side], strict=True):
                met += 1
                row = line[side]
                assert (found is None) == (row is None)
                assert found is None or found.get("version", row["version"]) == row["version"]
                assert found is None or found.get("forecastOn", row.get("forecast_on")) == row.get("forecast_on")
    assert met > 50


def test_a_region_sees_what_moved_since_yesterday(memory: Memory) -> None:
    span = 'since: "2023-01-19T12:00:00Z", until: "2023-01-20T12:00:00Z"'
    document = f"{{ changes({span}) {{ nodes {{ objectType owner {{ odsCode }} lastVerb before }} }} }}"
    (line,) = memory.told("Y60", document, {})["data"]["changes"]["nodes"]
    assert line == {"objectType": "TestReport", "owner": {"odsCode": "RQ3"}, "lastVerb": "reportTest", "before": None}


def test_a_tenant_sees_of_then_what_it_saw_then_and_may_see_now(fresh_stage: Stage) -> None:
    stage, ids = fresh_stage, fresh_stage.tell("R1A")
    report = stage.change("R1A", "reportTest", system=ids["R1A"], build=ids["build"], test="SMOKE", **PASSED)["id"]
    promise = stage.change("SUPPLIER", "publishMilestone", product=ids["product"], system=ids["R1A"], **PROMISED)["id"]
    asked = [ids["R1A"], report, promise]
    then = stage.ask("R1A", "{ progress { asOf } }")["progress"][0]["asOf"]
    seen = {code: _seen(stage, code, asked, then) for code in LISTED}
    everything = [True, True, True]
    assert {code for code, each in seen.items() if each == everything} == {
        "R1A",
        "Y60",
        "SUPPLIER",
        "NATIONAL",
        "AUDITOR",
    }
    assert {code for code, each in seen.items() if any(each)} == {"R1A", "Y60", "SUPPLIER", "NATIONAL", "AUDITOR"}

    _move(stage, "R1A", "Y56")  # what was known of it before is neither region's: one may not now, one might not then
    assert _seen(stage, "R1A", asked, then) == everything
    for code in ("Y60", "Y56", "RYG", "RNK", "RIVAL", "QGH"):
        assert _seen(stage, code, asked, then)[0] is False, code
        assert stage.ask(code, "query($at: DateTime) { progress(asKnownAt: $at) { asOf } }", at=then)["progress"] == []
    home = 'query($at: DateTime) { organisation(odsCode: "R1A", asKnownAt: $at) { region { odsCode } } }'
    assert stage.ask("RNK", home, at=then)["organisation"]["region"] == {"odsCode": "Y60"}
    assert stage.ask("RNK", home)["organisation"]["region"] == {"odsCode": "Y56"}


def _seen(stage: Stage, code: str, ids: list[str], at: str) -> list[bool]:
    document = "query($ids: [ID!]!, $at: DateTime) { nodes(ids: $ids, asKnownAt: $at) { id } }"
    return [found is not None for found in stage.ask(code, document, ids=ids, at=at)["nodes"]]


def _move(stage: Stage, code: str, region: str) -> None:
    name, kind, _ = LISTED[code]

    async def run(database: Any) -> None:
        stated = ListOrganisation(ods_code=code, name=name, kind=kind, region_ods=region)
        async with database.change(Operator(tenant_ods=code), "organisation add") as db:
            await organisations.put_on_list(db, stated)

    with_database(stage, run)
