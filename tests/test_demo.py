"""The demonstration: loaded once however often it is started, in its own time, by its own tenants."""

import datetime as dt
import json
import signal
import stat
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from api import installation
from api.demo.accounts import read
from api.demo.clock import ScenarioClock
from api.demo.demonstration import Demonstration
from api.demo.scenario import read_scenario
from api.demo.screen import REQUESTS, invitation
from api.settings import Settings
from auth.key_file import KeyFile
from schema.organisation import OrganisationKind
from tests.demonstrated import Entry, ask, ledger, load, taken
from tests.embedded import a_place, eventually, free_port
from tests.installed import cli, plain_environment

LATE_NOVEMBER = "2022-11-30"
JANUARY = "2023-01-20"
AUGUST = "2022-08-31"
UTC = dt.UTC


@dataclass(frozen=True)
class Loaded:
    """A demonstration loaded to November, then to January, then to January again."""

    folder: Path
    november: list[Entry]
    january: list[Entry]
    again: list[Entry]


@pytest.fixture(scope="module")
def loaded() -> Iterator[Loaded]:
    """A demonstration on a database of its own."""
    with a_place() as place:
        folder = place / "demo"
        told = []
        for until in (LATE_NOVEMBER, JANUARY, JANUARY):
            load(folder, until)
            told.append(ledger(folder))
        yield Loaded(folder, *told)


@pytest.fixture(scope="module")
def shown(loaded: Loaded) -> Iterator[Demonstration]:
    """The demonstration as it is served after a start that had nothing to load."""
    settings = Settings(reinstate_data=loaded.folder, reinstate_port=free_port())
    scenario = read_scenario()
    with installation.opened(settings, demonstration=True) as place:
        demonstration = Demonstration(scenario, place, loaded.folder / "clients", ScenarioClock(scenario.opens_at))
        assert demonstration.load(dt.date.fromisoformat(JANUARY)) == []
        yield demonstration


@pytest.fixture
def spring(shown: Demonstration) -> None:
    """The same, in the spring that followed."""
    assert shown.load(dt.date(2023, 5, 31)) == []


def test_a_start_loads_what_is_missing_and_nothing_twice(loaded: Loaded) -> None:
    assert loaded.january[: len(loaded.november)] == loaded.november
    assert len(loaded.january) > len(loaded.november)
    assert loaded.again == loaded.january
    steps = [entry[4] for entry in loaded.january if entry[1] == "reportTest" and entry[2] == "TestReport"]
    assert len(steps) == len(set(steps)) > 100


def test_until_is_kept_and_the_ledger_runs_in_the_scenario_s_time(loaded: Loaded) -> None:
    times = [entry[3] for entry in loaded.january]
    assert times == sorted(times)
    assert times[0] == dt.datetime(2022, 8, 3, 8, tzinfo=UTC)
    assert max(entry[3] for entry in loaded.november) < dt.datetime(2022, 12, 1, tzinfo=UTC)
    assert times[-1] < dt.datetime(2023, 1, 21, tzinfo=UTC)


def test_a_region_sees_its_trusts_and_no_others(shown: Demonstration) -> None:
    lines = ask(
        shown,
        "region-y60",
        '{ progress(incident: "CARENOTES-2022") { asOf organisation { odsCode demonstration } testing percentMet } }',
    )["progress"]
    assert {line["organisation"]["odsCode"]: line["testing"] for line in lines} == {
        "R1A": "ALL_MET",
        "RYG": "ALL_MET",
        "RQ3": "IN_PROGRESS",
    }
    assert lines[0]["asOf"].startswith("2023-01-20T")
    assert all(line["organisation"]["demonstration"] for line in lines)


def test_not_reported_is_told_apart_from_trouble(shown: Demonstration) -> None:
    lines = ask(shown, "national", "{ progress { organisation { odsCode } system { name } testing } }")["progress"]
    standing = {(line["organisation"]["odsCode"], line["system"]["name"]): line["testing"] for line in lines}
    assert len(lines) == 18
    assert {code for (code, name), told in standing.items() if name == "Carenotes" and told == "NOT_REPORTED"} == {
        "RJ1",
        "ZZA",
        "ZZB",
    }
    assert [code for (code, _), told in standing.items() if told == "OPEN_FAILURES"] == ["ZZC"]


def test_the_published_slips_are_there(shown: Demonstration) -> None:
    asked = "{ milestones(first: 100) { nodes { title slippedDays timesSlipped overdue forecasts { nodes { forecastOn } } } } }"
    told = {node["title"]: node for node in ask(shown, "supplier", asked)["milestones"]["nodes"]}
    back = told["Carenotes back at every trust"]
    assert [node["forecastOn"] for node in back["forecasts"]["nodes"]] == [
        "2022-08-19",
        "2022-08-30",
        "2022-09-08",
        "2022-09-19",
        "2022-12-31",
        "2023-02-28",
    ]
    assert (back["timesSlipped"], back["overdue"]) == (5, False)
    assert told["Staffplan rebuilt"]["overdue"] is True


