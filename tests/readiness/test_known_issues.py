"""Known issues: published by the supplier, seen by trusts, and counted without telling who."""

from typing import Any

import pytest

from schema.organisation import OrganisationKind
from schema.people.account import Role
from tests.readiness.defect_story import SUPPLIER, Defects
from tests.stage import LISTED, Stage, caller, person

KNOWN = {"title": "Alerts are missing", "severity": "S2", "workaround": "See the second page."}
MANY = ("R1A", "RNK", "RYG")
COUNT = "query($id: ID!) { node(id: $id) { ... on KnownIssue { sightings seen { totalCount nodes { seenOn system { organisation { odsCode } } } } } } }"


class Issues(Defects):
    """Defects on a stage with three trusts, and what is known of the product."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        lost = {"product": self.told["product"], "incident": self.told["incident"]}
        self.told["RYG"] = stage.change("RYG", "registerSystem", name="Carenotes", **lost)["id"]
        self.second = stage.change("R1A", "registerSystem", name="Carenotes for children", **lost)["id"]

    def publish(self, who: str = SUPPLIER, select: str = "id version", **given: Any) -> dict[str, Any]:
        """Publish a known issue."""
        told = {**KNOWN, "product": self.told["product"], "firstBuild": self.told["build"], **given}
        return self.stage.change(person(who), "publishKnownIssue", select=select, **told)

    def sight(self, who: str, issue: str, **given: Any) -> dict[str, Any]:
        """Say that a trust sees it, too."""
        told = {"knownIssue": issue, "system": self.told.get(who, self.told["R1A"]), **given}
        return self.stage.change(person(who), "sightKnownIssue", **{"select": "id seenOn", **told})

    def seen(self, who: str, issue: str) -> dict[str, Any]:
        """Give what somebody sees of the sightings of an issue."""
        return dict(self.stage.ask(who, COUNT, id=issue)["node"])


@pytest.fixture(scope="module")
def issues(stage: Stage) -> Issues:
    """A stage with what is known."""
    return Issues(stage)


@pytest.mark.parametrize("code", LISTED)
def test_who_publishes_and_who_reads(issues: Issues, code: str) -> None:
    answer = issues.publish(code, "title severity publishedBy { odsCode } firstBuild { label } resolvedAt sightings")
    if code == SUPPLIER:
        assert (answer["publishedBy"], answer["firstBuild"]) == ({"odsCode": SUPPLIER}, {"label": "CN-R1"})
        assert (answer["resolvedAt"], answer["sightings"]) == (None, None)
    elif code == "RIVAL":
        assert (answer["code"], answer["path"]) == ("NOT_FOUND", ["input", "product"])
    else:
        assert (answer["code"], answer["needs"]) == ("NOT_PERMITTED", "issue:publish")
    one = issues.publish()["id"]
    asked = '{ knownIssues(product: "CARENOTES", first: 200) { nodes { id } } }'
    assert one in [each["id"] for each in issues.stage.ask(code, asked)["knownIssues"]["nodes"]]


def test_it_never_names_a_trusts_defect(issues: Issues) -> None:
    trusts, own = issues.raised("R1A")["id"], issues.original
    refused = issues.publish(defect=trusts)
    assert (refused["code"], refused["path"]) == ("NOT_FOUND", ["input", "defect"])
    issue = issues.publish(defect=own)["id"]
    asked = "query($id: ID!) { node(id: $id) { ... on KnownIssue { title defect { id } } } }"
    for code in LISTED:
        shown = issues.stage.ask(code, asked, id=issue)["node"]
        behind = {"id": own} if code in (SUPPLIER, "NATIONAL", "AUDITOR") else None
        assert shown == {"title": KNOWN["title"], "defect": behind}, code


def test_what_does_not_fit_is_refused(issues: Issues) -> None:
    made_up = issues.told["R1A"]
    for field in ("product", "firstBuild", "fixedIn", "defect"):
        refused = issues.publish(**{field: made_up})
        assert (refused["code"], refused["path"]) == ("NOT_FOUND", ["input", field])
    issue = issues.publish()["id"]
    assert issues.sight("R1A", made_up)["path"] == ["input", "knownIssue"]
    assert issues.sight("R1A", issue, system=issues.told["RNK"])["path"] == ["input", "system"]
    assert issues.sight("R1A", issue, seenOn="2999-01-01")["path"] == ["input", "seenOn"]
    other = issues.stage.change(SUPPLIER, "registerProduct", code="ADASTRA", name="Adastra", category="URGENT_CARE")[
        "id"
    ]
    built = {"label": "AD-R1", "builtAt": "2022-11-07T12:00:00Z", "safetyRelevantChange": True}
    build = issues.stage.change(SUPPLIER, "registerBuild", product=other, **built)["id"]
    assert issues.publish(firstBuild=build)["path"] == ["input", "firstBuild"]
    assert issues.sight("R1A", issues.publish(product=other, firstBuild=build)["id"])["path"] == ["input", "system"]


def test_it_is_resolved_once_by_its_supplier(issues: Issues) -> None:
    issue = issues.publish()["id"]
    given = {"knownIssue": issue, "fixedIn": issues.told["build"]}
    asked = "resolvedAt version fixedIn { label }"
    for code in LISTED:
        if code != SUPPLIER:
            refused = issues.stage.change(person(code), "resolveKnownIssue", **given)
            assert refused["code"] == ("NOT_FOUND" if code == "RIVAL" else "NOT_PERMITTED")
    assert issues.stage.change(SUPPLIER, "resolveKnownIssue", **given, expectedVersion=2)["currentVersion"] == 1
    resolved = issues.stage.change(SUPPLIER, "resolveKnownIssue", **given, select=asked)
    assert resolved["resolvedAt"] is not None
    assert (resolved["version"], resolved["fixedIn"]) == (2, {"label": "CN-R1"})
    assert issues.stage.change(SUPPLIER, "resolveKnownIssue", **given)["code"] == "ALREADY_DECIDED"
    both = "{ a: knownIssues(resolved: true) { nodes { id } } b: knownIssues(resolved: false) { nodes { id } } }"
    found = issues.stage.ask("RNK", both)
    assert [issue in [each["id"] for each in found[name]["nodes"]] for name in "ab"] == [True, False]


@pytest.mark.parametrize("code", LISTED)
def test_who_sees_it_too(issues: Issues, code: str) -> None:
    answer = issues.sight(code, issues.publish()["id"])
    if LISTED[code][1] == OrganisationKind.TRUST:
        assert answer["__typename"] == "KnownIssueSighting"
    elif LISTED[code][1] == OrganisationKind.SUPPLIER:
        assert (answer["code"], answer["path"]) == ("NOT_FOUND", ["input", "system"])
    else:
        assert (answer["code"], answer["needs"]) == ("NOT_PERMITTED", "defect:raise")


def test_fewer_than_three_are_nobody_and_no_trust_learns_which(issues: Issues) -> None:
    issue = issues.publish()["id"]
    for number, code in enumerate(MANY, 1):
        mine = issues.sight(code, issue, seenOn="2023-01-09")
        assert mine["seenOn"] == "2023-01-09"
        again = issues.sight(code, issue)
        assert (again["code"], again["existing"]) == ("ALREADY_REGISTERED", mine["id"])
        if code == "R1A":
            assert issues.sight("R1A", issue, system=issues.second)["__typename"] == "KnownIssueSighting"
        for who in LISTED:
            assert issues.seen(who, issue)["sightings"] == (3 if number == 3 else None), (who, number)
    reads = {"Y60": {"R1A", "RYG"}, "Y56": {"RNK"}, **{who: {*MANY} for who in (SUPPLIER, "NATIONAL", "AUDITOR")}}
    for who in LISTED:
        nodes = issues.seen(who, issue)["seen"]["nodes"]
        trusts = {each["system"]["organisation"]["odsCode"] for each in nodes if each["system"]}
        assert trusts == reads.get(who, {who} & {*MANY}), who
    assert issues.seen("RNK", issue)["seen"]["totalCount"] == 1


def test_a_system_shows_what_it_shows_and_machines_may_say_so(issues: Issues) -> None:
    issue = issues.publish()["id"]
    told = {"knownIssue": issue, "system": issues.told["RYG"]}
    assert issues.stage.change(caller("RYG"), "sightKnownIssue", **told)["__typename"] == "KnownIssueSighting"
    asked = "{ systems { nodes { sightings { nodes { knownIssue { id } } } product { knownIssues { totalCount } } } } }"
    (system,) = issues.stage.ask("RYG", asked)["systems"]["nodes"]
    assert {"knownIssue": {"id": issue}} in system["sightings"]["nodes"]
    assert system["product"]["knownIssues"]["totalCount"] > 0
    assert issues.stage.change(person("RYG", Role.TRUST_SIRO), "sightKnownIssue", **told)["needs"] == "defect:raise"
