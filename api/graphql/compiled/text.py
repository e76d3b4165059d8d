"""JSON written as SQL text: pieces joined by ||, where a piece that is NULL unsays the whole."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ARRAY, TEXT, BigInteger, ColumnElement, and_, case, cast, func, literal_column
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

BROKEN = b"\x01"  # never in JSON, whose control characters are escaped

NULL = literal_column("'null'", TEXT)
MARK = literal_column("E'\\x01'", TEXT)

Piece = ColumnElement[Any] | str


class Joined(ColumnElement[str]):
    """Pieces of text, one after the other."""

    type = TEXT()
    inherit_cache = False  # a statement is compiled once

    def __init__(self, pieces: list[ColumnElement[Any]]) -> None:
        self.pieces = pieces


@compiles(Joined)
def _joined(element: Joined, compiler: SQLCompiler, **given: Any) -> str:
    return f"({' || '.join(compiler.process(piece, **given) for piece in element.pieces)})"


def constant(text: str) -> ColumnElement[str]:
    """Return text of ours; names of GraphQL are letters, digits and underscores."""
    return literal_column("'" + text.replace("'", "''") + "'", TEXT)


def joined(pieces: Iterable[Piece]) -> ColumnElement[str]:
    """Return the pieces as one text; constants that meet are one constant."""
    merged: list[Piece] = []
    for piece in pieces:
        if isinstance(piece, str) and merged and isinstance(merged[-1], str):
            merged[-1] += piece
        else:
            merged.append(piece)
    return Joined([constant(piece) if isinstance(piece, str) else piece for piece in merged])


def quoted(text: Piece) -> ColumnElement[str]:
    """Return text that needs no escaping as a JSON string."""
    return joined(['"', text, '"'])


def members(pairs: Iterable[tuple[str, Piece]]) -> list[Piece]:
    """Return the members of an object, without its braces."""
    pieces: list[Piece] = []
    for key, value in pairs:
        pieces += [f'{"," if pieces else ""}"{key}":', value]
    return pieces


def braced(pairs: Iterable[tuple[str, Piece]]) -> ColumnElement[str]:
    """Return an object."""
    return joined(["{", *members(pairs), "}"])


def listed(
    values: ColumnElement[Any], place: ColumnElement[int] | None = None, *where: ColumnElement[bool]
) -> ColumnElement[str]:
    """Return the list of a value of each row, in the order of its place, or of the rows themselves."""
    comma: Any = constant(",")
    if place is not None:
        comma = aggregate_order_by(comma, place)
    strung = func.string_agg(values, comma, type_=TEXT)
    return joined(["[", func.coalesce(strung.filter(*where) if where else strung, constant("")), "]"])


def optional(value: ColumnElement[Any]) -> ColumnElement[str]:
    """Return the value, or null."""
    return func.coalesce(value, NULL)


def promised(value: ColumnElement[Any]) -> ColumnElement[str]:
    """Return the value, or the mark that the schema's promise of one is broken: the executor then words the error."""
    return func.coalesce(value, MARK)


def spelt(kind: str, value: ColumnElement[Any]) -> ColumnElement[str]:
    """Return a value of the database as the JSON of a scalar or enumeration of the schema."""
    if kind in {"Int", "Boolean", "JSON"}:
        return _within_32_bits(value) if isinstance(value.type, BigInteger) else cast(value, TEXT)
    if kind in {"String", "DateTime"} or isinstance(value.type, ARRAY):
        return cast(func.to_json(value), TEXT)
    return quoted(cast(value, TEXT))


def _within_32_bits(value: ColumnElement[int]) -> ColumnElement[str]:
    fits = and_(value >= -(2**31), value < 2**31)
    return case((fits, cast(value, TEXT)), else_=MARK)
