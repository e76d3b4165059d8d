"""The facts of the model: what a person with a notebook would write down of the domain (B.1), and nothing more."""

import datetime as dt
from dataclasses import dataclass, field

MANDATORY = ("CONNECTIVITY", "SMOKE", "ACCESS", "INTERFACE", "DATA_INTEGRITY", "UAT", "OAT")


@dataclass
class Assurance:
    """A supplier's evidence for a build."""

    build: int
    state: str = "DRAFT"
    founded: bool = False
    submitted: dt.datetime | None = None
    confidence: str = ""
    until: dt.datetime | None = None


@dataclass
class SignOff:
    """A DCB0129 (of no trust), or a trust's DCB0160, on a build."""

    build: int
    trust: str | None
    severe: int
    transferred: int
    accepted: int
    state: str = "DRAFT"
    decided: dt.datetime | None = None
    signer: str = ""


@dataclass
class Report:
    """A result of a mandatory test stage."""

    stage: str
    build: int
    passed: bool
    corrected: bool = False


@dataclass
class Defect:
    """What a trust found."""

    trust: str
    severity: str
    unsafe: bool
    state: str = "NEW"
    workaround: bool = False
    accepted: bool = False

    @property
    def open(self) -> bool:
        """Whether it stands in the way."""
        ended = {"CLOSED"} if self.severity in ("S1", "S2") else {"CLOSED", "REJECTED", "DEFERRED", "DUPLICATE"}
        return self.state not in ended


@dataclass
class Hold:
    """A stop on a thing, named `system:R1A`, `product`, `build:0`, `wave:1` or `incident`."""

    over: str
    placer: str
    tier: str
    state: str = "PLACED"


@dataclass
class Wave:
    """Systems that come back together."""

    opens: dt.date
    closes: dt.date
    predecessor: int | None
    soak_days: int
    a_day: int
    state: str = "DRAFT"
    proposed: bool = False


@dataclass
class Member:
    """A system in a wave."""

    trust: str
    wave: int
    state: str = "PROPOSED"


@dataclass
class Slot:
    """A window for reconnecting a system."""

    trust: str
    wave: int
    starts: dt.datetime
    ends: dt.datetime
    state: str = "REQUESTED"
    offered: bool = False


@dataclass
class Cohort:
    """Teams that go back together."""

    trust: str
    teams: int
    accounts: int
    state: str = "PLANNED"


@dataclass
class System:
    """One trust's system."""

    trust: str
    state: str
    teams: int
    accounts: int | None = None
    final: bool = False
    live_at: dt.datetime | None = None
    rolled_back: dt.datetime | None = None
    declared: bool = False
    board: tuple[str, int] | None = None  # outcome and build of the latest assessment
    waived: dict[str, dt.datetime] = field(default_factory=dict)
    testers: set[str] = field(default_factory=set)  # accounts that filed a report of it
    went: dict[str, int] = field(default_factory=dict)  # accounts that decided it goes, on which build
