"""What may be asked of a defect: by its raiser, and by the supplier of the product."""

import datetime as dt
from typing import Annotated

import strawberry
from pydantic import BaseModel
from sqlmodel import Field

from schema.change import Change, Revision
from schema.kept.described import described_input
from schema.readiness.defect import Found, Graded

Words = Annotated[str, Field(min_length=2, max_length=2000)]


class DefectChange(Revision):
    """What every change of a defect names."""

    defect: strawberry.ID


class _Noted(BaseModel):
    note: Words | None = Field(
        default=None, description="In words; null: what was said before stands. No patient data."
    )


class _Reasoned(BaseModel):
    reason: Words = Field(description="Why, in words. Never patient data.")


@described_input
class RaiseDefect(Found, Change):
    """Something is wrong with a build: found by a trust on a system of its own, or by the supplier itself."""

    build: strawberry.ID = Field(description="The build it was found on.")
    system: strawberry.ID | None = Field(
        default=None, description="Where it was found. A trust names one of its own; a supplier names none."
    )


@described_input
class RegradeDefect(Graded, DefectChange):
    """It is worse, or less bad, than was thought."""


@described_input
class TriageDefect(_Noted, DefectChange):
    """The supplier has looked at it, or looks again at one that was put off."""


@described_input
class AcceptDefect(_Noted, DefectChange):
    """The supplier will mend it."""


@described_input
class RejectDefect(_Reasoned, DefectChange):
    """The supplier holds that it is no defect; whoever raised it contests that, or closes it."""


@described_input
class MarkDefectDuplicate(_Reasoned, DefectChange):
    """The supplier holds that it is the same as another defect."""

    duplicate_of: strawberry.ID = Field(
        description="The other one: of the same raiser, or of the supplier itself; never another trust's."
    )


@described_input
class DeferDefect(_Reasoned, DefectChange):
    """The supplier puts it off to a later day. An S1 or S2 stands in the way all the same."""

    until: dt.date = Field(description="The day it is looked at again; after today.")


@described_input
class OfferFix(_Noted, DefectChange):
    """The supplier says which build mends it."""

    build: strawberry.ID = Field(description="A build of the product.")


@described_input
class AgreeWorkaround(DefectChange):
    """The supplier agrees to a way to do without. What was accepted of another one before no longer counts."""

    workaround: Words = Field(description="How to do without until it is mended. Never patient data.")


@described_input
class AcceptWorkaround(DefectChange):
    """The trust's clinical safety officer accepts the workaround as it reads now; send expectedVersion with it."""


@described_input
class RetestDefect(_Noted, DefectChange):
    """Its raiser tests the build that is said to mend it."""


@described_input
class FailRetest(_Reasoned, DefectChange):
    """It is still there: the supplier has it again."""


@described_input
class CloseDefect(_Reasoned, DefectChange):
    """It is over. An S1 or S2 is closed by its raiser alone."""


@described_input
class ContestDefect(_Reasoned, DefectChange):
    """Its raiser does not agree that it was rejected, or that it is a duplicate: it is new again."""
