"""What is asked of a wave, or of a membership, as it moves on."""

import strawberry
from sqlmodel import Field

from schema.change import Revision
from schema.kept.described import described_input
from schema.reinstatement.wave import Words


class _OfWave(Revision):
    wave: strawberry.ID


class _OfWaveFor(_OfWave):
    reason: Words = Field(description="Why, in words. Never patient data.")


class _OfMember(Revision):
    member: strawberry.ID


class _OfMemberFor(_OfMember):
    reason: Words = Field(description="Why, in words. Never patient data.")


@described_input
class ProposeWave(_OfWave):
    """The wave that the national team is asked to approve."""


@described_input
class ApproveWave(_OfWaveFor):
    """The wave whose order is approved, with every member proposed, and why."""


@described_input
class ReturnWave(_OfWaveFor):
    """The wave that goes back to its supplier, and what is to be mended."""


@described_input
class OpenWave(_OfWave):
    """The wave whose systems may be reinstated from now on."""


@described_input
class CompleteWave(_OfWave):
    """The wave of which everything has come back."""


@described_input
class CancelWave(_OfWaveFor):
    """The wave that its supplier gives up before it is approved."""


@described_input
class CallOffWave(_OfWaveFor):
    """The approved wave that the national team gives up."""


@described_input
class RemoveWaveMember(_OfMemberFor):
    """The membership that its supplier takes back before it is approved."""


@described_input
class ApproveWaveMember(_OfMember):
    """The membership, proposed after its wave was approved, that is approved."""


@described_input
class StrikeWaveMember(_OfMemberFor):
    """The membership that the national team strikes out."""
