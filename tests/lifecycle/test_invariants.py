"""The sixteen invariants of the domain model (B.4): which tests hold each, and some of them held here, by SQL alone."""

import ast
import asyncio
import uuid
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from auth.caller import Caller
from tests.lifecycle.cast import NATIONAL_TEAM, TRUST_CSO, TRUST_EXEC, TRUST_IT, TRUSTS
from tests.lifecycle.ground import Kept, Story
from tests.lifecycle.races import Track, kept_for_races
from tests.stage import PASSWORDS, Stage

ROOT = Path(__file__).parents[2]
MODEL = "tests/lifecycle/test_lifecycle.py::test_whatever_is_done_is_answered_as_the_model_says"
RACES = "tests/lifecycle/test_races.py::test_"
HERE = "tests/lifecycle/test_invariants.py::test_"
READY, BACK = "tests/readiness/test_", "tests/reinstatement/test_"
INVARIANTS: dict[int, tuple[str, tuple[str, ...]]] = {
    1: ("No system is approved without all that its current build needs", (
        MODEL, f"{RACES}no_go_passes_a_gate_that_turns_red", f"{HERE}no_statement_approves_what_was_not_decided",
        f"{BACK}movement_in_sql.py::test_conditions_hold_in_the_database_too")),
    2: ("Nothing is reinstated and no wave opens past a hold", (
        MODEL, f"{RACES}nothing_goes_on_past_a_hold", f"{HERE}no_statement_goes_on_past_a_hold")),
    3: ("Waves follow one another; a system has one slot; a day has no more than it takes", (
        MODEL, f"{RACES}a_day_takes_no_more_slots_than_it_has",
        f"{BACK}waves_in_sql.py::test_a_wave_is_opened_by_sql_no_earlier_than_by_rule",
        f"{BACK}slots_in_sql.py::test_a_place_is_one_slots_and_there_are_no_more_than_the_wave_takes")),
    4: ("Duties are separate", (
        MODEL, f"{HERE}no_statement_files_a_test_of_what_its_writer_stands_by",
        f"{READY}safety_in_sql.py::test_whoever_tested_a_system_does_not_sign_for_it",
        f"{READY}decisions.py::test_whoever_filed_its_tests_decides_nothing",
        f"{READY}assurance_in_sql.py::test_an_organisation_never_assures_itself")),
    5: ("A decision keeps where the gates stood, and nothing alters it", (
        MODEL, f"{READY}decisions.py::test_where_the_gates_stood_is_kept_with_its_hash_and_nothing_alters_it")),
    6: ("Rows are isolated", ("tests/isolation/test_isolation.py::test_no_question_tells_what_is_not_the_callers_to_know",
        "tests/isolation/test_rows.py::test_every_role_reads_its_own_rows_alone")),
    7: ("Figures across trusts have three behind them", (
        f"{READY}known_issues_in_sql.py::test_it_is_counted_once_a_trust_and_nobody_reads_a_small_count",
        f"{BACK}waves.py::test_small_numbers_are_nobodys_and_are_in_no_event")),
    8: ("What is entered and validated is never more than was captured", ()),  # back-entry is no noun yet
    9: ("Cohorts of a final plan hold all teams and accounts", (
        MODEL, f"{BACK}slots_in_sql.py::test_once_a_plan_is_final_its_sums_stay")),
    10: ("Nothing actual is in the future; days are London's", (
        "tests/test_changes.py::test_a_time_without_an_offset_is_refused",
        f"{BACK}slots.py::test_a_slot_lies_within_its_wave_by_the_days_in_london",
        f"{BACK}cohorts.py::test_nothing_is_live_in_the_future_and_a_stale_screen_is_told")),
    11: ("History is appended to alone, an event a write, in a chain", (
        MODEL, "tests/test_ledger.py::test_each_version_of_a_row_has_its_event",
        "tests/test_ledger.py::test_no_caller_has_the_right_to_take_an_event_back",
        "tests/test_audit.py::test_no_tampering_is_missed")),
    12: ("The same key gives the same answer; a stale version is told", (
        "tests/test_changes.py::test_the_same_key_and_body_give_the_first_answer_byte_for_byte",
        "tests/test_changes.py::test_the_same_key_with_another_body_is_refused",
        f"{BACK}movement.py::test_a_stale_screen_moves_nothing")),
    13: ("No text holds an NHS number", ("tests/test_changes.py::test_an_nhs_number_is_refused_naming_the_field",)),
    14: ("What is not reported is neither zero nor green", (
        "tests/test_spine.py::test_a_failed_then_a_passed_test_reach_the_region",)),
    15: ("A closed code keeps its history", ("tests/test_organisations.py::test_a_boundary_change_moves_what_regions_see_and_not_what_happened",)),
    16: ("A region sees a trust by the boundary of the reading", (
        "tests/test_organisations.py::test_a_boundary_change_moves_what_regions_see_and_not_what_happened",
        "tests/test_known.py::test_after_a_boundary_change_no_region_reads_a_stale_row")),
}  # fmt: skip
NOT_YET = {8}


@pytest.mark.parametrize("number", range(1, 17))
def test_every_invariant_has_tests_that_are_there(number: int) -> None:
    _, tests = INVARIANTS[number]
    assert bool(tests) == (number not in NOT_YET)
    for test in tests:
        file, _, name = test.partition("::")
        parsed = ast.parse((ROOT / file).read_text())
        assert name in {node.name for node in parsed.body if isinstance(node, ast.FunctionDef)}, test