@pytest.mark.parametrize(("client", "document"), REQUESTS.values(), ids=lambda value: value.split()[0])
def test_what_is_printed_to_paste_answers(shown: Demonstration, client: str, document: str) -> None:
    (told,) = ask(shown, client, document).values()
    assert told
    printed = invitation(shown.place.public_url, shown.folder)
    assert printed.count("curl -s") == len(REQUESTS)
    assert f"{client}.json)" in printed
    assert json.dumps({"query": document}) in printed


def test_every_tenant_has_a_key_file_of_its_owner_s_alone(loaded: Loaded) -> None:
    folder = loaded.folder / "clients"
    trusts = [part for part in read_scenario().organisations if part.kind is OrganisationKind.TRUST]
    regions = [part for part in read_scenario().organisations if part.kind is OrganisationKind.REGION]
    assert (len(trusts), len(regions)) == (17, 7)
    expected = {f"trust-{part.ods_code.lower()}" for part in trusts}
    expected |= {f"region-{part.ods_code.lower()}" for part in regions}
    expected |= {"supplier", "national", "assurer", "auditor"}
    assert {file.name for file in folder.iterdir()} == {f"{name}.json" for name in expected}
    for file in folder.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        found = KeyFile.model_validate_json(file.read_bytes())
        assert found.token_url.endswith("/oauth2/token")
        assert found.private_key["kty"] == "RSA"
        assert found.private_key["kid"]
        assert found.scopes


def test_holds_are_placed_and_released_by_people(loaded: Loaded, shown: Demonstration) -> None:
    asked = "{ holds { nodes { scope reasonCode placedBy { odsCode } effectiveFrom releasedAt releaser } } }"
    found = ask(shown, "national", asked)["holds"]["nodes"]
    assert [tuple(hold[name] for name in ("scope", "reasonCode", "releasedAt", "releaser")) for hold in found] == [
        ("SYSTEM", "DEFECT", "2022-11-28T09:05:00+00:00", "trust-exec@ZZC"),  # proposed by CN-114
        ("SYSTEM", "ROLLBACK", "2022-11-28T09:00:00+00:00", "trust-exec@ZZC"),  # placed by the rollback
        ("WAVE", "CLINICAL_SAFETY", "2022-11-27T12:00:00+00:00", "national-imt@NATIONAL"),
        ("INCIDENT", "CHANGE_FREEZE", "2023-01-03T09:00:00+00:00", "national-imt@NATIONAL"),
    ]
    freeze = '{ progress(asKnownAt: "2022-12-24T12:00:00Z") { openHolds } b: progress { openHolds } }'
    told = ask(shown, "trust-zzc", freeze)
    assert told == {"progress": [{"openHolds": 1}], "b": [{"openHolds": 0}]}
    assert [entry[2] for entry in loaded.november].count("Account") == 23
    assert [entry[2] for entry in loaded.january].count("Account") == 38  # with those who signed and decided since
    file = loaded.folder / "accounts.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [once for once in read(file).values() if once is None] == []


STATES = {
    "2022-11-21T12:00:00Z": {"ZZC": "REINSTATING", "R1A": "REBUILDING", "ZZA": "REBUILDING"},
    "2022-11-23T12:00:00Z": {"ZZC": "ROLLED_BACK", "R1A": "REBUILDING"},
    "2022-12-01T12:00:00Z": {"ZZC": "IN_TRUST_TEST", "R1A": "IN_TRUST_TEST", "RNU": "REBUILDING"},
    "2022-12-24T12:00:00Z": {"ZZC": "LIVE", "R1A": "READY", "RNK": "LIVE", "RQ3": "IN_TRUST_TEST"},
    "2023-01-20T12:00:00Z": {"R1A": "REINSTATING", "RWV": "LIVE", "ZZA": "HANDED_OVER", "ZZB": "REPLACED"},
    "2023-03-03T18:00:00Z": {"R1A": "LIVE", "ZZA": "REINSTATING", "ZZB": "REPLACED", "ZZC": "LIVE"},
    "2023-05-24T12:00:00Z": {"R1A": "LIVE", "ZZA": "RECOVERED", "ZZB": "REPLACED", "ZZC": "RECOVERED"},
}


def states(shown: Demonstration, instant: str) -> dict[str, str]:
    """Return where each trust's Carenotes stood, as it is known of an instant."""
    asked = f'{{ systems(product: "CARENOTES", asKnownAt: "{instant}") {{ nodes {{ organisation {{ odsCode }} state }} }} }}'
    return {
        node["organisation"]["odsCode"]: node["state"] for node in ask(shown, "national", asked)["systems"]["nodes"]
    }


