"""GraphQL types whose description is the class's own docstring: it is written once and has readers."""

import enum
import inspect
from typing import TypeVar

import strawberry
from pydantic import BaseModel
from strawberry import pydantic as sp
from strawberry.federation.schema_directives import Key
from strawberry.federation.types import FieldSet

M = TypeVar("M", bound=BaseModel)
E = TypeVar("E", bound=enum.Enum)


def described_type(cls: type[M]) -> type[M]:
    """Make a pydantic class a GraphQL type; one with a KEY is an entity that other graphs refer to (Federation)."""
    key = getattr(cls, "KEY", None)
    return sp.type(cls, description=inspect.getdoc(cls), directives=[Key(fields=FieldSet(key))] if key else ())


def described_input(cls: type[M]) -> type[M]:
    """Make a pydantic class a GraphQL input."""
    return sp.input(cls, description=inspect.getdoc(cls))


def described_interface(cls: type[M]) -> type[M]:
    """Make a pydantic class a GraphQL interface."""
    return sp.interface(cls, description=inspect.getdoc(cls))


def described_enum(cls: type[E]) -> type[E]:
    """Make an enumeration a GraphQL one."""
    return strawberry.enum(cls, description=inspect.getdoc(cls))
