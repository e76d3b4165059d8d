"""Questions: what a read asks for, said before it is decided how it is answered."""

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import inspect
from sqlmodel.sql.expression import SelectOfScalar

N = TypeVar("N")


@dataclass(frozen=True)
class Question(Generic[N]):
    """Rows of one noun, as the caller may see them."""

    statement: SelectOfScalar[N]

    @property
    def noun(self) -> Any:
        """The noun whose rows are asked for."""
        return inspect(self.statement.column_descriptions[0]["entity"]).mapper.class_


class One(Question[N]):
    """The first row, if there is one."""


class All(Question[N]):
    """Every row, in the statement's own order."""


class Page(Question[N]):
    """A connection: the rows in their noun's order, page by page."""
