"""The oracle: who may read what, said from the permission table of docs/security.md, never from the columns."""

from collections.abc import Callable
from dataclasses import dataclass

from schema.organisation import OrganisationKind as Kind
from schema.people.account import Role
from tests.isolation.canary import Readers
from tests.stage import LISTED

EVERYONE: Readers = frozenset(LISTED)
KIND = {code: listed[1] for code, listed in LISTED.items()}
REGION = {code: listed[2] for code, listed in LISTED.items()}
OVERSIGHT: Readers = frozenset(code for code, kind in KIND.items() if kind in (Kind.NATIONAL, Kind.AUDITOR))


def of_kind(*kinds: Kind) -> list[str]:
    """Give the organisations of these kinds."""
    return [code for code, kind in KIND.items() if kind in kinds]


@dataclass(frozen=True)
class Told:
    """Whose what is made is; the trust it is for, and the supplier it is about; who makes it, in which role.

    `by`: None is the owner itself. `role`: None is everything its people may be. `shown`: it is submitted or proposed
    before the story ends.
    """

    owner: str
    trust: str | None = None
    supplier: str | None = None
    by: str | None = None
    role: Role | None = None
    shown: bool = False

    @property
    def who(self) -> str:
        """Who makes the change."""
        return self.by or self.owner

    @property
    def near(self) -> Readers:
        """The owner, the region of a trust, and those who read all."""
        region = REGION[self.owner] if KIND[self.owner] is Kind.TRUST else None
        return OVERSIGHT | {self.owner} | ({region} if region else set())

    @property
    def with_supplier(self) -> Readers:
        """Besides those, the supplier it is about."""
        return self.near | ({self.supplier} if self.supplier else set())


def _everyone(told: Told) -> Readers:
    return EVERYONE


def _hold(told: Told) -> Readers:
    return EVERYONE if told.trust is None else _about_a_system(told)


def _about_a_system(told: Told) -> Readers:
    """Give the owner, the trust of the system, that one's region, its supplier, and those who read all."""
    return OVERSIGHT | {told.owner, str(told.trust), str(REGION[str(told.trust)]), str(told.supplier)}


def _not_the_suppliers(told: Told) -> Readers:
    """Give the same without the supplier, unless it is the owner."""
    if told.trust is None:
        return _own(told)
    return OVERSIGHT | {told.owner, told.trust, str(REGION[told.trust])}


def _sign_off(told: Told) -> Readers:
    return EVERYONE if told.trust is None else _about_a_system(told)


def _hazards(told: Told) -> Readers:
    """Give who reads how a trust's use is unsafe: the trust and the auditor, not even the national team."""
    return EVERYONE if told.trust is None else frozenset({told.owner, *of_kind(Kind.AUDITOR)})


def _evidence(told: Told) -> Readers:
    return OVERSIGHT | {told.owner} | (set(of_kind(Kind.ASSURER)) if told.shown else set())


def _shown(told: Told) -> Readers:
    return EVERYONE if told.shown else _own(told)


def _milestone(told: Told) -> Readers:
    if told.trust is None:
        return EVERYONE
    return OVERSIGHT | {told.owner, told.trust, str(REGION[told.trust])}


def _incident(told: Told) -> Readers:
    if KIND[told.owner] is Kind.NATIONAL:
        return EVERYONE
    its_trusts = [code for code in of_kind(Kind.TRUST) if REGION[code] == told.owner]
    return told.with_supplier | set(its_trusts)


def _with_supplier(told: Told) -> Readers:
    return told.with_supplier


def _own(told: Told) -> Readers:
    return OVERSIGHT | {told.owner}


