"""Waves by SQL, past every rule: who moves one and its members, what opening needs, and whose the counts are."""

import itertools
from typing import Any

import pytest

from schema.reinstatement.wave import MOVES
from tests.ledger import as_superuser
from tests.readiness.moving import tried
from tests.reinstatement.by_sql import changed, done
from tests.reinstatement.waves import PATHS, WHY, Waves, put
from tests.stage import LISTED, Stage
from tests.test_holds import place

NEEDS = {
    "DRAFT": ", return_reason = 'Why.'",
    "APPROVED": ", approval_reason = 'Why.'",
    "CANCELLED": ", cancel_reason = 'Why.'",
}
TRUSTS = ("R1A", "RYG", "RNK")
MEMBER_NEEDS = {"REMOVED": ", removed_reason = 'Why.'"}
MEMBER_STATES = ("PROPOSED", "APPROVED", "REMOVED")
MEMBER_MOVES = {
    ("PROPOSED", "APPROVED", "NATIONAL"),
    ("PROPOSED", "REMOVED", "SUPPLIER"),
    ("PROPOSED", "REMOVED", "NATIONAL"),
    ("APPROVED", "REMOVED", "NATIONAL"),
}


@pytest.fixture(scope="module")
def waves(stage: Stage) -> Waves:
    """A story with waves."""
    return Waves(stage, stage.tell("R1A", "RYG", "RNK"))


@pytest.fixture(scope="module")
def in_states(waves: Waves) -> dict[str, str]:
    """A wave in each state, its system live."""
    made = {}
    for state in PATHS:
        system = waves.system()
        put(waves.stage, system, "LIVE", fully_live_at="now()")
        made[state] = waves.bring(waves.draft(system), state)
    return made


@pytest.fixture(scope="module")
def members(waves: Waves) -> dict[str, str]:
    """A membership in each state, of a wave that is approved."""
    wave = waves.bring(waves.draft(waves.system()), "APPROVED")
    made = {state: str(waves.add(wave, waves.system())["id"]) for state in MEMBER_STATES}
    waves.act("NATIONAL", "approveWaveMember", member=made["APPROVED"])
    waves.act("SUPPLIER", "removeWaveMember", member=made["REMOVED"], **WHY)
    return made


@pytest.mark.parametrize("code", LISTED)
def test_a_wave_moves_as_the_table_says_and_never_otherwise(stage: Stage, in_states: dict[str, str], code: str) -> None:
    pairs = list(itertools.permutations(PATHS, 2))
    for extra in (NEEDS, {}):  # with all that a move needs, and with the state alone
        tried = [
            changed("wave", in_states[was], f"state = '{becomes}'{extra.get(becomes, '')}") for was, becomes in pairs
        ]
        made = {pair for pair, moved in zip(pairs, done(stage, code, *tried), strict=True) if moved}
        assert made == {
            (was, becomes)
            for was, becomes, kind in MOVES
            if kind == LISTED[code][1] and code != "RIVAL" and (extra or becomes not in NEEDS)
        }


@pytest.mark.parametrize("code", LISTED)
def test_a_membership_moves_as_the_table_says_and_never_otherwise(
    stage: Stage, members: dict[str, str], code: str
) -> None:
    pairs = list(itertools.permutations(MEMBER_STATES, 2))
    tried = [
        changed("wave_member", members[was], f"state = '{becomes}'{MEMBER_NEEDS.get(becomes, '')}")
        for was, becomes in pairs
    ]
    made = {pair for pair, moved in zip(pairs, done(stage, code, *tried), strict=True) if moved}
    assert made == {(was, becomes) for was, becomes, whose in MEMBER_MOVES if whose == code}


@pytest.mark.parametrize("state", PATHS)
def test_a_wave_is_amended_by_its_supplier_until_it_is_approved(
    stage: Stage, in_states: dict[str, str], state: str
) -> None:
    amending = changed("wave", in_states[state], "slots_a_day = 9")
    amended = {code for code in LISTED if done(stage, code, amending) == [True]}
    assert amended == ({"SUPPLIER"} if state in ("DRAFT", "PROPOSED") else set())


