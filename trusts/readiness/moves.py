"""Moves: the turns that moves of a thing with states take, and what refuses any of them before its own conditions."""

import enum
from typing import Any, Protocol

from auth.tenancy import Transaction
from schema.change import Revision
from schema.problem import VersionConflict, WrongState
from schema.readiness.safety import SafetySignOff
from schema.system import turn_of


class Moving(Protocol):
    """A thing with a version and a state."""

    version: int
    state: Any


def not_from(moving: Moving, input: Revision, *states: enum.StrEnum) -> VersionConflict | WrongState | None:
    """Return what refuses a move that may begin in these states alone; None: it may begin.

    To be asked after the turn was taken and the row read again.
    """
    if input.expected_version not in (None, moving.version):
        return VersionConflict(current_version=moving.version)
    return None if moving.state in states else wrong_state(moving.state, *states)


def wrong_state(state: enum.StrEnum, *states: enum.StrEnum) -> WrongState:
    """Return the refusal of what can be done in these states alone."""
    needs = [each.value for each in states]
    return WrongState(message=f"It is {state.value}; this needs {' or '.join(needs)}.", state=state.value, needs=needs)


async def take_safety_turn(db: Transaction, sign_off: SafetySignOff) -> None:
    """Take the turn of what a sign-off is of: a product (DCB0129), or a system, whose product stays as it is."""
    if sign_off.system_id is None:
        await db.lock(sign_off.product_id)
    else:
        await db.lock(turn_of(str(sign_off.trust_ods), sign_off.system_id), beside=[sign_off.product_id])
