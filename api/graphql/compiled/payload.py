"""What a change answers with: the row it kept, read back in its own transaction and kept under its key at once."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import TEXT, ColumnElement, LargeBinary, column, func, insert, select, table

from api.graphql.compiled.given import Arguments, Slot, Slots, UncompiledError
from api.graphql.compiled.rows import Rows
from api.graphql.compiled.selections import Selections
from api.graphql.compiled.statement import Statement, compiled
from api.graphql.compiled.text import MARK, joined, promised
from api.graphql.nodes import NOUNS

given_answer = table("given_answer", *map(column, ("tenant_ods", "subject", "key", "request_hash", "answer")))


def payload(selections: Selections, sample: Mapping[int, Arguments], noun: str, *, once: bool) -> Statement:
    """Return the statement whose value is the answer to a change that kept a row of this noun.

    `once`: it keeps the answer under the request's key too, and has no value where the executor has to answer.
    """
    fields = selections.top(selections.schema.mutation_type)  # type: ignore[arg-type] # it has one
    if noun not in NOUNS or len(fields) != 1:
        raise UncompiledError("no noun")
    ((key, details),) = fields.items()
    slots = Slots(sample)
    order = NOUNS[noun].ORDER

    def part(at: int, column: ColumnElement[Any]) -> ColumnElement[Any]:
        return slots.add(_of_kept(order[at]), column.type)

    written = Rows(selections, slots).by_key(NOUNS[noun], details, part)
    text = joined([f'{{"data":{{"{key}":', promised(written), "}}"])
    if not once:
        return compiled(select(func.convert_to(text, "UTF8")), slots)
    return compiled(_kept(text, slots), slots)


def _of_kept(name: str) -> Slot:
    return lambda given: getattr(given.kept, name)


def _kept(text: ColumnElement[str], slots: Slots) -> Any:
    answered = select(text.label("answer")).cte("answered").prefix_with("materialized")
    values = select(
        slots.add(lambda given: given.caller.tenant_ods, TEXT),
        slots.add(lambda given: given.caller.subject, TEXT),
        slots.add(lambda given: given.key, TEXT),
        slots.add(lambda given: given.digest, LargeBinary),
        answered.c.answer,
    ).where(func.strpos(answered.c.answer, MARK) == 0)
    keeping = insert(given_answer).from_select([each.name for each in given_answer.c], values)
    return keeping.returning(func.convert_to(given_answer.c.answer, "UTF8"))