@pytest.mark.usefixtures("spring")
@pytest.mark.parametrize("instant", STATES)
def test_the_beats_leave_the_systems_where_they_should(shown: Demonstration, instant: str) -> None:
    told = states(shown, instant)
    assert {code: told[code] for code in STATES[instant]} == STATES[instant]


def test_the_first_users_of_a_trust_are_back_before_the_last(shown: Demonstration) -> None:
    asked = '{ systems(product: "CARENOTES", asKnownAt: "2023-01-20T12:00:00Z") { nodes { firstLiveAt fullyLiveAt } } }'
    assert ask(shown, "trust-r1a", asked)["systems"]["nodes"] == [
        {"firstLiveAt": "2023-01-09T09:00:00+00:00", "fullyLiveAt": None}
    ]


@pytest.mark.usefixtures("spring")
def test_all_but_one_are_reconnected_on_6_february(shown: Demonstration) -> None:
    told = states(shown, "2023-02-06T12:00:00Z")
    assert len(told) == 16
    assert [code for code, state in told.items() if state not in ("REINSTATING", "LIVE", "REPLACED")] == ["ZZA"]


@pytest.mark.usefixtures("spring")
def test_a_build_makes_what_was_signed_before_it_stale(shown: Demonstration) -> None:
    (system,) = ask(shown, "trust-zzc", '{ systems(product: "CARENOTES") { nodes { id } } }')["systems"]["nodes"]
    asked = f'explainGate(system: "{system["id"]}", asKnownAt: "%s") {{ code standing }}'
    moments = {"before": "2022-11-20T20:00:00Z", "on": "2022-11-27T15:00:00Z", "again": "2022-12-04T20:00:00Z"}
    asked = "{" + " ".join(f"{name}: {asked % at}" for name, at in moments.items()) + "}"
    told = {
        name: {gate["code"]: gate["standing"] for gate in gates}
        for name, gates in ask(shown, "trust-zzc", asked).items()
    }
    assert told["before"] == dict.fromkeys(told["before"], "PASSED") | {"BACK_ENTRY": "WAIVED"}
    stale = {code for code, standing in told["on"].items() if standing == "STALE"}
    assert stale == {"DCB0160", "TRUST_TESTING", "BOARD_APPROVAL"}
    assert told["again"] == dict.fromkeys(told["again"], "PASSED") | {"BACK_ENTRY": "NOT_REPORTED"}


@pytest.mark.usefixtures("spring")
def test_few_are_counted_for_nobody(shown: Demonstration) -> None:
    asked = "{ waves { nodes { number membersTotal state } } knownIssues { nodes { sightings } } }"
    told = ask(shown, "trust-r1a", asked)
    assert {wave["number"]: wave["membersTotal"] for wave in told["waves"]["nodes"]} == {
        0: None,
        1: 4,
        2: 4,
        3: 5,
        4: None,
    }
    assert {wave["state"] for wave in told["waves"]["nodes"]} == {"COMPLETE"}
    assert told["knownIssues"]["nodes"] == [{"sightings": 3}]


def test_one_trust_s_incident_of_a_day_comes_later(loaded: Loaded, shown: Demonstration) -> None:
    assert ask(shown, "trust-rx1", '{ incident(reference: "NUH-PATHOLOGY-2024") { id } }') == {"incident": None}
    assert shown.load(dt.date(2024, 12, 31)) == []
    told = ask(
        shown,
        "trust-rx1",
        '{ incident(reference: "NUH-PATHOLOGY-2024") { openedBy { odsCode } declarations { nodes { type '
        "stoodDownAt standDownEffectiveFrom } } } }",
    )["incident"]
    assert told["openedBy"] == {"odsCode": "RX1"}
    assert told["declarations"]["nodes"] == [
        {
            "type": "CRITICAL",
            "stoodDownAt": "2024-09-11T10:30:00+00:00",
            "standDownEffectiveFrom": "2024-09-11T13:00:00+00:00",
        }
    ]


def test_a_first_start_that_was_killed_is_taken_up_again(loaded: Loaded) -> None:
    with a_place() as place:
        folder = place / "demo"
        command = cli("demo", "--no-serve", "--data", str(folder), "--until", AUGUST)
        with subprocess.Popen(command, env=plain_environment({}), stdout=subprocess.DEVNULL) as started:
            assert eventually(lambda: taken(folder) > 10, within=40)
            started.send_signal(signal.SIGKILL)
        load(folder, AUGUST)
        untouched = [entry for entry in loaded.november if entry[3] < dt.datetime(2022, 9, 1, tzinfo=UTC)]
        assert Counter(ledger(folder)) == Counter(untouched)
