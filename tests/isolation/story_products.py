"""What the story tells of a product: how its build is found safe and secure."""

from schema.organisation import OrganisationKind as Kind
from tests.isolation.oracle import Told, of_kind
from tests.isolation.teller import Supplied, Teller

(ASSURER,) = of_kind(Kind.ASSURER)


async def safe(to: Teller, made: Supplied) -> None:
    """Sign a build off by DCB0129, after one that was declined."""
    declined = await to.change(made.told, "draftSignOff", build=made.build)
    await to.change(made.told, "reviseHazardSummary", hazards=await to.made_by(made.told, "HazardSummary"))
    await to.change(made.told, "submitSignOff", signOff=declined)
    await to.change(made.told, "declineSignOff", signOff=declined)
    signed = await to.change(made.told, "draftSignOff", build=made.build)
    await to.change(made.told, "submitSignOff", signOff=signed)
    await to.change(made.told, "giveSignOff", signOff=signed)


async def unsafe(to: Teller, made: Supplied) -> None:
    """Take the signature back, which stops the product; leave a draft and one to sign."""
    signed = await to.made_by(made.told, "SafetySignOff")
    await to.change(made.told, "withdrawSignOff", signOff=signed)
    await to.change(made.told, "draftSignOff", build=made.build)


async def assured(to: Teller, made: Supplied) -> None:
    """Have evidence reviewed: revoked once, more of it asked for, approved; leave a draft of which nobody knows."""
    revoked = await _submitted(to, made)
    await _reviewed(to, made, revoked)
    await to.change(_by_assurer(made), "revokeAssurance", assurance=revoked)
    assurance = await _submitted(to, made, supersedes=revoked)
    await _reviewed(to, made, assurance, verdict="MORE_EVIDENCE")
    await to.change(made.shown, "addEvidence", assurance=assurance)
    await to.change(made.shown, "submitAssurance", assurance=assurance)
    await _reviewed(to, made, assurance)
    draft = await to.change(made.told, "draftAssurance", build=made.build, supersedes=assurance)
    await to.change(made.told, "addEvidence", assurance=draft)


def _by_assurer(made: Supplied) -> Told:
    return Told(made.supplier, by=ASSURER, shown=True)


async def _submitted(to: Teller, made: Supplied, **given: str) -> str:
    assurance = await to.change(made.shown, "draftAssurance", build=made.build, **given)
    await to.change(made.shown, "addEvidence", assurance=assurance)
    await to.change(made.shown, "submitAssurance", assurance=assurance)
    return assurance


async def _reviewed(to: Teller, made: Supplied, assurance: str, **given: str) -> None:
    await to.change(_by_assurer(made), "reviewAssurance", assurance=assurance)
    await to.change(_by_assurer(made), "decideAssurance", assurance=assurance, **given)
