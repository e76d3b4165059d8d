"""What one subscription asks: the events after a place in the ledger, each as the answer its caller may have."""

from collections.abc import Awaitable, Callable, Hashable, Mapping
from functools import partial
from typing import Any

from graphql import FieldNode

from api import metrics
from api.graphql.compiled.given import Given, UncompiledError
from api.graphql.compiled.operation import Requested
from api.graphql.compiled.roots import BESIDE, python_name
from api.graphql.compiled.selections import name_of, node_of, told
from api.graphql.compiled.statement import Statement
from api.graphql.compiled.stream import Place, Span, Told
from api.graphql.compiled.text import BROKEN
from api.graphql.context import Context
from api.graphql.documents import Prepared
from api.graphql.failure import NotPermittedError
from api.graphql.operation import CAN, RULE, may, refuse_disorder
from api.graphql.reading import RowReader
from auth.caller import Caller
from auth.tenancy import Database, Transaction
from schema.kept.connection import Order

Worded = Callable[[Context, Any], Awaitable[bytes]]  # the answer about one event, made field by field


class Following:
    """A subscription that may be followed; `worded` answers where no statement can.

    Raises what it is refused for: a scope that is lacking, a value that is none, a cursor of another list.
    """

    def __init__(
        self, database: Database, operation: Prepared, caller: Caller, variables: Mapping[str, Any], worded: Worded
    ) -> None:
        self.caller = caller
        self._database = database
        self._operation = operation
        self._worded = worded
        self._asked = _asked(operation, variables)
        selections = operation.compiled.selections(self._asked)
        self._schema = selections.schema
        root: Any = selections.schema.subscription_type
        ((_, details),) = selections.top(root).items()
        self._node: FieldNode = node_of(details)
        self._ask(root.fields[name_of(details)])
        self._statement = self._compiled()

    def _ask(self, field: Any) -> None:
        said, given = told(field).metadata, self._asked.arguments[id(self._node)]
        refuse_disorder(given)
        if said[CAN] not in self.caller.scopes:
            raise NotPermittedError(said[CAN])
        stated = {python_name(field, name): given[name] for name in field.args if name not in BESIDE}
        self._question = said[RULE](**stated)
        self._order = Order(self._question.noun, tuple(stated.values()))
        self.start: Place | None = None
        if given["after"] is not None:
            self.resume(given["after"])

    def resume(self, cursor: str) -> None:
        """Have it start after a cursor, whatever its arguments say."""
        xid, id_ = self._order.place(cursor)
        self.start = xid, id_

    def _compiled(self) -> Statement | None:
        try:
            return self._operation.compiled.stream(self._asked)
        except UncompiledError as error:
            metrics.fell_back(error.reason)
            return None

    @property
    def key(self) -> Hashable:
        """What the answers depend on besides the ledger: who may see what, and what is asked."""
        caller, mine = self.caller, id(self._node)
        asked = [{**given, "after": None} if at == mine else given for at, given in self._asked.arguments.items()]
        scope = caller.tenant_ods, caller.kind, caller.scopes
        return *scope, id(self._operation), repr(asked), self._asked.switches

    async def told(self, span: Span) -> list[Told]:
        """Return the answers about the events of a stretch that the caller may see now, oldest first."""
        if self._statement is None:
            return await self._executed(span)
        given = Given(self.caller, self._database.clock, self._asked.arguments, span)
        arguments = self._statement.arguments(given)
        pieces = await self._database.reads.one(self.caller, self._statement.text, arguments)
        metrics.answered("compiled")
        return [await self._read(piece) for piece in pieces or ()]

    async def _read(self, piece: str) -> Told:
        """Return one answer, worded by the executor where a row did not hold what the schema promises."""
        xid, id_, body = piece.split(" ", 2)
        place = int(xid), int(id_)
        if BROKEN.decode() not in body:
            return Told(place, self._order.spelt((xid, id_)), body.encode())
        (worded,) = await self._executed(Span((place[0], place[1] - 1), place, 1))
        return worded

    async def _executed(self, span: Span) -> list[Told]:
        request = "a subscription", ""
        async with self._database.transaction(self.caller, *request, read_only=True) as db:
            settled = self._question.statement.where(~self._order.past(self._question.noun.__table__, span.until))
            page = await db.page(settled, self._order, span.most, self._order.spelt([*map(str, span.after)]))
            return [
                Told((edge.node.xid, edge.node.id), edge.cursor, await self._worded(self._context(db), edge))
                for edge in page.edges
            ]

    def _context(self, db: Transaction) -> Context:
        return Context(self.caller, db, RowReader(db), may=partial(may, self._schema, self.caller))


def _asked(operation: Prepared, variables: Mapping[str, Any]) -> Requested:
    try:
        return operation.compiled.asked(variables)
    except UncompiledError as error:
        raise error.__cause__ or error from None
