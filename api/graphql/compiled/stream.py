"""A subscription written as SQL: the events after one place in the ledger and up to another, an answer for each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphql import get_named_type
from sqlalchemy import TEXT, BigInteger, ColumnElement, Integer, case, cast, func, select
from sqlalchemy.dialects.postgresql import aggregate_order_by

from api.graphql.compiled.columns import Columns, chosen_rows, placed_rows
from api.graphql.compiled.edges import Edge
from api.graphql.compiled.given import Arguments, Slots
from api.graphql.compiled.plan import entering
from api.graphql.compiled.roots import Roots
from api.graphql.compiled.rows import Rows
from api.graphql.compiled.selections import Selections, node_of
from api.graphql.compiled.statement import Statement, compiled
from api.graphql.compiled.text import joined, promised
from schema.kept.connection import Order

Place = tuple[int, int]  # where an event stands in the ledger: its transaction, and its number


@dataclass(frozen=True, slots=True)
class Span:
    """The stretch of the ledger that is told: after one place, up to another, and no more events than so many."""

    after: Place
    until: Place
    most: int


@dataclass(frozen=True, slots=True)
class Told:
    """One event as its listener's answer, where it stands, and the cursor to go on after it."""

    place: Place
    cursor: str
    body: bytes


def streamed(selections: Selections, arguments: Mapping[int, Arguments]) -> Statement:
    """Return the statement whose value is the answers, each after its event's place; null where there are none."""
    root: Any = selections.schema.subscription_type
    ((key, details),) = selections.top(root).items()
    slots = Slots(arguments)
    enters = entering(slots)  # first: its values come first
    writer = Rows(selections, slots)
    field = root.fields[node_of(details).name.value]
    question, order_of = Roots(writer, slots).question(field, details)
    found = chosen_rows(question.noun, slots.names, question.statement)
    row = placed_rows(question.noun, slots.names, _within(found, slots))
    edge = Edge(writer, slots.asked(node_of(details)), order_of, row)
    written = promised(edge.text(get_named_type(field.type), details))
    place = [piece for column in row.key for piece in (cast(column, TEXT), " ")]
    answer = joined([*place, f'{{"data":{{"{key}":', written, "}}"])
    answers = select(func.array_agg(aggregate_order_by(answer, row.place))).select_from(row.ground.joined)
    return compiled(select(case((enters, answers.scalar_subquery()))), slots)


def _within(row: Columns, slots: Slots) -> Any:
    order = Order(row.noun, ())

    def bound(name: str) -> list[ColumnElement[int]]:
        return [slots.add(_part_of(name, at), BigInteger) for at in range(len(row.key))]

    inside = order.past(row, bound("after")), ~order.past(row, bound("until"))
    most = slots.add(lambda given: given.kept.most, Integer)
    chosen = select(row.everything).select_from(row.ground.joined).where(*inside)
    return chosen.order_by(*order.by(row)).limit(most)


def _part_of(name: str, at: int) -> Any:
    return lambda given: getattr(given.kept, name)[at]
