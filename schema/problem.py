"""The ways we say no: each a value that tells what to do next, never an exception."""

import datetime as dt
from typing import Annotated

import strawberry
from pydantic import BaseModel, Field
from strawberry import pydantic as sp

from schema.kept.described import described_interface, described_type

Path = list[str]


@described_interface
class Problem(BaseModel):
    """A refusal: nothing was changed, and it says what to do next."""

    message: str = Field(description="What is wrong, in one sentence.")
    next_step: str = Field(description="What to do about it.")
    path: Path = Field(default_factory=list, description="The input field it is about; empty: the whole.")

    @sp.field(description="Stable name of the problem, in capitals.")
    def code(self) -> str:
        """Return the stable name of this kind of problem."""
        name = type(self).__name__
        return "".join(f"_{c}" if c.isupper() and i else c for i, c in enumerate(name)).upper()


@described_type
class NotPermitted(Problem):
    """The caller lacks the scope, or is the wrong kind of organisation."""

    needs: str = Field(description="The scope, or the kind of organisation, that may.")


@described_type
class NotFound(Problem):
    """Nothing by that id that the caller may see; someone else's id and a made-up one answer identically."""

    message: str = "There is nothing by that id."
    next_step: str = "Check the id; ask for the object again to get its current id."


@described_type
class FieldError(BaseModel):
    """One field that was refused."""

    path: Path = Field(description="From the argument down to the field.")
    message: str = Field(description="Why it was refused.")


@described_type
class ValidationFailed(Problem):
    """The input does not meet its description."""

    message: str = "The input was refused."
    next_step: str = "Mend the fields named in errors and send it again."
    errors: list[FieldError] = Field(description="Every field that was refused.")

    @classmethod
    def of(cls, field: str, message: str) -> "ValidationFailed":
        """Return the refusal of one field of the input."""
        path = ["input", field]
        return cls(path=path, message=message, errors=[FieldError(path=path, message=message)])


@described_type
class VersionConflict(Problem):
    """The object moved since the caller last saw it."""

    message: str = "It was changed since you saw it."
    next_step: str = "Ask for it again, look at what changed, and send currentVersion as expectedVersion."
    current_version: int = Field(description="The version it has now.")


@described_type
class AlreadyRegistered(Problem):
    """The same thing was registered before by the same organisation."""

    next_step: str = "Use the one that exists."
    existing: strawberry.ID = Field(description="The id of the one that exists.")


@described_type
class AlreadyDecided(Problem):
    """It was decided before; a decision is not taken twice."""

    next_step: str = "Ask for it again; a mistake is mended by a correction."


@described_type
class NotYourOwn(Problem):
    """Nobody decides about what they themselves may do: somebody else has to."""

    message: str = "This is about yourself, and nobody decides what they themselves may do."
    next_step: str = "Ask another administrator of your organisation, or the operator of this installation."


@described_type
class LastAdministrator(Problem):
    """Without this one nobody could administer the organisation."""

    message: str = "This is the organisation's only administrator who may sign in."
    next_step: str = "Make another account an administrator first."


@described_type
class BuildSuperseded(Problem):
    """A later build replaced this one."""

    message: str = "A later build replaced this one."
    next_step: str = "Test the current build and report on that."
    current_build: strawberry.ID = Field(description="The build to test.")
    current_label: str = Field(description="Its label.")


@described_type
class IdempotencyMismatch(Problem):
    """The idempotency key was used with another body."""

    message: str = "This idempotency key was used before, with another body."
    next_step: str = "Use a new key for a new request; send the first body unchanged to get its answer again."


@described_type
class Obstacle(BaseModel):
    """One thing in the way: what it is, who can clear it, since when, and what clears it."""

    code: str = Field(description="The gate's code, or the hold's reason code.")
    what: str = Field(description="What is in the way, in one sentence.")
    clears: str = Field(description="Who can clear it: a role and, where it is one organisation's, its ODS code.")
    since: dt.datetime | None = Field(default=None, description="Since when it is in the way, UTC; null: not known.")
    next_step: str = Field(description="What clears it.")
    about: strawberry.ID | None = Field(default=None, description="The object it is about, where it is one.")


@described_type
class GateShut(Problem):
    """Mandatory gates are not passed, or no longer fresh."""

    message: str = "Gates are shut."
    next_step: str = "Have each of obstacles cleared by who can clear it, then send it again."
    obstacles: list[Obstacle] = Field(description="Every gate that is shut, in the catalogue's order.")


@described_type
class HeldBy(Problem):
    """Holds are in force over it."""

    message: str = "It is held."
    next_step: str = "Ask who can release each of obstacles, then send it again."
    obstacles: list[Obstacle] = Field(description="Every hold in force over it, oldest first.")


@described_type
class WrongState(Problem):
    """It is not in a state from which this can be done."""

    next_step: str = "Ask for it again; do first what leads to one of neededStates."
    # Named apart from a thing's own state and from a permission's needs, so that one document can ask for all.
    state: Annotated[str, strawberry.field(name="currentState")] = Field(description="The state it is in.")
    needs: Annotated[list[str], strawberry.field(name="neededStates")] = Field(
        description="The states from which it can be done."
    )


@described_type
class SameHands(Problem):
    """Somebody who did the one may not do the other (separation of duties)."""

    next_step: str = "Ask somebody else who holds the role."
    did: str = Field(description="What the same account, or organisation, did before.")


@described_type
class FullyBooked(Problem):
    """Every slot of the day is taken."""

    message: str = "Every slot of that day is taken."
    next_step: str = "Take another day; slots that are handed back free a place, so a try later may succeed."
    retryable: bool = Field(default=True, description="Whether the same request may succeed later.")
    next_free_on: dt.date | None = Field(default=None, description="The next day with a free place; null: none.")
