"""The scenario file: every datum says how we know it, and invented trouble stays on fictional trusts."""

import datetime as dt
import json
from importlib import resources
from typing import Any

import pytest

from api.demo.scenario import Provenance, Scenario, Step, read_scenario, subject_of
from api.graphql.register import OPERATIONS
from schema.organisation import OrganisationKind
from schema.people.account import Role

FICTIONAL_TRUSTS = {"ZZA", "ZZB", "ZZC"}
TROUBLE = {"holdBackCohort", "raiseDefect", "raiseDispute", "recordDissent", "replaceSystem", "rollBack"}
TROUBLE |= {"handBackSlot", "sightKnownIssue"}
WORDS = {  # what is said of a system by whoever invented it
    "addWaveMember": "reason",
    "assessGate": "evidenceRef",
    "decideGoNoGo": "rationale",
    "draftSignOff": "reportRef",
    "planCohort": "name",
}


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
    cohorts = [step.input for step in scenario.steps if step.do == "planCohort" and step.by == "R1A"]
    assert len(cohorts) == 8
    assert (sum(each["teams"] for each in cohorts), sum(each["accounts"] for each in cohorts)) == (158, 4166)
    assert {step.by for step in scenario.steps if step.do == "planCohort"} == {"R1A", "ZZA", "ZZC"}


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
    trouble += [step for step in scenario.steps if step.do in TROUBLE]
    trouble += [step for step in scenario.steps if step.do == "decideGoNoGo" and step.input["outcome"] != "GO"]
    assert {step.by for step in trouble} == FICTIONAL_TRUSTS
    assert {step.do for step in trouble} >= TROUBLE
    about = [step.input["system"] for step in scenario.steps if step.do == "waiveGate"]
    assert about == ["@zzc-carenotes"]
    for step in tests:
        if step.by not in FICTIONAL_TRUSTS:
            assert "Demonstration: invented" in step.input["notes"], step.name


def test_acts_that_decide_are_done_by_people(scenario: Scenario) -> None:
    needs = {operation.name: operation.needs for operation in OPERATIONS}
    for step in scenario.steps:
        scope = needs[step.do]
        assert scope, step.name
        assert step.as_ or not scope.personal, step.name
        assert step.as_ is None or step.as_ in scope.roles, step.name
    acting: dict[Role, set[str]] = {}
    for step in scenario.steps:
        if step.as_:
            acting.setdefault(step.as_, set()).add(step.by)
    decides = {step.by for step in scenario.steps if step.do == "decideGoNoGo"}
    assert len(decides) == 15  # of sixteen trusts one never goes back
    assert acting[Role.TRUST_EXEC] == decides | {"ZZB"}
    assert acting[Role.TRUST_CSO] == decides
    assert acting[Role.REGION] == {"Y61", "Y63"}


def test_nobody_signs_or_decides_about_what_it_tested(scenario: Scenario) -> None:
    filed = {step.person or step.by for step in scenario.steps if step.do in ("reportTest", "correctTestReport")}
    judged = {step.person for step in scenario.steps if step.do in ("giveSignOff", "assessGate", "decideGoNoGo")}
    assert None not in judged
    assert not filed & judged


def test_every_account_that_only_decides_has_something_to_decide(scenario: Scenario) -> None:
    acting = {step.person for step in scenario.steps if step.as_}
    for part in scenario.organisations:
        if not part.whole:
            assert {subject_of(role, part.ods_code) for role in part.people} <= acting, part.ods_code


def test_holds_are_released_and_on_no_real_trust(scenario: Scenario) -> None:
    released = {step.input["hold"].removeprefix("@") for step in scenario.steps if step.do == "releaseHold"}
    placed = {step.name: step for step in scenario.steps if step.do in ("placeHold", "confirmHold", "rollBack")}
    stopped = {
        step.input["hold"].removeprefix("@") if step.do == "confirmHold" else name for name, step in placed.items()
    }
    assert stopped == released == {"cn-114", "zzc-rolled-back", "wave-1-held", "freeze"}
    assert {(step.by, step.input["held"]) for step in placed.values() if step.do == "placeHold"} == {
        ("NATIONAL", "@wave-1"),
        ("NATIONAL", "@incident"),
    }