RULES: dict[str, Callable[[Told], Readers]] = {
    "Account": _own,
    "ApiClient": _own,
    "AssessmentNote": _not_the_suppliers,
    "Build": _everyone,
    "Cohort": _about_a_system,
    "DecisionRecord": _not_the_suppliers,
    "Defect": lambda told: _own(told) if told.trust is None else _about_a_system(told),
    "Dispute": _about_a_system,
    "Dissent": _not_the_suppliers,
    "Evidence": _evidence,
    "Gate": _incident,
    "GateAssessment": lambda told: EVERYONE if told.trust is None else _about_a_system(told),
    "GateWaiver": _about_a_system,
    "GoNoGoDecision": _about_a_system,
    "HazardSummary": _hazards,
    "Hold": _hold,
    "Incident": _incident,
    "IncidentDeclaration": lambda told: told.near,
    "InterimSystem": _with_supplier,
    "Issuer": _own,
    "IssuerMapping": _own,
    "KnownIssue": _everyone,
    "KnownIssueSighting": _about_a_system,
    "Membership": _own,
    "Milestone": _milestone,
    "MilestoneForecast": _milestone,
    "Obligation": _not_the_suppliers,
    "Organisation": _everyone,
    "Product": _everyone,
    "ReinstatementSlot": _about_a_system,
    "SafetySignOff": _sign_off,
    "SecurityAssurance": _shown,
    "Session": _own,
    "SessionEnd": _own,
    "System": _with_supplier,
    "TestReport": _with_supplier,
    "Wave": _shown,
    "WaveMember": lambda told: _about_a_system(told) if told.shown else _own(told),
}
# The change from which on it is shown; what joins a wave that is shown is shown at once.
SHOWN_BY = {"SecurityAssurance": "submitAssurance", "Wave": "proposeWave", "WaveMember": "proposeWave"}


# Whose rows a kind of organisation changes besides its own, as the lawful acts of docs/security.md allow: of all, of
# its region's trusts, of the trusts and incidents that it supplies, or none.
CHANGES: dict[str, dict[Kind, Callable[[str, str], bool]]] = {}


def _any(owner: str, who: str) -> bool:
    """Tell that it changes anybody's."""
    return True


def _in_region(owner: str, who: str) -> bool:
    return REGION[owner] == who


def _of_a_trust(owner: str, who: str) -> bool:
    return KIND[owner] is Kind.TRUST


CHANGES |= {
    "defect": {Kind.SUPPLIER: _of_a_trust},
    "hold": {Kind.NATIONAL: _any, Kind.REGION: _in_region},
    "reinstatement_slot": {Kind.SUPPLIER: _of_a_trust},
    "security_assurance": {Kind.ASSURER: _any},
    "system": {Kind.SUPPLIER: _of_a_trust, Kind.REGION: _in_region},
    "wave": {Kind.NATIONAL: _any},
    "wave_member": {Kind.NATIONAL: _any},
}


COUNTED = ("known_issue", "known_issue_count", "wave")  # on a supplier's rows of these the database counts trusts' acts


def may_count(table: str, owner: str, who: str) -> bool:
    """Tell whether an act of somebody's is counted on a row of an owner's."""
    return table in COUNTED and KIND[who] is Kind.TRUST and KIND[owner] is Kind.SUPPLIER


def may_change(table: str, owner: str, who: str) -> bool:
    """Tell whether somebody may change a row of an owner's."""
    besides = CHANGES.get(table, {}).get(KIND[who])
    return owner == who or (besides is not None and besides(owner, who))


def readers(noun: str, told: Told) -> Readers:
    """Give who may read a row; a new noun fails here until somebody decides."""
    assert noun in RULES, f"say in tests/isolation/oracle.py who may read a row of {noun}"
    return RULES[noun](told)


def hearers(noun: str, told: Told, seen_by: Readers, *, shown: bool) -> Readers:
    """Give who may read the event of a change of a row that these may read; `shown`: it was shown by then."""
    if noun == "Evidence":  # the assurer reads the piece, not how it came
        return _own(told)
    return _own(told) if noun in SHOWN_BY and not shown else seen_by
