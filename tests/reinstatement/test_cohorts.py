"""Cohorts: how a trust plans them, when the plan is final, what moves between them, and when one is live."""

from typing import Any

import pytest

from auth.scope import Scope
from tests.reinstatement.waves import TODAY, WHY, Waves, put
from tests.stage import LISTED, Stage
from tests.test_holds import place, release

# R1A's cohorts in the new year of 2023: the totals are the trust's, the split of them is made up.
SPLIT = ((6, 160), (14, 370), (22, 590), (26, 690), (28, 740), (26, 680), (22, 580), (14, 356))
STATES = ("PLANNED", "LIVE", "EXCUSED")
VERBS: dict[str, dict[str, Any]] = {
    "amendCohort": {"name": "Another name"},
    "holdBackCohort": {"teams": 1, "accounts": 0, **WHY},
    "excuseCohort": WHY,
    "bringCohortLive": {},
}
BECOMES = {"amendCohort": "PLANNED", "holdBackCohort": "PLANNED", "excuseCohort": "EXCUSED", "bringCohortLive": "LIVE"}


@pytest.fixture(scope="module")
def cohorts(stage: Stage) -> "Cohorts":
    """A story with a trust that plans its cohorts."""
    return Cohorts(stage, stage.tell("R1A", "RYG"))


class Cohorts(Waves):
    """A trust's cohorts."""

    def plan(self, system: str, teams: int = 5, accounts: int = 50, who: str = "R1A", **given: Any) -> dict[str, Any]:
        """Plan a cohort."""
        said = {"name": "A cohort", "teams": teams, "accounts": accounts, "plannedOn": str(TODAY), **given}
        return self.act(who, "planCohort", "id sequence teams state version", system=system, **said)

    def lost(self, **totals: Any) -> str:
        """Register a system of R1A with totals."""
        self.number += 1
        given = {"product": self.ids["product"], "incident": self.ids["incident"], "name": f"System {self.number}"}
        return str(self.act("R1A", "registerSystem", "id", **given, **totals)["id"])

    def all(self, system: str, who: str = "R1A") -> list[dict[str, Any]]:
        """Give the cohorts of a system that somebody sees."""
        document = "query($id: ID!) { cohorts(system: $id) { nodes { sequence teams accounts state } } }"
        return list(self.stage.ask(who, document, id=system)["cohorts"]["nodes"])


def test_all_teams_and_accounts_go_back_over_eight_weeks(cohorts: Cohorts) -> None:
    system = cohorts.lost(teamsTotal=158, accountsTotal=4166)
    for teams, accounts in SPLIT[:-1]:
        cohorts.plan(system, teams, accounts)
    short = cohorts.act("R1A", "finaliseCohorts", "id", system=system)
    assert (short["code"], short["path"]) == ("VALIDATION_FAILED", ["input", "system"])
    assert short["message"] == "its cohorts hold 144 teams where it has 158 and 3,810 accounts where it has 4,166"
    assert cohorts.plan(system, *SPLIT[-1])["sequence"] == 8
    final = cohorts.act("R1A", "finaliseCohorts", "cohortsFinalAt teamsTotal accountsTotal", system=system)
    assert (final["teamsTotal"], final["accountsTotal"], bool(final["cohortsFinalAt"])) == (158, 4166, True)
    assert cohorts.act("R1A", "finaliseCohorts", "id", system=system)["code"] == "ALREADY_DECIDED"


def test_a_final_plan_keeps_its_sums_and_one_team_can_be_held(cohorts: Cohorts) -> None:
    system = cohorts.lost(teamsTotal=10, accountsTotal=100)
    first, second = cohorts.plan(system), cohorts.plan(system)
    assert cohorts.act("R1A", "finaliseCohorts", "id", system=system)["__typename"] == "System"
    assert cohorts.plan(system)["code"] == "ALREADY_DECIDED"
    assert cohorts.act("R1A", "amendCohort", "id", cohort=first["id"], teams=4)["code"] == "ALREADY_DECIDED"
    moved = cohorts.act("R1A", "amendCohort", "plannedOn teams", cohort=first["id"], plannedOn="2023-01-09", teams=5)
    assert (moved["plannedOn"], moved["teams"]) == ("2023-01-09", 5)
    later = cohorts.plan(system, 0, 0, name="Held")
    assert later["sequence"] == 3
    given = {"cohort": second["id"], "into": later["id"], **WHY}
    held = cohorts.act("R1A", "holdBackCohort", "teams accounts heldBackReason", teams=1, accounts=8, **given)
    assert (held["teams"], held["accounts"], held["heldBackReason"]) == (4, 42, WHY["reason"])
    assert [(each["teams"], each["accounts"]) for each in cohorts.all(system)] == [(5, 50), (4, 42), (1, 8)]
    for teams, accounts in ((5, 0), (0, 43), (0, 0)):
        beyond = cohorts.act("R1A", "holdBackCohort", "id", teams=teams, accounts=accounts, **given)
        assert beyond["code"] == "VALIDATION_FAILED"
    elsewhere = cohorts.plan(cohorts.lost())
    for other in (elsewhere["id"], second["id"]):
        refused = cohorts.act("R1A", "holdBackCohort", "id", teams=1, accounts=0, **{**given, "into": other})
        assert (refused["code"], refused["path"]) == ("NOT_FOUND", ["input", "into"])


def test_what_a_trust_had_not_stated_follows_from_its_final_plan(cohorts: Cohorts) -> None:
    system = cohorts.lost(teamsTotal=5)
    cohorts.plan(system)
    final = cohorts.act("R1A", "finaliseCohorts", "teamsTotal accountsTotal", system=system)
    assert (final["teamsTotal"], final["accountsTotal"]) == (5, 50)