def test_what_is_invented_of_a_real_trust_says_so_where_it_is_shown(scenario: Scenario) -> None:
    promises = [step for step in scenario.steps if "system" in step.input and step.do == "publishMilestone"]
    for step in promises:
        about = step.input["system"].removeprefix("@").split("-")[0].upper()
        assert about in FICTIONAL_TRUSTS or "Demonstration: invented" in step.input["note"], step.name
    for step in scenario.steps:
        if field := WORDS.get(step.do):
            about = step.input.get("system", "@" + step.by).removeprefix("@").split("-")[0].upper()
            invented = "emonstration: invented" in step.input[field]
            assert about in FICTIONAL_TRUSTS | {"SUPPLIER"} or invented, step.name


def test_steps_follow_one_another_and_name_only_earlier_ones(scenario: Scenario) -> None:
    before: set[str] = set()
    times = [step.at for step in scenario.steps]
    assert times == sorted(times)
    for step in scenario.steps:
        given = [value for value in step.input.values() if isinstance(value, str) and value.startswith("@")]
        named = {value[1:].partition("#")[0] for value in given}
        assert named <= before, step.name
        assert step.name not in before
        before.add(step.name)


def test_a_trust_is_live_when_its_milestone_says_so(scenario: Scenario) -> None:
    promised = {step.name: step.input for step in scenario.steps if step.do == "publishMilestone"}
    back = first_back(scenario.steps)
    met = set()
    for step in scenario.steps:
        of = promised.get(step.input.get("milestone", "").removeprefix("@"), {})
        if step.do == "meetMilestone" and of["kind"] == "GO_LIVE" and "system" in of:
            met.add((of["system"].removeprefix("@").split("-")[0].upper(), moment(step.input["actualAt"])))
    assert met == back
    assert len(met) == 16  # fifteen trusts, the pilot twice


def first_back(steps: list[Step]) -> set[tuple[str, dt.datetime]]:
    """Return when the first users of each trust were back, after each beginning: by its cohort, or all at once."""
    found, begun = set(), set()
    for step in steps:
        if step.do == "beginReinstatement":
            begun.add(step.by)
        if step.do in ("bringCohortLive", "goLive") and step.by in begun:
            begun.discard(step.by)
            found.add((step.by, moment(step.input["actualAt"]) if "actualAt" in step.input else step.at))
    return found


def moment(text: str) -> dt.datetime:
    """Return an instant as the file says it, in UTC."""
    return dt.datetime.fromisoformat(text).astimezone(dt.UTC)


BEATS = [  # in this order: who does what on which day
    ("2022-11-09", "SUPPLIER", "giveSignOff"),
    ("2022-11-11", "ASSURER", "decideAssurance"),
    ("2022-11-14", "SUPPLIER", "handOver"),
    ("2022-11-21", "ZZC", "beginReinstatement"),
    ("2022-11-22", "ZZC", "raiseDefect"),
    ("2022-11-23", "ZZC", "rollBack"),
    ("2022-11-23", "NATIONAL", "placeHold"),
    ("2022-11-26", "SUPPLIER", "registerBuild"),
    ("2022-11-27", "NATIONAL", "releaseHold"),
    ("2022-11-28", "ZZC", "retest"),
    ("2022-11-30", "SUPPLIER", "handOver"),
    ("2022-12-05", "ZZC", "goLive"),
    ("2022-12-21", "R1A", "acceptSystem"),
    ("2022-12-21", "NATIONAL", "placeHold"),
    ("2023-01-05", "R1A", "decideGoNoGo"),
    ("2023-01-09", "R1A", "bringCohortLive"),
    ("2023-01-20", "ZZB", "replaceSystem"),
    ("2023-02-20", "ZZA", "bringCohortLive"),
    ("2023-03-03", "R1A", "goLive"),
    ("2023-05-23", "Y61", "countersignRecovery"),
]


def test_the_beats_of_the_recovery_follow_one_another(scenario: Scenario) -> None:
    told = iter([(step.day.isoformat(), step.by, step.do) for step in scenario.steps])
    assert [beat for beat in BEATS if beat not in told] == []
    assert as_written()["later"].keys() == {"back_entry", "beats"}


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