@pytest.mark.parametrize(
    "what",
    ["number = 9", "product_id = product_id", "audience = 'PUBLISHED'", "predecessor_id = null", "proposed_at = now()",
     "member_count = 9", "live_count = 9", "approver = 'a.b@NATIONAL'", "approval_reason = 'Mine.'", "opened_at = now()"],
)  # fmt: skip
def test_nobody_writes_what_is_not_theirs_of_a_wave(stage: Stage, in_states: dict[str, str], what: str) -> None:
    for state in PATHS:
        statement = changed("wave", in_states[state], what)
        assert [code for code in ("SUPPLIER", "NATIONAL", "R1A") if done(stage, code, statement) == [True]] == []


def test_a_trust_counts_no_wave_by_hand(stage: Stage, in_states: dict[str, str]) -> None:
    by_hand = f"update wave set live_count = live_count + 1 where id = app.key_of('Wave', '{in_states['OPEN']}')"  # noqa: S608 - our own
    assert done(stage, "R1A", by_hand) == [False]


def test_a_wave_is_opened_by_sql_no_earlier_than_by_rule(fresh_stage: Stage) -> None:
    waves = Waves(fresh_stage, fresh_stage.tell("R1A", "RYG"))
    pilot = waves.bring(waves.draft(waves.ids["R1A"]), "OPEN")
    second = waves.bring(waves.draft(waves.ids["RYG"], predecessor=pilot, soakDays=5), "APPROVED")
    opening, completing = (
        changed("wave", wave, f"state = '{to}'") for wave, to in ((second, "OPEN"), (pilot, "COMPLETE"))
    )

    def opened() -> list[bool]:
        return done(fresh_stage, "NATIONAL", opening, completing)

    assert opened() == [False, False]  # the pilot is still to come back
    put(fresh_stage, waves.ids["R1A"], "LIVE", fully_live_at="now() - interval '4 days'")
    assert opened() == [False, True]  # the days of soak have not passed
    put(fresh_stage, waves.ids["R1A"], "LIVE", fully_live_at="now() - interval '6 days'")
    assert opened() == [True, True]
    place(fresh_stage, "SUPPLIER", pilot)
    assert opened() == [False, True]  # an earlier wave is held


def inserted(waves: Waves, wave: str, system: str, trust: str = "R1A", **columns: str) -> str:
    """Return the statement that puts a system in a wave."""
    given: dict[str, Any] = {
        "tenant_ods": "app.tenant()", "id": "gen_random_uuid()", "version": "1", "created_at": "now()",
        "created_by": "'x'", "reason": "'Why.'", "wave_id": f"app.key_of('Wave', '{wave}')", "trust_ods": f"'{trust}'",
        "system_id": f"app.key_of('System', '{system}')", "position": "77", "state": "'PROPOSED'", **columns,
    }  # fmt: skip
    return f"insert into wave_member ({', '.join(given)}) values ({', '.join(given.values())})"  # noqa: S608 - our own


def test_only_a_system_of_the_waves_product_is_put_in_it_once(waves: Waves, in_states: dict[str, str]) -> None:
    stage, wave = waves.stage, in_states["DRAFT"]
    other = {"code": "ADASTRA", "name": "Adastra", "category": "URGENT_CARE"}
    product = stage.change("SUPPLIER", "registerProduct", **other)["id"]
    lost = {"product": product, "incident": waves.ids["incident"], "name": "Adastra"}
    foreign = stage.change("R1A", "registerSystem", **lost)["id"]
    mine = waves.system()
    fits = inserted(waves, wave, mine)
    assert {code for code in LISTED if done(stage, code, fits) == [True]} == {"SUPPLIER"}
    wrong = [
        inserted(waves, wave, foreign),
        inserted(waves, wave, mine, trust="RNK"),
        inserted(waves, wave, mine, state="'APPROVED'", approved_at="now()"),
        inserted(waves, wave, mine, position="1"),
        inserted(waves, in_states["COMPLETE"], mine),
        inserted(waves, in_states["CANCELLED"], mine),
    ]
    assert done(stage, "SUPPLIER", *wrong) == [False] * len(wrong)
    waves.add(in_states["OPEN"], mine)
    assert done(stage, "SUPPLIER", fits) == [False]


