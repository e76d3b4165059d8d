"""Organisation: a tenant, by its ODS code."""

import datetime as dt
import enum
from typing import Annotated, ClassVar

from pydantic import BaseModel
from sqlalchemy import ForeignKeyConstraint, UniqueConstraint
from sqlmodel import Field

from schema.kept.described import described_enum, described_type
from schema.kept.node import Followed, Instant
from schema.kept.relation import many, one
from schema.kept.text import OdsCode, Text


@described_enum
class OrganisationKind(enum.StrEnum):
    """What part an organisation plays in a recovery."""

    ASSURER = "ASSURER"
    AUDITOR = "AUDITOR"
    ICB = "ICB"
    NATIONAL = "NATIONAL"
    REGION = "REGION"
    SUPPLIER = "SUPPLIER"
    TRUST = "TRUST"


@described_enum
class OrganisationSource(enum.StrEnum):
    """Where the record of an organisation came from."""

    FHIR = "FHIR"
    MANUAL = "MANUAL"
    ORD = "ORD"
    SNAPSHOT = "SNAPSHOT"


class _Listed(BaseModel):
    ods_code: Annotated[OdsCode, Field(max_length=10)] = Field(primary_key=True)
    name: Annotated[Text, Field(min_length=2, max_length=200)]
    kind: OrganisationKind
    primary_role_id: str | None = Field(
        default=None, max_length=10, description="ODS primary role, e.g. RO197 NHS trust, RO107 care trust."
    )
    icb_ods: str | None = Field(default=None, max_length=10, description="ODS code of its integrated care board.")
    region_ods: str | None = Field(default=None, max_length=10, description="ODS code of its NHS England region.")
    opened_on: dt.date | None = Field(default=None, description="First day of the code.")
    closed_on: dt.date | None = Field(default=None, description="Last day of the code; history stays readable.")
    successor_ods: str | None = Field(default=None, max_length=10, description="The organisation that took over.")
    source: OrganisationSource = Field(default=OrganisationSource.MANUAL, description="Where this record came from.")
    demonstration: bool = Field(
        default=False, description="Fictional, or real with invented dates: demonstration only."
    )


class ListOrganisation(_Listed):
    """What an operator states to list an organisation."""


@described_type
class Organisation(_Listed, Followed, table=True):
    """A supplier, trust, ICB, region, national body, assurer or auditor. Listed for every caller to see."""

    ORDER: ClassVar[tuple[str, ...]] = ("ods_code",)

    KEY: ClassVar[str] = "odsCode"

    __table_args__ = (
        UniqueConstraint("ods_code", "region_ods"),
        ForeignKeyConstraint(["icb_ods"], ["organisation.ods_code"]),
        ForeignKeyConstraint(["region_ods"], ["organisation.ods_code"]),
        ForeignKeyConstraint(["successor_ods"], ["organisation.ods_code"]),
    )

    verified_at: Instant | None = Field(default=None, description="When the record was last checked with ODS.")

    region = one("schema.organisation.Organisation", "region_ods", optional=True, description="Its NHS England region.")
    members = many("schema.organisation.Organisation", "region_ods", description="The organisations of a region.")
    systems = many("schema.system.System", "tenant_ods", description="Its systems that the caller may see.")
