"""The oracle: who may read what, said from the permission table of docs/security.md, never from the columns."""

from collections.abc import Callable
from dataclasses import dataclass

from schema.organisation import OrganisationKind as Kind
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
    """Whose a change is; the trust a supplier's promise is for, and the supplier a trust's row is about."""

    owner: str
    trust: str | None = None
    supplier: str | None = None

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
    if told.trust is None:
        return EVERYONE
    return OVERSIGHT | {told.owner, told.trust, str(REGION[told.trust]), str(told.supplier)}


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
    "Build": _everyone,
    "Hold": _hold,
    "Incident": _incident,
    "IncidentDeclaration": lambda told: told.near,
    "InterimSystem": _with_supplier,
    "Issuer": _own,
    "IssuerMapping": _own,
    "Membership": _own,
    "Milestone": _milestone,
    "MilestoneForecast": _milestone,
    "Organisation": _everyone,
    "Product": _everyone,
    "Session": _own,
    "SessionEnd": _own,
    "System": _with_supplier,
    "TestReport": _with_supplier,
}


def may_change(table: str, owner: str, who: str) -> bool:
    """Tell whether somebody may change a row of an owner's: a hold is released by a higher tier, too."""
    if table != "hold":
        return owner == who
    return who == owner or KIND[who] is Kind.NATIONAL or (KIND[owner] is Kind.TRUST and REGION[owner] == who)


def readers(noun: str, told: Told) -> Readers:
    """Give who may read a row; a new noun fails here until somebody decides."""
    assert noun in RULES, f"say in tests/isolation/oracle.py who may read a row of {noun}"
    return RULES[noun](told)
