"""Plans: an operation as statements, one for each instant it asks about, and their answer put together."""

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from graphql import FieldNode
from sqlalchemy import TEXT, Boolean, ColumnElement, and_, case, column, func, literal_column, select, table

from api.graphql.compiled.given import AS_KNOWN_AT, Arguments, Given, Slot, Slots, UncompiledError
from api.graphql.compiled.roots import Roots
from api.graphql.compiled.rows import Rows
from api.graphql.compiled.selections import Fields, Selections, node_of
from api.graphql.compiled.statement import Statement, compiled
from api.graphql.compiled.text import BROKEN, joined, members
from api.graphql.operation import placed

# Of today whatever instant is asked about: who may see a row is never decided by the past.
LISTED = table("organisation", column("ods_code", TEXT), column("region_ods", TEXT), schema="public")


@dataclass(frozen=True)
class Run:
    """A statement for some root fields, and how the instant they are asked about is read; None: now."""

    statement: Statement
    instant: Slot | None

    def asked(self, given: Given) -> tuple[Any, str, list[Any]]:
        """Return the instant, the text and its values for a request."""
        return self.instant and self.instant(given), self.statement.text, self.statement.arguments(given)


@dataclass(frozen=True)
class Plan:
    """What answers one operation, for every request of the same shape.

    It is `lasting` when nothing but the caller's scope and the rows decides the answer.
    """

    runs: tuple[Run, ...]
    lasting: bool

    def asked(self, given: Given) -> list[tuple[Any, str, list[Any]]]:
        """Return what each statement is asked with, or raise what the arguments are refused for."""
        return [run.asked(given) for run in self.runs]

    @staticmethod
    def body(texts: Iterable[bytes]) -> bytes:
        """Return the answer; `UncompiledError` where a row did not hold what the schema promises."""
        body = b'{"data":{' + b",".join(texts) + b"}}"
        if BROKEN in body:
            raise UncompiledError("promise")
        return body


def planned(selections: Selections, sample: Mapping[int, Arguments]) -> Plan:
    """Compile an operation for requests like this one; `UncompiledError` where the executor has to answer."""
    root: Any = selections.schema.query_type
    fields = selections.top(root)

    def instant(item: tuple[str, Any]) -> Any:
        return sample.get(id(node_of(item[1])), {}).get(AS_KNOWN_AT)

    runs = [
        _run(selections, sample, root, dict(group), moment is not None)
        for moment, group in itertools.groupby(fields.items(), instant)
    ]
    names = {node_of(details).name.value for details in fields.values()}
    live = any(AS_KNOWN_AT not in root.fields[name].args for name in names & root.fields.keys())
    return Plan(tuple(runs), lasting=not live and all(run.statement.lasting for run in runs))


def _run(selections: Selections, sample: Mapping[int, Arguments], root: Any, fields: Fields, remembered: bool) -> Run:
    slots = Slots(sample)
    enters = entering(slots)  # first: its values come first
    roots = Roots(Rows(selections, slots), slots)
    text = joined(members((key, roots.text(root, details)) for key, details in fields.items()))
    entered = case((enters, func.convert_to(text, literal_column("'UTF8'", TEXT))))
    first = node_of(next(iter(fields.values())))
    return Run(compiled(select(entered), slots), _instant_of(first) if remembered else None)


def entering(slots: Slots) -> ColumnElement[bool]:
    """Return the condition that sets the caller's scope: what `app.read_as` does, without the cost of calling it.

    CASE evaluates it before what it guards, and the settings end with the statement's own transaction.
    """
    tenant = slots.add(lambda given: given.caller.tenant_ods, TEXT)
    region = select(LISTED.c.region_ods).where(LISTED.c.ods_code == tenant).scalar_subquery()
    scope = {"tenant": tenant, "region": region, "clock": slots.add(lambda given: given.clock, TEXT)}
    return and_(*(_set(name, value).is_not(None) for name, value in scope.items()))


def _set(name: str, value: Any) -> ColumnElement[str]:
    kept = func.coalesce(value, literal_column("''", TEXT))
    return func.set_config(literal_column(f"'app.{name}'", TEXT), kept, literal_column("true", Boolean))


def _instant_of(node: FieldNode) -> Slot:
    return lambda given: placed(given.of(node)[AS_KNOWN_AT])
