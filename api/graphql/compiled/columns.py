"""A row of a noun in SQL: its attributes are columns, wherever they come from."""

from typing import Any

from sqlalchemy import ColumnElement, FromClause


class Columns:
    """The columns of one noun's rows in a table, an alias or a subquery; derived figures read them like a row."""

    def __init__(self, noun: Any, source: FromClause) -> None:
        self.noun = noun
        self.source = source

    def __getattr__(self, name: str) -> ColumnElement[Any]:
        return self.source.c[name]

    def __contains__(self, name: str) -> bool:
        return name in self.source.c

    @property
    def key(self) -> list[ColumnElement[Any]]:
        """The columns that tell the rows apart, in order."""
        return [self.source.c[name] for name in self.noun.ORDER]