@pytest.fixture(scope="module")
def track(stage: Stage) -> Iterator[Track]:
    """A ground with stories of all that is needed."""
    made = Track(stage)
    yield made
    made.close()


@pytest.fixture(scope="module")
def kept(track: Track) -> dict[str, Kept]:
    """Stories in which everything is ready."""
    return kept_for_races(track)


def refused(track: Track, who: Caller, statement: str, *arguments: object) -> str | None:
    """Try a statement as the database role of a caller, past every rule; return why it is refused."""

    async def run() -> str | None:
        url = track_url(track)
        connection = await asyncpg.connect(url, server_settings={"role": who.role})
        change = connection.transaction()
        await change.start()
        try:
            entered = (who.tenant_ods, who.kind.value, who.subject, "sql", "", track.now.isoformat())
            await connection.execute("select app.enter($1, $2, $3, $4, $5, $6)", *entered)
            written = await connection.fetch(statement, *arguments)
        except asyncpg.PostgresError as error:
            return str(error)
        else:
            assert written, "nothing was written"
            return None
        finally:
            await change.rollback()
            await connection.close()

    return asyncio.run(run())


def track_url(track: Track) -> str:
    """Return the address of the track's database for the application's role."""
    return track.stage.server.url("reinstate_app", PASSWORDS["reinstate_app"], track.stage.name)


def _system(story: Story, trust: str) -> uuid.UUID:
    return uuid.UUID(story.keys[f"system:{trust}"][1])


MOVE = "update system set version = version + 1, state = $2::text::systemstate where id = $1 returning id"


@pytest.mark.parametrize("trust", TRUSTS)
def test_no_statement_approves_what_was_not_decided(track: Track, kept: dict[str, Kept], trust: str) -> None:
    (story,) = track.again(kept["ready"])
    said = refused(track, TRUST_EXEC[trust].caller, MOVE, _system(story, trust), "APPROVED")
    assert said
    assert "Nothing was decided" in said


HOLDS = {
    "SYSTEM": ("trust_ods, system_id, audience", "'R1A', '{system:R1A}', 'PRIVATE'"),
    "PRODUCT": ("product_id, audience", "'{product}', 'PUBLISHED'"),
    "BUILD": ("build_id, audience", "'{build:0}', 'PUBLISHED'"),
    "WAVE": ("wave_id, audience", "'{wave:0}', 'PUBLISHED'"),
    "INCIDENT": ("incident_ods, incident_id, audience", "'NATIONAL', '{incident}', 'PUBLISHED'"),
}


def _hold(track: Track, story: Story, scope: str) -> None:
    columns, values = HOLDS[scope]
    for name, (_, key) in story.keys.items():
        values = values.replace(f"{{{name}}}", key)
    track.rows(f"""
        insert into hold (tenant_ods, id, version, created_at, created_by, reason_code, reason, scope, supplier_ods, tier,
            placed_at, effective_from, state, {columns})
        select 'NATIONAL', gen_random_uuid(), 1, $1, 'sql', 'OPERATIONAL', 'By SQL', '{scope}', 'SUPPLIER', 'NATIONAL',
            $1, $1, 'PLACED', {values} from (select set_config('session_replication_role', 'replica', true)) past
    """, track.now)  # fmt: skip # noqa: S608 - our own


@pytest.mark.parametrize("scope", HOLDS)
def test_no_statement_goes_on_past_a_hold(track: Track, kept: dict[str, Kept], scope: str) -> None:
    begin = TRUST_IT["R1A"].caller, MOVE
    (story,) = track.again(kept["open"])
    assert refused(track, *begin, _system(story, "R1A"), "REINSTATING") is None
    _hold(track, story, scope)
    assert "is held" in (refused(track, *begin, _system(story, "R1A"), "REINSTATING") or "")
    (story,) = track.again(kept["approved"])
    open_ = "update wave set version = version + 1, state = 'OPEN' where id = $1 returning id"
    wave = uuid.UUID(story.keys["wave:0"][1])
    assert refused(track, NATIONAL_TEAM.caller, open_, wave) is None
    _hold(track, story, scope)
    said = refused(track, NATIONAL_TEAM.caller, open_, wave)
    assert said == (None if scope == "SYSTEM" else "a wave is held")


FILED = """
    insert into test_report (tenant_ods, id, version, created_at, created_by, outcome, planned, run, passed, failed,
        blocked, entry_met, exit_met, environment, as_of, system_id, supplier_ods, build_id, test, reported_at)
    values ($1, gen_random_uuid(), 1, app.now(), $2, 'PASSED', 1, 1, 1, 0, 0, true, true, 'TRUST_TEST', app.now(), $3,
        'SUPPLIER', $4, 'SMOKE', app.now()) returning id
"""


def test_no_statement_files_a_test_of_what_its_writer_stands_by(track: Track, kept: dict[str, Kept]) -> None:
    (story,) = track.again(kept["approved"])
    build = uuid.UUID(story.keys["build:0"][1])
    for actor, stands in ((TRUST_IT["R1A"], False), (TRUST_CSO["R1A"], True), (TRUST_EXEC["R1A"], True)):
        who = actor.caller
        said = refused(track, who, FILED, "R1A", who.subject, _system(story, "R1A"), build)
        assert said == ("whoever signed or decided for a system files no test of it" if stands else None)
