"""WhatIf: changes of a plan that are tried and not kept, and the outlook they would lead to."""

import datetime as dt
from typing import Self

import strawberry
from pydantic import BaseModel, Field, model_validator

from schema.hold import PlaceHold
from schema.kept.described import described_input, described_type
from schema.milestone import ReviseForecast
from schema.problem import Problem
from schema.product import RegisterBuild
from schema.readiness.defect_changes import RaiseDefect
from schema.reinstatement.wave import AmendWave
from schema.system import SystemState
from schema.testing import ReportTest

MOST_CHANGES = 10


@described_input
class PlannedChange(BaseModel):
    """One change to try: exactly one of these, as its own operation takes it."""

    amend_wave: AmendWave | None = None
    place_hold: PlaceHold | None = None
    raise_defect: RaiseDefect | None = None
    register_build: RegisterBuild | None = None
    report_test: ReportTest | None = None
    revise_forecast: ReviseForecast | None = None

    @model_validator(mode="after")
    def _one_thing(self) -> Self:
        if len(self.stated) != 1:
            raise ValueError("exactly one change must be given")
        return self

    @property
    def stated(self) -> dict[str, BaseModel]:
        """What was given, by the name of its rule."""
        return {name: given for name in type(self).model_fields if (given := getattr(self, name)) is not None}


@described_input
class WhatIf(BaseModel):
    """Changes that are tried one after the other, as the caller, and not kept."""

    incident: strawberry.ID = Field(description="Whose systems are looked at.")
    changes: list[PlannedChange] = Field(min_length=1, max_length=MOST_CHANGES)


@described_type
class Moved(BaseModel):
    """A system that the changes would move: before and after."""

    system: strawberry.ID = Field(description="The system.")
    name: str = Field(description="The trust's name for it.")
    organisation_ods: str = Field(description="Its trust, by ODS code.")
    state_before: SystemState
    state_after: SystemState
    expected_on_before: dt.date | None = Field(description="See Readiness.expectedOn.")
    expected_on_after: dt.date | None = Field(description="See Readiness.expectedOn; null where it would be held.")
    gates_shut: list[str] = Field(description="Codes of gates that would be shut by it.")
    gates_opened: list[str] = Field(description="Codes of gates that would be open by it.")
    holds_before: int = Field(description="Holds in force over it.")
    holds_after: int = Field(description="Holds in force over it.")


@described_type
class Outlook(BaseModel):
    """What changes would lead to. Nothing of it was kept."""

    moved: list[Moved] = Field(description="Every system that would move, by trust and name.")
    unmoved: int = Field(description="Systems of the incident, that the caller sees, which would stay as they are.")


@described_type
class PlanRefused(Problem):
    """One of the changes would be refused; the ones after it were not tried."""

    at: int = Field(description="Which of them, from 0.")
    problem: str = Field(description="The code of the problem that it would answer.")
