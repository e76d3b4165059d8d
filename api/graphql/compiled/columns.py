"""A row of a noun in SQL: its attributes are columns, wherever they come from, and its relations lead on by joins."""

from typing import Any

from sqlalchemy import ColumnElement, FromClause, and_, func, select

from schema.kept.relation import Relation

PLACE, FOUND = "place_on_page", "rows_on_page"


class Ground:
    """Where the rows of one list or object come from: a base, and the rows that to-one relations lead to from it."""

    def __init__(self, base: FromClause) -> None:
        self.joined = base
        self.leads = False

    def join(self, there: FromClause, meets: ColumnElement[bool]) -> None:
        """Join the row a relation leads to, if there is one."""
        self.joined = self.joined.outerjoin(there, meets)
        self.leads = True


class Columns:
    """The columns of one noun's rows in a table, an alias or a subquery; derived figures read them like a row."""

    def __init__(self, noun: Any, source: FromClause, ground: Ground | None = None) -> None:
        self.noun = noun
        self.source = source
        self.ground = ground or Ground(source)
        self._led: dict[Relation, Columns] = {}

    def __getattr__(self, name: str) -> ColumnElement[Any]:
        return self.source.c[name]

    def __contains__(self, name: str) -> bool:
        return name in self.source.c

    @property
    def key(self) -> list[ColumnElement[Any]]:
        """The columns that tell the rows apart, in order."""
        return [self.source.c[name] for name in self.noun.ORDER]

    @property
    def exists(self) -> ColumnElement[bool]:
        """Whether a relation that leads here found a row."""
        return self.key[0].is_not(None)

    def lead(self, relation: Relation) -> "Columns":
        """Return the row a to-one relation leads to; asked again, the same."""
        if relation not in self._led:
            there = Columns(relation.noun, relation.noun.__table__.alias(), self.ground)
            pairs = relation.columns(self.noun.__table__)
            meets = (getattr(there, to.key) == getattr(self, by.key) for by, to in pairs)
            self.ground.join(there.source, and_(*meets))
            self._led[relation] = there
        return self._led[relation]


def placed_rows(noun: Any, rows: FromClause) -> Columns:
    """Return rows that keep their order, each with its place in it: joins would lose it."""
    place, found = func.row_number().over().label(PLACE), func.count().over().label(FOUND)
    return Columns(noun, select(rows, place, found).subquery())
