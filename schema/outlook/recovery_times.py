"""RecoveryTimes: how long it took from handover until the first users were back."""

from typing import ClassVar

import strawberry
from sqlalchemy import MetaData, case
from sqlmodel import Field

from schema.kept.computed import Reading, computed
from schema.kept.described import described_type
from schema.kept.node import Instant, Row

FEWEST = 3  # trusts that an aggregate is made of at least (domain model, B.4)
_ALONE = "null: of fewer than 3 trusts, whose figures would be told."


def _shown(name: str) -> Reading:
    return lambda row: case((row.trusts >= FEWEST, row[name]))


@described_type
class RecoveryTimes(Row, table=True):
    """From handover by the supplier until the first users are back: of the systems that the caller may see."""

    ORDER: ClassVar[tuple[str, ...]] = ("trusts",)

    metadata = MetaData()  # of its own: it is reckoned, no table keeps it

    trusts: strawberry.Private[int] = Field(primary_key=True)
    as_of: Instant = Field(primary_key=True, description="When this was so, UTC.")
    median: strawberry.Private[int | None] = None
    least: strawberry.Private[int | None] = None
    most: strawberry.Private[int | None] = None

    @computed(description=f"Trusts it is made of; {_ALONE}", sql=_shown("trusts"))
    def trusts_counted(self) -> int | None:
        """Return how many trusts are behind the figures."""
        return self.trusts if self.trusts >= FEWEST else None

    @computed(description=f"Median, whole hours; {_ALONE}", sql=_shown("median"))
    def median_hours(self) -> int | None:
        """Return the median."""
        return self.median if self.trusts >= FEWEST else None

    @computed(description=f"The shortest, whole hours; {_ALONE}", sql=_shown("least"))
    def shortest_hours(self) -> int | None:
        """Return the shortest."""
        return self.least if self.trusts >= FEWEST else None

    @computed(description=f"The longest, whole hours; {_ALONE}", sql=_shown("most"))
    def longest_hours(self) -> int | None:
        """Return the longest."""
        return self.most if self.trusts >= FEWEST else None
