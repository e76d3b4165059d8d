"""What a request gives a compiled statement: the arguments of its fields, and who asks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from graphql import FieldNode
from sqlalchemy import BindParameter, bindparam

from api.graphql.compiled.columns import Names
from auth.caller import Caller
from auth.scope import Scope

Arguments = Mapping[str, Any]
AS_KNOWN_AT = "asKnownAt"
MOST_FIELDS = 1_000  # a statement; each costs a sixth of a millisecond to write, once, and 40 kB of a plan


class UncompiledError(Exception):
    """The executor answers instead; `reason` is counted."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Given:
    """One request's values: for each field that takes arguments, what it was given."""

    caller: Caller
    clock: str | None
    arguments: Mapping[int, Arguments]
    kept: Any = None  # the row that a change answers with
    key: str | None = None  # under which its answer is kept, for requests of this digest
    digest: bytes = b""

    def of(self, node: FieldNode) -> Arguments:
        """Return the arguments of a field."""
        return self.arguments[id(node)]


Slot = Callable[[Given], Any]


class Slots:
    """The parameters of one statement, how each is read from a request, and what else its fields ask for."""

    def __init__(self, sample: Mapping[int, Arguments]) -> None:
        self._sample = sample
        self.by_name: dict[str, Slot] = {}
        self.checks: list[Callable[[Given], None]] = []
        self.needs: set[Scope] = set()
        self.lasting = True
        self.names = Names()
        self._fields = 0

    def add(self, slot: Slot, type_: Any = None) -> BindParameter[Any]:
        """Return a new parameter that is read from each request by `slot`."""
        name = f"p{len(self.by_name)}"
        self.by_name[name] = slot
        return bindparam(name, None, type_=type_)

    def count(self, fields: int = 1) -> None:
        """Count what is written, and refuse to go on where writing it all would hold everybody up."""
        self._fields += fields
        if self._fields > MOST_FIELDS:
            raise UncompiledError("size")

    def asked(self, node: FieldNode) -> "Asked":
        """Return the arguments of a field, to be bound."""
        return Asked(self, node, self._sample[id(node)])


class Asked:
    """One field's arguments: a sample that says which are given, and parameters for their values."""

    def __init__(self, slots: Slots, node: FieldNode, sample: Arguments) -> None:
        self._slots = slots
        self._node = node
        self.sample = sample

    def bind(self, read: Callable[[Arguments], Any], type_: Any = None) -> BindParameter[Any]:
        """Return a parameter whose value is read from the field's arguments."""
        node = self._node
        return self._slots.add(lambda given: read(given.of(node)), type_)

    def check(self, refuse: Callable[[Arguments], None]) -> None:
        """Have each request's arguments refused where `refuse` raises."""
        node = self._node
        self._slots.checks.append(lambda given: refuse(given.of(node)))
