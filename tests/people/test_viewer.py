"""Viewer: who is asking, as what, and whether they may do a thing, told the same by both readings."""

import asyncio
import uuid
from collections.abc import Iterator, Sequence

import pytest

from api.graphql.engine import Answer, Engine, Request, documents
from api.graphql.limits import MOST_ALIASES
from api.graphql.register import OPERATIONS, Operation
from auth.caller import RECENT, Caller
from auth.scope import Scope
from auth.tenancy import Database
from schema.people.account import Role
from tests.stage import Stage, caller, person


def may_all(operations: Sequence[Operation]) -> Iterator[str]:
    """Give documents that ask of each operation whether one may, as many at a time as a document may have aliases."""
    for at in range(0, len(operations), MOST_ALIASES):
        names = [operation.name for operation in operations[at : at + MOST_ALIASES]]
        yield "{ viewer { " + " ".join(f'{name.lstrip("_")}: can(operation: "{name}")' for name in names) + " } }"


def told_may(stage: Stage, who: Caller, operations: Sequence[Operation]) -> dict[str, bool]:
    """Give what somebody is told of each operation."""
    return {name: may for asked in may_all(operations) for name, may in stage.ask(who, asked)["viewer"].items()}


CALLERS = [
    caller("R1A"),
    caller("R1A", scopes=frozenset()),
    caller("R1A", scopes=frozenset(Scope)),
    person("R1A"),
    person("R1A", Role.ADMINISTRATOR),
    person("R1A", Role.TRUST_IT, ago=RECENT + 60),
    person("SUPPLIER", Role.SUPPLIER_LEAD),
    person("NATIONAL", scopes=frozenset({Scope.PROGRESS_READ})),
]


def both(stage: Stage, who: Caller, document: str) -> tuple[Answer, Answer]:
    """Give the answers of the statement and of the executor."""
    request = Request(document, {}, None, str(uuid.uuid4()))
    operation = documents.read(document).operation(None, {})

    async def ask() -> tuple[Answer, Answer]:
        database = Database(stage.url)
        engine = Engine(database)
        try:
            return await engine.compiled(request, operation, who), await engine.executed(request, operation, who)
        finally:
            await database.close()

    return asyncio.run(ask())


@pytest.mark.parametrize("who", CALLERS, ids=lambda who: f"{who.subject} {len(who.scopes)}")
def test_what_one_may_is_what_the_scopes_say_and_both_readings_agree(stage: Stage, who: Caller) -> None:
    for asked in may_all(OPERATIONS):
        compiled, executed = both(stage, who, asked)
        assert compiled.body == executed.body
    told = told_may(stage, who, OPERATIONS)
    for operation in OPERATIONS:
        needs = operation.needs
        may = needs is None or (needs in who.scopes and not (needs.personal and who.person is None))
        assert told[operation.name.lstrip("_")] is may, operation


@pytest.mark.parametrize("name", ["", "nothing", "Query", "__schema", "_service", "report_test", "viewer { can }", "é"])
def test_what_there_is_not_nobody_is_told_about(stage: Stage, name: str) -> None:
    document = f'{{ viewer {{ can(operation: "{name}") }} }}'
    compiled, executed = both(stage, person("R1A"), document)
    assert compiled.body == executed.body == b'{"data":{"viewer":{"can":null}}}'


def test_a_person_sees_their_roles_and_a_machine_has_none(stage: Stage) -> None:
    asked = "{ viewer { subject kind roles organisation { odsCode } } }"
    who = stage.ask(person("R1A", Role.TRUST_CSO, Role.ADMINISTRATOR), asked)["viewer"]
    assert who == {
        "subject": "trust-cso-administrator@R1A",
        "kind": "TRUST",
        "roles": ["ADMINISTRATOR", "TRUST_CSO"],
        "organisation": {"odsCode": "R1A"},
    }
    assert stage.ask("R1A", asked)["viewer"]["roles"] == []


def test_the_name_may_be_a_variable_and_the_answer_is_the_askers_own(stage: Stage) -> None:
    document = "query($name: String!) { viewer { can(operation: $name) } }"
    for who, name, may in (
        ("R1A", "reportTest", True),
        ("SUPPLIER", "reportTest", False),
        ("SUPPLIER", "registerBuild", True),
        ("R1A", "registerBuild", False),
        ("R1A", "declareWar", None),
    ):
        assert stage.ask(who, document, name=name) == {"viewer": {"can": may}}


def test_a_role_may_decide_what_its_scopes_say_and_no_more(stage: Stage) -> None:
    personal = [operation for operation in OPERATIONS if operation.needs and operation.needs.personal]
    for role, decides, never in (
        (Role.ADMINISTRATOR, "openAccount", "releaseHold"),
        (Role.TRUST_SIRO, "decideGoNoGo", "openAccount"),
        (Role.TRUST_CSO, "giveSignOff", "decideGoNoGo"),
    ):
        told = told_may(stage, person("R1A", role), personal)
        assert told == {each.name: each.needs is not None and role in each.needs.roles for each in personal}
        assert told[decides]
        assert not told[never]
