"""Compiled statements: their SQL text, and how a request's values become its parameters."""

import enum
import functools
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Executable

from api.graphql.compiled.given import Given, Slot, Slots, UncompiledError
from auth.scope import Scope
from auth.statements import DIALECT


@dataclass(frozen=True)
class Statement:
    """One SQL text, and for each of its parameters where the value comes from."""

    text: str
    slots: tuple[Slot, ...]
    checks: tuple[Slot, ...]
    needs: frozenset[Scope]
    lasting: bool
    personal: bool  # answered to whoever signed in surely and lately, so that no answer is kept for another

    def arguments(self, given: Given) -> list[Any]:
        """Return a request's values in the order of the text, or raise what its arguments are refused for."""
        if not self.needs <= given.caller.scopes or (self.personal and not given.caller.may_decide):
            raise UncompiledError("refused")
        for check in self.checks:
            check(given)
        return [_as_kept(slot(given)) for slot in self.slots]


def compiled(statement: Executable, slots: Slots) -> Statement:
    """Return a statement of SQLAlchemy's as text and slots; values that a rule states are slots that never vary."""
    told: Any = statement.compile(dialect=DIALECT, compile_kwargs={"render_postcompile": True})  # type: ignore[attr-defined]
    told = told.construct_expanded_state()
    personal = any(scope.personal for scope in slots.needs)
    always = {name: functools.partial(_always, value) for name, value in told.parameters.items()}
    return Statement(
        told.statement,
        tuple(slots.by_name.get(name) or always[name] for name in told.positiontup or ()),
        tuple(slots.checks),
        frozenset(slots.needs),
        slots.lasting and not personal,
        personal,
    )


def _always(value: Any, _: Given) -> Any:
    return value


def _as_kept(value: Any) -> Any:
    """Return a value as the driver takes it: an enumeration by its name."""
    return value.name if isinstance(value, enum.Enum) else value
