"""GraphQL types whose description is the class's own docstring: it is written once and has readers."""

import enum
import inspect
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, TypeVar

import strawberry
from pydantic import BaseModel, ValidationError
from strawberry import pydantic as sp
from strawberry.federation.schema_directives import Key
from strawberry.federation.types import FieldSet
from strawberry.types.arguments import InputContext
from strawberry.types.base import StrawberryObjectDefinition

FromInput = Callable[[type, Mapping[str, Any], InputContext], Any]

M = TypeVar("M", bound=BaseModel)
E = TypeVar("E", bound=enum.Enum)


def described_type(cls: type[M]) -> type[M]:
    """Make a pydantic class a GraphQL type; one with a KEY is an entity that other graphs refer to (Federation)."""
    key = getattr(cls, "KEY", None)
    return sp.type(cls, description=inspect.getdoc(cls), directives=[Key(fields=FieldSet(key))] if key else ())


def described_input(cls: type[M]) -> type[M]:
    """Make a pydantic class a GraphQL input."""
    described = sp.input(cls, description=inspect.getdoc(cls))
    definition = described.__strawberry_definition__  # type: ignore[attr-defined] # Strawberry puts it there
    definition.from_input = _reading(definition)
    return described


def _reading(definition: StrawberryObjectDefinition) -> FromInput:
    """Return how an input is read: at once where it is flat and fit, else by Strawberry, which words what is wrong."""
    by_strawberry: Any = definition.from_input
    names: dict[str, str] = {}

    def read(cls: Any, value: Mapping[str, Any], context: InputContext) -> Any:
        if not names:
            named = context.config.name_converter.from_field
            names.update({named(field): field.python_name for field in definition.fields})
        if not any(isinstance(given, Mapping | list) for given in value.values()):
            stated = {names[name]: given for name, given in value.items()}
            with suppress(ValidationError):
                return cls.model_validate(stated, by_alias=False, by_name=True)
        return by_strawberry(cls, value, context)

    return read


def described_interface(cls: type[M]) -> type[M]:
    """Make a pydantic class a GraphQL interface."""
    return sp.interface(cls, description=inspect.getdoc(cls))


def described_enum(cls: type[E]) -> type[E]:
    """Make an enumeration a GraphQL one."""
    return strawberry.enum(cls, description=inspect.getdoc(cls))
