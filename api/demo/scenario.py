"""The scenario: who takes part, and what each of them does when, as `scenario.json` says it."""

import datetime as dt
import enum
import importlib.resources
from functools import cache
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from schema.organisation import ListOrganisation, OrganisationKind, OrganisationSource
from schema.people.account import Role

LONDON = ZoneInfo("Europe/London")
NOON = dt.time(12)


class Provenance(enum.StrEnum):
    """How we know a datum."""

    FACT = "FACT"
    INFERRED = "INFERRED"
    DERIVED = "DERIVED"
    FILLER = "FILLER"


def _from_london(local: dt.datetime) -> dt.datetime:
    if local.tzinfo is not None:
        raise ValueError("the scenario's times are London's and say no offset")
    return local.replace(tzinfo=LONDON).astimezone(dt.UTC)


Local = Annotated[dt.datetime, AfterValidator(_from_london)]


class Datum(BaseModel):
    """Anything the scenario says, with how we know it; a fact names its source."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    provenance: Provenance
    source: str | None = None
    note: str | None = None

    @model_validator(mode="after")
    def _facts_have_sources(self) -> Self:
        if self.provenance is Provenance.FACT and self.source is None:
            raise ValueError("a fact needs its source")
        return self


class Part(Datum):
    """An organisation that takes part."""

    ods_code: str
    name: str
    kind: OrganisationKind
    primary_role_id: str | None = None
    icb_ods: str | None = None
    region_ods: str | None = None
    fictional: bool = False
    people: tuple[Role, ...] = Field(default=(), description="The roles that somebody has in it, each an account.")

    @model_validator(mode="after")
    def _people_fit(self) -> Self:
        if unfit := [role for role in self.people if self.kind not in role.kinds]:
            raise ValueError(f"{self.ods_code}: no {self.kind.lower()} has {', '.join(unfit)}")
        return self

    @property
    def whole(self) -> bool:
        """Whether its people are there to be looked at, and not only as somebody has to sign or decide."""
        return Role.ADMINISTRATOR in self.people

    @property
    def listed(self) -> ListOrganisation:
        """What the operator lists of it; a real trust has invented dates here, and that is told."""
        stated = self.model_dump(include=set(ListOrganisation.model_fields) - {"source"})
        return ListOrganisation(
            **stated,
            source=OrganisationSource.MANUAL if self.fictional else OrganisationSource.SNAPSHOT,
            demonstration=self.fictional or self.kind is OrganisationKind.TRUST,
        )

    @property
    def client(self) -> str | None:
        """The name of its client and key file; integrated care boards only watch here, and have none."""
        if self.kind is OrganisationKind.ICB:
            return None
        alone = self.kind not in (OrganisationKind.REGION, OrganisationKind.TRUST)
        return (self.kind if alone else f"{self.kind}-{self.ods_code}").lower()


class Step(Datum):
    """One change: who makes it, when, by which operation, with which input; `as` whom, where a person has to."""

    name: str
    at: Local
    by: str
    as_: Role | None = Field(default=None, alias="as")
    do: str
    input: dict[str, Any]
    facts: dict[str, str] = {}

    @property
    def day(self) -> dt.date:
        """The day of it, in London."""
        return self.at.astimezone(LONDON).date()

    @property
    def person(self) -> str | None:
        """The account of the person who makes it; None: the organisation's machine does."""
        return subject_of(self.as_, self.by) if self.as_ else None


class ToCome(Datum):
    """What no operation carries yet."""

    model_config = ConfigDict(extra="allow")


class Scenario(BaseModel):
    """Everything the scenario says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: int
    notice: str
    opens_at: Local
    sources: dict[str, str]
    organisations: list[Part]
    steps: list[Step]
    later: dict[str, list[ToCome]]

    def up_to(self, day: dt.date) -> list[Step]:
        """Return the steps up to a day, that day's included, in their order."""
        return [step for step in self.steps if step.day <= day]


def subject_of(role: Role, ods_code: str) -> str:
    """Return the account that has a role in an organisation, e.g. `trust-it@R1A`."""
    return f"{role.lower().replace('_', '-')}@{ods_code}"


def noon(day: dt.date) -> dt.datetime:
    """Return twelve o'clock in London."""
    return dt.datetime.combine(day, NOON, LONDON).astimezone(dt.UTC)


@cache
def read_scenario() -> Scenario:
    """Return the scenario that is shipped."""
    file = importlib.resources.files("api.demo") / "scenario.json"
    return Scenario.model_validate_json(file.read_bytes())
