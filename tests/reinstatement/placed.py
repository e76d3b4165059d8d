"""What the tests of movement share: the table of the domain model, and systems put where a test needs them."""

import uuid
from typing import Any

from api.graphql.nodes import named
from schema.organisation import OrganisationKind as Kind
from schema.system import SystemState as State
from tests.ledger import as_superuser
from tests.stage import LISTED, Stage

# Domain model, B.2, written out once more so that the product is held to it and not to itself.
FORWARD = (
    ("OPERATIONAL", "OUTAGE", Kind.TRUST), ("OUTAGE", "ISOLATED", Kind.TRUST),
    ("OUTAGE", "REBUILDING", Kind.SUPPLIER), ("ISOLATED", "REBUILDING", Kind.SUPPLIER),
    ("REBUILDING", "AWAITING_HANDOVER", Kind.SUPPLIER), ("AWAITING_HANDOVER", "HANDED_OVER", Kind.SUPPLIER),
    ("HANDED_OVER", "IN_TRUST_TEST", Kind.TRUST), ("IN_TRUST_TEST", "READY", Kind.TRUST),
    ("READY", "APPROVED", Kind.TRUST), ("APPROVED", "REINSTATING", Kind.TRUST), ("REINSTATING", "LIVE", Kind.TRUST),
    ("LIVE", "RECOVERED", Kind.REGION), ("REINSTATING", "ROLLED_BACK", Kind.TRUST),
    ("LIVE", "ROLLED_BACK", Kind.TRUST), ("ROLLED_BACK", "IN_TRUST_TEST", Kind.TRUST),
    ("REPLACED", "RETIRED", Kind.TRUST), ("OPERATIONAL", "RETIRED", Kind.TRUST),
)  # fmt: skip
FALLING_BACK = {("READY", "IN_TRUST_TEST", Kind.SUPPLIER), ("APPROVED", "IN_TRUST_TEST", Kind.SUPPLIER)}
NEVER_LIVE = {state.value for state in State} - {"LIVE", "RECOVERED", "REPLACED", "RETIRED"}
LAWFUL = {*FORWARD, *FALLING_BACK, *((state, "REPLACED", Kind.TRUST) for state in NEVER_LIVE)}
NOW = "2022-12-01T09:00:00Z"
KIND = {code: listed[1] for code, listed in LISTED.items()}


def key(id_: str) -> str:
    """Give the key in the database of an object by its id."""
    found = named(id_)
    assert found
    return str(found[1][0])


def put(stage: Stage, system: str, state: str, **columns: Any) -> None:
    """Put a system into a state, past every rule and trigger."""
    stated = {"state": state, **columns}
    values = ", ".join(f"{name} = {'null' if value is None else repr(str(value))}" for name, value in stated.items())
    as_superuser(
        stage,
        "set session_replication_role = replica",
        f"update system set {values} where id = '{key(system)}'",  # noqa: S608 - our own
    )


def state_of(stage: Stage, system: str) -> str:
    """Give the state a system is in, as the superuser sees it."""
    (row,) = as_superuser(stage, f"select state::text from system where id = '{key(system)}'")  # noqa: S608 - our own
    return str(row[0])


def fact(stage: Stage, table: str, tenant: str, **columns: Any) -> str:
    """Put a row where a test needs it, past every rule and trigger; give its key."""
    stated = {
        "tenant_ods": tenant,
        "id": str(uuid.uuid4()),
        "version": 1,
        "created_at": NOW,
        "created_by": "fact",
        **columns,
    }
    values = ", ".join("null" if value is None else repr(str(value)) for value in stated.values())
    as_superuser(
        stage,
        "set session_replication_role = replica",
        f"insert into {table} ({', '.join(stated)}) values ({values})",  # noqa: S608 - our own
    )
    return str(stated["id"])


def alter(stage: Stage, table: str, id_: str, **columns: Any) -> None:
    """Change a row, past every rule and trigger."""
    values = ", ".join(f"{name} = {'null' if value is None else repr(str(value))}" for name, value in columns.items())
    as_superuser(
        stage,
        "set session_replication_role = replica",
        f"update {table} set {values} where id = '{id_}'",  # noqa: S608 - our own
    )
