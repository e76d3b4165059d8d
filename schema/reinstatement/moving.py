"""What moves a system from one state to the next: one input a step, each by the side whose step it is."""

from typing import Annotated

import strawberry
from pydantic import Field

from schema.change import Revision
from schema.kept.described import described_input
from schema.kept.node import Instant
from schema.system import SystemState

Reason = Annotated[str, Field(min_length=2, max_length=2000)]


class Step(Revision):
    """What every input that moves a system has."""

    system: strawberry.ID


@described_input
class ReportSystemState(Step):
    """The trust says that it lost the system, or cut it off."""

    state: SystemState = Field(description="OUTAGE, from OPERATIONAL; ISOLATED, from OUTAGE. Others are reached.")
    outage_started_at: Instant | None = Field(
        default=None, description="When users lost it, UTC; not in the future. Null: as it was stated before."
    )


@described_input
class BeginRebuild(Step):
    """The supplier rebuilds it in a clean environment."""


@described_input
class OfferHandover(Step):
    """The supplier says that the rebuilt system is ready to be handed over."""


@described_input
class HandOver(Step):
    """The supplier makes it available to the trust's IT, and to nobody else."""


@described_input
class AcknowledgeHandover(Step):
    """The trust says that it has it, and tests it from now on."""


@described_input
class AcceptSystem(Step):
    """The trust accepts it after its own tests: a fact of its own, beside the supplier's handover."""


@described_input
class BeginReinstatement(Step):
    """The trust begins to return it to users."""


@described_input
class GoLive(Step):
    """The trust says that every cohort is back on it, or excused."""


@described_input
class RollBack(Step):
    """The trust goes back to its interim arrangements. A hold on the system is placed with it."""

    reason: Reason = Field(description="Why, in words. Never patient data.")


@described_input
class Retest(Step):
    """The trust tests a system again that was rolled back."""


@described_input
class DeclareRecovered(Step):
    """The trust's own statement that a live system is recovered; its region countersigns."""


@described_input
class CountersignRecovery(Step):
    """The region's agreement that a system is recovered."""


@described_input
class ReplaceSystem(Step):
    """Another system takes its place for good: a lawful end."""

    replaced_by: Annotated[str, Field(min_length=2, max_length=120)] = Field(
        description="What takes its place, e.g. the name of the other record."
    )
    archive_arrangement: Reason = Field(description="How the old record stays readable, and for how long.")


@described_input
class RetireSystem(Step):
    """It is used no more."""
