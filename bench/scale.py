"""How much of everything a database holds."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Scale:
    """One size of the recovery. Everything but the random ids follows from it."""

    name: str
    trusts: int
    systems: int  # of a trust
    regions: int = 1
    milestones: int = 40  # of a system
    forecasts: int = 5  # of a milestone
    reports: int = 40  # of a system that reports; one in twelve does not

    def sizes(self) -> dict[str, int]:
        """Return the sizes by the names the SQL asks them by."""
        return {name: size for name, size in asdict(self).items() if name != "name"}

    @property
    def all_systems(self) -> int:
        """The systems of all trusts."""
        return self.trusts * self.systems


SEED = Scale("seed", trusts=16, systems=3)
NATIONAL = Scale("national", trusts=250, systems=10, regions=7, reports=865)
GROWING_TRUSTS = tuple(Scale(f"trusts-{n}", n, 1, milestones=4, reports=4) for n in (16, 250, 2500))
GROWING_REPORTS = tuple(Scale(f"reports-{n}", 16, 3, milestones=4, reports=n) for n in (225, 3200, 45_000))
WIDE = Scale("wide", trusts=2, systems=1, milestones=200, reports=4)