def in_state(cohorts: Cohorts, state: str) -> tuple[str, str]:
    """Give a system that is being reinstated, and a cohort of it in a state."""
    system = cohorts.lost()
    cohort = cohorts.plan(system)["id"]
    put(cohorts.stage, system, "REINSTATING")
    if state == "LIVE":
        cohorts.act("R1A", "bringCohortLive", "id", cohort=cohort)
    elif state == "EXCUSED":
        cohorts.act("R1A", "excuseCohort", "id", cohort=cohort, **WHY)
    return system, str(cohort)


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("state", STATES)
def test_a_cohort_changes_by_its_trust_while_it_is_planned(cohorts: Cohorts, verb: str, state: str) -> None:
    system, cohort = in_state(cohorts, state)
    into = {"into": cohorts.plan(system)["id"]} if verb == "holdBackCohort" else {}
    given = {"cohort": cohort, **into, **VERBS[verb]}
    scope = Scope.REINSTATEMENT_RUN if verb == "bringCohortLive" else Scope.COHORT_PLAN
    for code in LISTED.keys() - {"R1A"}:
        refused = cohorts.act(code, verb, "id", **given)
        if code in ("RYG", "RNK"):
            assert (refused["code"], refused["path"]) == ("NOT_FOUND", ["input", "cohort"])
        else:
            assert (refused["code"], refused["needs"]) == ("NOT_PERMITTED", scope)
    answer = cohorts.act("R1A", verb, "id state", **given)
    if state == "PLANNED":
        assert answer["state"] == BECOMES[verb]
    else:
        assert (answer["code"], answer["currentState"], answer["neededStates"]) == ("WRONG_STATE", state, ["PLANNED"])


@pytest.mark.parametrize("code", LISTED)
def test_who_plans_and_who_sees_cohorts(cohorts: Cohorts, code: str) -> None:
    system = cohorts.lost()
    answer = cohorts.plan(system, who=code)
    if code == "R1A":
        assert answer["state"] == "PLANNED"
    elif code in ("RYG", "RNK"):
        assert (answer["code"], answer["path"]) == ("NOT_FOUND", ["input", "system"])
    else:
        assert (answer["code"], answer["needs"]) == ("NOT_PERMITTED", "cohort:plan")
    cohorts.plan(system)
    assert bool(cohorts.all(system, code)) == (code in ("R1A", "Y60", "SUPPLIER", "NATIONAL", "AUDITOR"))


@pytest.mark.parametrize("state", ["OUTAGE", "READY", "APPROVED", "REINSTATING", "LIVE", "RECOVERED", "ROLLED_BACK"])
def test_a_cohort_is_live_while_its_system_is_reinstated(cohorts: Cohorts, state: str) -> None:
    system = cohorts.lost()
    cohort = cohorts.plan(system)["id"]
    put(cohorts.stage, system, state)
    answer = cohorts.act("R1A", "bringCohortLive", "state actualAt", cohort=cohort)
    if state in ("REINSTATING", "LIVE"):
        assert (answer["state"], bool(answer["actualAt"])) == ("LIVE", True)
    else:
        assert (answer["code"], answer["currentState"]) == ("WRONG_STATE", state)
        assert answer["neededStates"] == ["REINSTATING", "LIVE"]


def test_a_system_s_first_users_are_back_with_its_first_cohort(cohorts: Cohorts) -> None:
    system = cohorts.lost()
    planned = [cohorts.plan(system)["id"] for _ in range(3)]
    put(cohorts.stage, system, "REINSTATING")
    back = []
    for cohort, at in zip(
        planned, ("2022-12-05T09:00:00Z", "2022-12-12T09:00:00Z", "2022-12-01T09:00:00Z"), strict=True
    ):
        answer = cohorts.act("R1A", "bringCohortLive", "system { firstLiveAt }", cohort=cohort, actualAt=at)
        back.append(answer["system"]["firstLiveAt"][:10])
    assert back == ["2022-12-05", "2022-12-05", "2022-12-01"]


@pytest.mark.parametrize("what", ["system", "product", "build", "incident", "wave", "earlier"])
def test_no_cohort_is_live_while_its_system_is_held(cohorts: Cohorts, what: str) -> None:
    system = cohorts.lost()
    cohort = cohorts.plan(system)["id"]
    put(cohorts.stage, system, "REINSTATING")
    held = {**cohorts.ids, "system": system}
    if what in ("wave", "earlier"):
        held["earlier"] = cohorts.bring(cohorts.draft(cohorts.system()), "APPROVED")
        held["wave"] = cohorts.bring(cohorts.draft(system), "APPROVED")
    hold = place(cohorts.stage, "NATIONAL", held[what])
    refused = cohorts.act("R1A", "bringCohortLive", "state", cohort=cohort)
    assert (refused["code"], [each["about"] for each in refused["obstacles"]]) == ("HELD_BY", [hold["id"]])
    release(cohorts.stage, "NATIONAL", hold["id"])
    assert cohorts.act("R1A", "bringCohortLive", "state", cohort=cohort)["state"] == "LIVE"


def test_nothing_is_live_in_the_future_and_a_stale_screen_is_told(cohorts: Cohorts) -> None:
    _, cohort = in_state(cohorts, "PLANNED")
    ahead = cohorts.act("R1A", "bringCohortLive", "state", cohort=cohort, actualAt="2999-01-01T00:00:00Z")
    assert (ahead["code"], ahead["path"]) == ("VALIDATION_FAILED", ["input", "actualAt"])
    cohorts.act("R1A", "amendCohort", "id", cohort=cohort, name="Renamed")
    stale = cohorts.act("R1A", "bringCohortLive", "state", cohort=cohort, expectedVersion=1)
    assert (stale["code"], stale["currentVersion"]) == ("VERSION_CONFLICT", 2)
