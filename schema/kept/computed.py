"""Figures derived from a row, said once for both readings: of the row in Python, of its columns in SQL."""

from collections.abc import Callable
from typing import Any

from strawberry import pydantic as sp

Reading = Callable[..., Any]


def computed(*, description: str, name: str | None = None, sql: Reading | None = None) -> Callable[[Reading], Any]:
    """Return the decorator for a derived field.

    `sql` takes the row's columns and returns the same figure as an expression; it is left out where the body reads
    both. A generated test holds the two to one answer.
    """

    def decorate(body: Reading) -> Any:
        return sp.field(body, name=name, description=description, metadata={"sql": sql or body})

    return decorate
