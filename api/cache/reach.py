"""Reach: what a change moves, and what a caller's answers hang on."""

from collections.abc import Iterable
from dataclasses import dataclass

from auth.caller import Caller
from schema.kept.node import Audience, Followed
from schema.organisation import OrganisationKind as Kind

# Beside the organisations' codes, which are capitals.
EVERYBODY, ANYTHING, TRUSTS, REGIONS, NOTHING = "everybody", "anything", "trusts", "regions", "nothing"
_WIDE = {Kind.NATIONAL: ANYTHING, Kind.AUDITOR: ANYTHING, Kind.TRUST: TRUSTS, Kind.REGION: REGIONS}
_REACH = ("trust_ods", "region_ods", "supplier_ods")


def hangs_on(caller: Caller) -> tuple[str, str, str]:
    """Return what moves a caller's answers: the reading half of app.protect in the migrations."""
    return EVERYBODY, _WIDE.get(caller.kind, NOTHING), caller.tenant_ods


@dataclass(frozen=True)
class Reach:
    """Who can read a change: the columns of its event."""

    tenant_ods: str
    owner_ods: str
    trust_ods: str | None
    region_ods: str | None
    supplier_ods: str | None
    audience: str
    xid: int

    @property
    def placed(self) -> str:
        """The organisation whose region the row has."""
        return self.trust_ods or self.owner_ods

    def moves(self) -> set[str]:
        """Return what it moves."""
        if self.audience == Audience.PUBLISHED:
            return {EVERYBODY}
        named = {self.tenant_ods, self.owner_ods, self.trust_ods, self.region_ods, self.supplier_ods}
        wide = {ANYTHING, TRUSTS} if self.audience == Audience.REGION else {ANYTHING}
        return wide | {code for code in named if code}


class Regions:
    """The region of each organisation, learnt from the ledger: a row we kept ourselves does not say it."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}
        self._since = 0

    def learn(self, seen: Iterable[Reach], newest: int) -> None:
        """Learn from changes; `newest`: every transaction before it had begun when they were read.

        What is published may be an organisation that has moved: older changes then say nothing any more.
        """
        seen = list(seen)
        if any(reach.audience == Audience.PUBLISHED for reach in seen):
            self.forget(newest)
        self._known |= {each.placed: each.region_ods for each in seen if each.region_ods and each.xid >= self._since}

    def forget(self, newest: int = 0) -> None:
        """Forget every region, and learn from no transaction before this one."""
        self._known.clear()
        self._since = max(self._since, newest)

    def moved_by(self, row: Followed) -> set[str]:
        """Return what a row that we kept moves; where its region is not known yet, that is every region."""
        loaded, there = vars(row), [name for name in (*_REACH, "audience") if hasattr(type(row), name)]
        if not there or "tenant_ods" not in loaded:
            return {EVERYBODY}  # products, builds, organisations: listed for everyone
        owner, trust = str(loaded["tenant_ods"]), loaded.get("trust_ods")
        region = loaded.get("region_ods") or self._known.get(trust or owner, REGIONS)
        audience = loaded.get("audience") or Audience.PRIVATE
        return Reach(owner, owner, trust, region, loaded.get("supplier_ods"), audience, 0).moves()
