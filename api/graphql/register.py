"""The operations page as data: for the security page, and for tests that go through all of them."""

from dataclasses import dataclass

from strawberry.types.base import get_object_definition
from strawberry.utils.str_converters import to_camel_case

from api.graphql.operation import CAN
from api.graphql.operations import Mutation, Query, Subscription
from auth.scope import Scope
from schema.organisation import OrganisationKind


@dataclass(frozen=True)
class Operation:
    """One operation: its name in the API, question or change, and the scope it needs."""

    name: str
    is_change: bool
    needs: Scope | None

    @property
    def kinds(self) -> frozenset[OrganisationKind]:
        """The kinds of organisation whose clients may be given the scope."""
        return self.needs.kinds if self.needs else frozenset(OrganisationKind)


def _operations(*pages: type) -> list[Operation]:
    found = []
    for page in pages:
        for field in get_object_definition(page, strict=True).fields:
            name = field.graphql_name or to_camel_case(field.python_name)
            found.append(Operation(name, page is Mutation, field.metadata[CAN]))
    return sorted(found, key=lambda operation: (operation.is_change, operation.name))


OPERATIONS = _operations(Query, Mutation)
SUBSCRIPTIONS = _operations(Subscription)


def table() -> str:
    """Return the table operation × scope × whether people alone hold it × kind of caller, in Markdown."""
    kinds = sorted(OrganisationKind)
    rows = ["| operation | scope | by | " + " | ".join(kind.lower() for kind in kinds) + " |"]
    rows.append("|---|---|---|" + ":-:|" * len(kinds))
    for operation in (*OPERATIONS, *SUBSCRIPTIONS):
        marks = " | ".join("✓" if kind in operation.kinds else "" for kind in kinds)
        mark = "**" if operation.is_change else "*" if operation in SUBSCRIPTIONS else ""
        what = f"{mark}{operation.name}{mark}"
        by = "people" if operation.needs and operation.needs.personal else "all"
        rows.append(f"| {what} | {operation.needs or 'any token'} | {by} | {marks} |")
    return "\n".join(rows) + "\n"
