"""The moves of a defect: from which state to which, by whose hand. The database has the same (0018_defects.sql)."""

import enum
from typing import NamedTuple

from schema.readiness.defect import DefectState as State


class Hand(enum.StrEnum):
    """Whose move it is: of whoever raised the defect, or of the product's supplier."""

    RAISER = "RAISER"
    SUPPLIER = "SUPPLIER"


class Move(NamedTuple):
    """One lawful move; `minor`: of S3 and S4 alone."""

    was: State
    becomes: State
    hand: Hand
    minor: bool = False


# Domain model, B.2: "Only the raising trust closes S1/S2". So whatever the supplier says of a defect, its raiser either
# contests or closes.
MOVES = frozenset(
    {
        Move(State.NEW, State.TRIAGED, Hand.SUPPLIER),
        Move(State.TRIAGED, State.ACCEPTED, Hand.SUPPLIER),
        Move(State.TRIAGED, State.REJECTED, Hand.SUPPLIER),
        Move(State.TRIAGED, State.DUPLICATE, Hand.SUPPLIER),
        Move(State.TRIAGED, State.DEFERRED, Hand.SUPPLIER),
        Move(State.DEFERRED, State.TRIAGED, Hand.SUPPLIER),
        Move(State.ACCEPTED, State.FIX_READY, Hand.SUPPLIER),
        Move(State.FIX_READY, State.RETEST, Hand.RAISER),
        Move(State.RETEST, State.ACCEPTED, Hand.RAISER),
        Move(State.RETEST, State.CLOSED, Hand.RAISER),
        Move(State.REJECTED, State.NEW, Hand.RAISER),
        Move(State.REJECTED, State.CLOSED, Hand.RAISER),
        Move(State.DUPLICATE, State.NEW, Hand.RAISER),
        Move(State.DUPLICATE, State.CLOSED, Hand.RAISER),
        Move(State.RETEST, State.CLOSED, Hand.SUPPLIER, minor=True),
        Move(State.REJECTED, State.CLOSED, Hand.SUPPLIER, minor=True),
    }
)
