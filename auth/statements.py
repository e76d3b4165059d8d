"""Statements of SQLAlchemy's as the driver takes them, each shape compiled once, and their rows read back."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import JSON, bindparam, insert, inspect, update
from sqlalchemy.dialects.postgresql import asyncpg
from sqlalchemy.engine import result_tuple
from sqlalchemy.orm.attributes import manager_of_class, set_committed_value
from sqlalchemy.types import TypeEngine

SHAPES = 512  # of statements, kept compiled

DIALECT = asyncpg.dialect()  # type: ignore[no-untyped-call] # SQLAlchemy left it untyped
_VIEW = "view"  # of the transaction a row was read in

Process = Callable[[Any], Any]
Read = Callable[[Any, Any], Any]


@dataclass(frozen=True, slots=True)
class Said:
    """A statement's text, how its values are spelt for the driver, and how its rows are read."""

    text: str
    names: tuple[str, ...]
    processes: tuple[Process | None, ...]
    read: Read

    def arguments(self, values: Mapping[str, Any]) -> list[Any]:
        """Return the values in the order of the text."""
        pairs = zip(self.names, self.processes, strict=True)
        return [process(values[name]) if process else values[name] for name, process in pairs]


_shapes: dict[Any, tuple[Any, Said]] = {}


def said(statement: Any, given: Mapping[str, Any]) -> tuple[Said, list[Any]]:
    """Return a statement for the driver, and the values of its parameters."""
    key = statement._generate_cache_key()  # noqa: SLF001 - what SQLAlchemy's own execution keeps statements by
    if key is None:
        return _anew(statement, given)
    found = _shapes.get(key.key)
    if found is None:
        compiled = statement.compile(dialect=DIALECT, cache_key=key)
        if compiled.post_compile_params:
            return _anew(statement, given)
        if len(_shapes) == SHAPES:
            _shapes.pop(next(iter(_shapes)))
        found = _shapes[key.key] = compiled, _said(statement, compiled, compiled.string, compiled.positiontup)
    compiled, spoken = found
    values = compiled.construct_params(given, extracted_parameters=key.bindparams, escape_names=False)
    return spoken, spoken.arguments(values)


def _anew(statement: Any, given: Mapping[str, Any]) -> tuple[Said, list[Any]]:
    """Return a statement whose text depends on its values: IN over a list."""
    compiled = statement.compile(dialect=DIALECT)
    told = compiled.construct_expanded_state(given or None, escape_names=False)
    spoken = _said(statement, compiled, told.statement, told.positiontup, told.processors)
    return spoken, spoken.arguments(told.parameters)


def _said(
    statement: Any, compiled: Any, text: str, names: Sequence[str] | None, known: Mapping[str, Any] | None = None
) -> Said:
    names = tuple(names or ())
    processes = {name: _writing(bind.type) for name, bind in compiled.binds.items()} | dict(known or {})
    return Said(text, names, tuple(processes.get(name) for name in names), _reading(statement))


@lru_cache(maxsize=SHAPES)
def kept(noun: Any, changed: frozenset[str] | None) -> Said:
    """Return the statement that keeps a new row, or that changes these columns of a row there is."""
    table = noun.__table__
    among = table.columns if changed is None else [table.c[name] for name in sorted(changed)]
    values = {column.key: bindparam(column.key, type_=column.type) for column in among}
    if changed is None:
        statement: Any = insert(table).values(values)
    else:
        key = [column == bindparam(f"key_{column.key}", type_=column.type) for column in table.primary_key]
        statement = update(table).where(*key).values(values).returning(*table.primary_key)
    compiled = statement.compile(dialect=DIALECT)
    return _said(statement, compiled, compiled.string, compiled.positiontup)


def values_of(row: Any) -> dict[str, Any]:
    """Return what a row holds, and its key once more by names of their own."""
    table, stated = row.__table__, vars(row).get
    held = {column.key: stated(column.key) for column in table.columns}
    return held | {f"key_{column.key}": held[column.key] for column in table.primary_key}


def changed_in(row: Any) -> frozenset[str]:
    """Return the columns of a row that were set since it was read or kept."""
    kept_as_read: set[str] = inspect(row).unmodified
    return frozenset(row.__table__.columns.keys()) - kept_as_read


def view_of(row: Any) -> Any:
    """Return the view of a transaction that a row was read or kept in, None for a new one."""
    return inspect(row).info.get(_VIEW)


def settle(row: Any, view: Any, changed: frozenset[str] = frozenset()) -> None:
    """Note that a row is in the database as it is."""
    for name in changed:
        set_committed_value(row, name, getattr(row, name))
    inspect(row).info[_VIEW] = view


def _reading(statement: Any) -> Read:
    """Return how a row of the result is read: as what was selected, alone or beside others."""
    returned = getattr(statement, "returning_column_descriptions", ())
    selected = getattr(statement, "column_descriptions", None) or returned
    if not selected:
        return lambda record, _: _shaped(tuple(record.keys()))(record)
    reads, at = [], 0
    for each in selected:
        columns = _columns(each)
        reads.append(_noun(each, at, columns) if columns else _value(at, each["type"]))
        at += len(columns) or 1
    if len(reads) == 1:
        return reads[0]
    shaped = _shaped(tuple(each["name"] for each in selected))
    return lambda record, view: shaped([read(record, view) for read in reads])


@lru_cache(maxsize=SHAPES)
def _shaped(names: tuple[str, ...]) -> Callable[[Any], Any]:
    return result_tuple(names)


def _columns(selected: Mapping[str, Any]) -> dict[str, TypeEngine[Any]]:
    entity = selected.get("entity")
    whole = entity is not None and selected["expr"] is entity
    return {column.key: column.type for column in inspect(entity).mapper.columns} if whole else {}


def _noun(selected: Mapping[str, Any], at: int, columns: Mapping[str, TypeEngine[Any]]) -> Read:
    mapper = inspect(selected["entity"]).mapper
    made = manager_of_class(mapper.class_).new_instance
    names, past = tuple(columns), at + len(columns)
    found = [(name, _process(type_)) for name, type_ in columns.items()]
    processes = [(name, process) for name, process in found if process]
    key = at + names.index(mapper.primary_key[0].key)

    def read(record: Any, view: Any) -> Any:
        if record[key] is None:
            return None  # an outer join found none
        row = made()
        values = row.__dict__
        values.update(zip(names, record[at:past], strict=True))
        for name, process in processes:
            values[name] = process(values[name])
        settle(row, view)
        return row

    return read


def _value(at: int, type_: TypeEngine[Any]) -> Read:
    process = _process(type_)
    if process is None:
        return lambda record, _: record[at]
    return lambda record, _: process(record[at])


def _writing(type_: TypeEngine[Any]) -> Process | None:
    return type_.dialect_impl(DIALECT).bind_processor(DIALECT)


def _process(type_: TypeEngine[Any]) -> Process | None:
    """Return how a value is read, None for one that the driver reads by itself."""
    if isinstance(type_, JSON):
        return lambda text: None if text is None else json.loads(text)
    return type_.dialect_impl(DIALECT).result_processor(DIALECT, None)
