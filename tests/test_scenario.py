"""The scenario file: every datum says how we know it, and invented trouble stays on fictional trusts."""

import datetime as dt
import json
from importlib import resources
from typing import Any

import pytest

from api.demo.scenario import Provenance, Scenario, read_scenario
from api.graphql.register import OPERATIONS
from schema.organisation import OrganisationKind

FICTIONAL_TRUSTS = {"ZZA", "ZZB", "ZZC"}


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    """The scenario that is shipped."""
    return read_scenario()


def as_written() -> dict[str, Any]:
    """Return the file as it is, unread by our types."""
    found: dict[str, Any] = json.loads((resources.files("api.demo") / "scenario.json").read_text(encoding="utf-8"))
    return found


def data() -> list[dict[str, Any]]:
    """Return every datum of the file."""
    told = as_written()
    return [*told["organisations"], *told["steps"], *(each for kind in told["later"].values() for each in kind)]


def test_every_datum_says_how_we_know_it() -> None:
    told, known = as_written(), set(Provenance)
    assert told["notice"].startswith("Demonstration data.")
    assert [datum for datum in data() if datum.get("provenance") not in known] == []
    facts = [datum for datum in data() if datum["provenance"] == "FACT"]
    assert [datum for datum in facts if datum.get("source") not in told["sources"]] == []
    assert {datum["source"] for datum in data() if "source" in datum} <= told["sources"].keys()


def test_facts_name_fields_and_sources(scenario: Scenario) -> None:
    for step in scenario.steps:
        assert step.facts.keys() <= step.input.keys(), step.name
        assert set(step.facts.values()) <= scenario.sources.keys(), step.name


def test_the_totals_of_the_one_trust_that_published_them(scenario: Scenario) -> None:
    (system,) = [step for step in scenario.steps if step.name == "r1a-carenotes"]
    assert (system.input["teamsTotal"], system.input["accountsTotal"]) == (158, 4166)
    assert system.facts["teamsTotal"] == system.facts["accountsTotal"] == "HOSC"
    cohorts = as_written()["later"]["cohorts"]
    assert (sum(each["teams"] for each in cohorts), sum(each["accounts"] for each in cohorts)) == (158, 4166)


def test_who_takes_part(scenario: Scenario) -> None:
    lost = [step for step in scenario.steps if step.do == "registerSystem" and step.input["product"] == "@carenotes"]
    assert len({step.by for step in lost}) == len(lost) == 16
    assert len([step for step in scenario.steps if step.do == "registerProduct"]) == 7
    listed = {part.ods_code: part for part in scenario.organisations}
    assert {step.by for step in scenario.steps} <= listed.keys()
    for part in scenario.organisations:
        assert {part.region_ods, part.icb_ods} - {None} <= listed.keys()
        assert part.listed.demonstration == (part.fictional or part.kind is OrganisationKind.TRUST)
        assert part.fictional == (part.provenance is Provenance.FILLER)


def test_invented_trouble_is_on_fictional_trusts_alone(scenario: Scenario) -> None:
    tests = [step for step in scenario.steps if step.do in ("reportTest", "correctTestReport")]
    trouble = [step for step in tests if step.input["outcome"] != "PASSED" or step.do == "correctTestReport"]
    assert {step.by for step in trouble} <= FICTIONAL_TRUSTS
    assert trouble
    for step in tests:
        if step.by not in FICTIONAL_TRUSTS:
            assert "Demonstration: invented" in step.input["notes"], step.name
    later = as_written()["later"]
    assert {defect["raised_by"] for defect in later["defects"]} <= FICTIONAL_TRUSTS


def test_acts_that_decide_are_done_by_people(scenario: Scenario) -> None:
    needs = {operation.name: operation.needs for operation in OPERATIONS}
    for step in scenario.steps:
        scope = needs[step.do]
        assert scope, step.name
        assert step.as_ or not scope.personal, step.name
        assert step.as_ is None or step.as_ in scope.roles, step.name
    assert {step.person for step in scenario.steps if step.as_} == {"trust-exec@ZZC", "national-imt@NATIONAL"}


def test_holds_are_released_and_on_no_real_trust(scenario: Scenario) -> None:
    held = {step.name: step for step in scenario.steps if step.do == "placeHold"}
    released = {step.input["hold"].removeprefix("@") for step in scenario.steps if step.do == "releaseHold"}
    assert held.keys() == released == {"zzc-hold", "freeze"}
    assert {(step.by, step.input["held"]) for step in held.values()} == {
        ("ZZC", "@zzc-carenotes"),
        ("NATIONAL", "@incident"),
    }


def test_what_is_invented_of_a_real_trust_says_so_where_it_is_shown(scenario: Scenario) -> None:
    promises = [step for step in scenario.steps if "system" in step.input and step.do == "publishMilestone"]
    for step in promises:
        about = step.input["system"].removeprefix("@").split("-")[0].upper()
        assert about in FICTIONAL_TRUSTS or "Demonstration: invented" in step.input["note"], step.name


def test_steps_follow_one_another_and_name_only_earlier_ones(scenario: Scenario) -> None:
    before: set[str] = set()
    times = [step.at for step in scenario.steps]
    assert times == sorted(times)
    for step in scenario.steps:
        named = {value[1:] for value in step.input.values() if isinstance(value, str) and value.startswith("@")}
        assert named <= before, step.name
        assert step.name not in before
        before.add(step.name)


def test_times_are_london_s(scenario: Scenario) -> None:
    (incident,) = [step for step in scenario.steps if step.name == "incident"]
    contained = dt.datetime.fromisoformat(incident.input["containedAt"])
    assert contained == dt.datetime(2022, 8, 4, 6, tzinfo=dt.UTC)
    winter = [step for step in scenario.steps if step.name == "r1a-go-live-met"]
    assert winter[0].at == dt.datetime(2023, 1, 9, 17, 10, tzinfo=dt.UTC)


def test_a_fact_without_a_source_is_refused() -> None:
    told = as_written()
    told["steps"][0] |= {"provenance": "FACT", "source": None}
    with pytest.raises(ValueError, match="a fact needs its source"):
        Scenario.model_validate(told)