def test_nobody_states_whether_a_membership_is_shown(waves: Waves, in_states: dict[str, str]) -> None:
    system = waves.system()
    told = f"{inserted(waves, in_states['DRAFT'], system, shown='true')} returning shown"
    assert tried(waves.stage, "SUPPLIER", [told]) == ["False"]
    changes = ("update wave_member set shown = true", "update wave_member set version = version + 1")
    assert done(waves.stage, "SUPPLIER", *changes) == [False, False]


def test_a_hold_of_a_wave_is_its_suppliers_or_the_national_teams(waves: Waves, in_states: dict[str, str]) -> None:
    columns = "tenant_ods, id, version, created_at, created_by, reason_code, reason, scope, supplier_ods, wave_id, audience, tier, placed_at, effective_from, state"

    def held(wave: str) -> str:
        values = f"app.tenant(), gen_random_uuid(), 1, now(), 'x', 'DEFECT', 'Why.', 'WAVE', 'SUPPLIER', app.key_of('Wave', '{wave}'), 'PUBLISHED', 'TRUST', now(), now(), 'PLACED'"
        return f"insert into hold ({columns}) values ({values})"  # noqa: S608 - our own

    placed = {code for code in LISTED if done(waves.stage, code, held(in_states["APPROVED"])) == [True]}
    assert placed == {"SUPPLIER", "NATIONAL"}
    assert done(waves.stage, "SUPPLIER", held(in_states["DRAFT"])) == [False]


def test_members_and_those_live_are_counted_whoever_moves_them(fresh_stage: Stage) -> None:
    waves = Waves(fresh_stage, fresh_stage.tell("R1A", "RYG", "RNK"))
    wave = waves.bring(waves.draft(*(waves.ids[code] for code in TRUSTS)), "OPEN")
    freed = ("alter table system disable trigger user", "alter table system enable trigger count_live")

    def move(code: str, state: str) -> None:
        system = f"update system set state = '{state}' where id = app.key_of('System', '{waves.ids[code]}')"  # noqa: S608 - our own
        as_superuser(fresh_stage, *freed, system, "alter table system enable trigger user")

    def counts() -> tuple[int, int, int]:
        (row,) = as_superuser(fresh_stage, "select member_count, live_count, version from wave")
        return tuple(row)  # type: ignore[return-value] # three of them

    assert counts() == (3, 0, 4)
    for number, code in enumerate(TRUSTS, 1):
        move(code, "LIVE")
        assert counts() == (3, number, 4)
    shown = "{ waves { nodes { membersTotal membersLive } } }"
    assert waves.stage.ask("QGH", shown)["waves"]["nodes"] == [{"membersTotal": 3, "membersLive": 3}]
    move("R1A", "RECOVERED")
    assert counts() == (3, 3, 4)
    move("RYG", "ROLLED_BACK")
    assert counts() == (3, 2, 4)
    found = waves.stage.ask("NATIONAL", "{ waves { nodes { members { nodes { id trust { odsCode } } } } } }")
    ids = {each["trust"]["odsCode"]: each["id"] for each in found["waves"]["nodes"][0]["members"]["nodes"]}
    waves.act("NATIONAL", "strikeWaveMember", member=ids["RNK"], **WHY)
    assert counts() == (2, 1, 4)
    waves.step("callOffWave", wave)
    assert counts() == (1, 1, 5)  # who is back stays, for the record
