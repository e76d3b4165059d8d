"""A row of a noun in SQL: its attributes are columns, wherever they come from, and its relations lead on by joins."""

import itertools
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Integer, Select, and_, func, literal_column, select, table
from sqlalchemy.types import NullType

from schema.kept.relation import Relation

PLACE, FOUND = "place_on_page", "rows_on_page"


class Names:
    """Gives each source of rows in one statement a name of its own."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def next(self) -> str:
        """Return a name that no other source has."""
        return f"r{next(self._numbers)}"


class Ground:
    """Where the rows of one list or object come from: a base, and the rows that to-one relations lead to from it."""

    def __init__(self, base: FromClause, names: Names) -> None:
        self.joined = base
        self.names = names
        self.leads = False

    def join(self, there: FromClause, meets: ColumnElement[bool]) -> None:
        """Join the row a relation leads to, if there is one."""
        self.joined = self.joined.outerjoin(there, meets)
        self.leads = True


class Columns:
    """The columns of one noun's rows in a named source; derived figures read them like a row.

    They are written by name: SQLAlchemy's own columns of subqueries cost ten times as much to make.
    """

    def __init__(self, noun: Any, name: str, ground: Ground) -> None:
        self.noun = noun
        self.ground = ground
        self.everything = literal_column(f"{name}.*", NullType())
        self._name = name
        self._led: dict[Relation, Columns] = {}

    def __getitem__(self, column: str) -> ColumnElement[Any]:
        return literal_column(f'{self._name}."{column}"', self.noun.__table__.c[column].type)

    __getattr__ = __getitem__

    def __contains__(self, column: str) -> bool:
        return column in self.noun.__table__.c

    @property
    def c(self) -> "Columns":
        """The columns by name, as SQLAlchemy's own sources have them."""
        return self

    @property
    def key(self) -> list[ColumnElement[Any]]:
        """The columns that tell the rows apart, in order."""
        return [self[name] for name in self.noun.ORDER]

    @property
    def place(self) -> ColumnElement[int]:
        """The place of the row on its page, from 1."""
        return literal_column(f"{self._name}.{PLACE}", Integer)

    @property
    def found(self) -> ColumnElement[int]:
        """How many rows were found for the page."""
        return literal_column(f"{self._name}.{FOUND}", Integer)

    @property
    def exists(self) -> ColumnElement[bool]:
        """Whether a relation that leads here found a row."""
        return self.key[0].is_not(None)

    def lead(self, relation: Relation) -> "Columns":
        """Return the row a to-one relation leads to; asked again, the same."""
        if relation not in self._led:
            self._led[relation] = Led(self, relation)
        return self._led[relation]


class Led(Columns):
    """The columns of the row a to-one relation leads to: joined, unless the row before carries all that is asked."""

    def __init__(self, before: Columns, relation: Relation) -> None:
        super().__init__(relation.noun, before.ground.names.next(), before.ground)
        self._meets = {to.key: before[by.key] for by, to in relation.columns(before.noun.__table__)}
        carried = {there: before[here] for there, here in relation.carried}
        self._carried = self._meets | carried if carried else {}
        self._joined = False

    def __getitem__(self, column: str) -> ColumnElement[Any]:
        if column in self._carried:
            return self._carried[column]
        if not self._joined:
            self._joined = True
            meets = (super(Led, self).__getitem__(name) == value for name, value in self._meets.items())
            self.ground.join(_table(self.noun, self._name), and_(*meets))
        return super().__getitem__(column)

    __getattr__ = __getitem__


def _table(noun: Any, name: str) -> FromClause:
    return table(noun.__tablename__).alias(name)


def kept_rows(noun: Any, names: Names) -> Columns:
    """Return the rows of a noun's own table."""
    name = names.next()
    return Columns(noun, name, Ground(_table(noun, name), names))


def chosen_rows(noun: Any, names: Names, chosen: Select[Any]) -> Columns:
    """Return the rows that a statement chooses."""
    name = names.next()
    return Columns(noun, name, Ground(chosen.subquery(name), names))


def placed_rows(noun: Any, names: Names, chosen: Select[Any]) -> Columns:
    """Return the rows that a statement chooses, each with its place in its order: joins would lose it."""
    inner = names.next()
    numbered = select(
        literal_column(f"{inner}.*"), func.row_number().over().label(PLACE), func.count().over().label(FOUND)
    )
    return chosen_rows(noun, names, numbered.select_from(chosen.subquery(inner)))
