"""Scopes say which verbs: every operation, by every kind of caller, without its scope; the grants are their shadow."""

import asyncio
import json
import uuid
from dataclasses import replace
from typing import Any

import pytest
from graphql import get_named_type, is_leaf_type, is_required_argument

from api.graphql.engine import Answer, Engine, Request
from api.graphql.register import OPERATIONS, Operation
from auth.caller import AAL1, RECENT, Caller
from auth.scope import Scope
from auth.tenancy import Database
from schema.organisation import OrganisationKind
from tests.isolation import probes
from tests.isolation.changing import changed, digests, filled
from tests.isolation.inputs import TYPES
from tests.isolation.oracle import KIND, of_kind
from tests.isolation.sql import NOUN_CLASSES, REFUSED, as_admin, attempt
from tests.isolation.world import World, app_url
from tests.stage import Stage, caller, person

GUARDED = [operation for operation in OPERATIONS if operation.needs]
KINDS = [pytest.param(of_kind(kind)[0], id=kind.lower()) for kind in OrganisationKind]
BESIDE_CHANGES = {"event", "given_answer"}  # written by whatever a caller changes, never by itself
ALL = frozenset(Scope)
COUNTS = {("TRUST", "KnownIssue", "update"), ("TRUST", "Wave", "update")}  # by triggers, which write no event


def _asked(world: World, operation: Operation, who: str) -> tuple[str, dict[str, Any]]:
    """Give a document that asks for an operation, and its variables."""
    if operation.is_change:
        return changed(operation.name, 0), filled(world, operation.name, who)
    field: Any = TYPES["Query"].fields[operation.name]
    needed = {name: taken for name, taken in field.args.items() if is_required_argument(taken)}
    stated = ", ".join(f"${name}: {taken.type}" for name, taken in needed.items())
    passed = ", ".join(f"{name}: ${name}" for name in needed)
    body = "" if is_leaf_type(get_named_type(field.type)) else "{ __typename }"
    document = f"query{f'({stated})' if stated else ''} {{ {operation.name}{f'({passed})' if passed else ''} {body} }}"
    return document, {name: _made_up(taken) for name, taken in needed.items()}


def _made_up(taken: Any) -> Any:
    """Give a value that an argument takes and that means nobody's."""
    given = "2000-01-01T00:00:00Z" if get_named_type(taken.type).name == "DateTime" else probes.made_up("System")
    return [given] if "[" in str(taken.type) else given


def _answers(stage: Stage, asked: list[tuple[Caller, str, dict[str, Any]]]) -> list[dict[str, Any]]:
    """Give the answers to documents of callers."""

    async def ask() -> list[Answer]:
        database = Database(app_url(stage))
        engine = Engine(database)
        try:
            return [
                await engine.answer(Request(document, variables, None, str(uuid.uuid4())), who)
                for who, document, variables in asked
            ]
        finally:
            await database.close()

    return [json.loads(answer.body) for answer in asyncio.run(ask())]


@pytest.mark.parametrize("code", KINDS)
def test_without_its_scope_an_operation_is_not_permitted(world: World, copies: dict[str, Stage], code: str) -> None:
    asked = [(caller(code, scopes=ALL - {op.needs}), *_asked(world, op, code)) for op in GUARDED]
    for operation, body in zip(GUARDED, _answers(copies["breaking"], asked), strict=True):
        if operation.is_change:
            assert body["data"][operation.name]["__typename"] == "NotPermitted", (operation, body)
        else:
            assert [error["extensions"]["code"] for error in body["errors"]] == ["NOT_PERMITTED"], (operation, body)
            assert body["data"] is None or body["data"][operation.name] is None, (operation, body)


@pytest.mark.parametrize("code", KINDS)
def test_what_people_decide_no_machine_does_whatever_it_holds(
    world: World, copies: dict[str, Stage], code: str
) -> None:
    personal = [op for op in GUARDED if op.needs and op.needs.personal]
    assert len(personal) > 15
    late = person(code, ago=RECENT + 1, scopes=ALL)
    for who in (caller(code, scopes=ALL), late, replace(late, person=replace(late.person, acr=AAL1))):
        asked = [(who, *_asked(world, operation, code)) for operation in personal]
        for operation, body in zip(personal, _answers(copies["breaking"], asked), strict=True):
            codes = [error["extensions"]["code"] for error in body["errors"]]
            assert codes == ["INSUFFICIENT_USER_AUTHENTICATION"], (operation, body)


@pytest.mark.parametrize("code", KINDS)
def test_an_event_is_not_read_by_its_id_without_the_scope(world: World, copies: dict[str, Stage], code: str) -> None:
    theirs = world.of("Event", seen_by=code)[0].id
    document = "query($id: ID!) { node(id: $id) { id } }"
    asked = [
        (caller(code, scopes=scopes), document, {"id": given})
        for scopes in ({Scope.PROGRESS_READ}, {Scope.ACTIVITY_READ, Scope.PROGRESS_READ})
        for given in (theirs, probes.made_up("Event"))
    ]
    without, without_made_up, with_scope, _ = _answers(copies["breaking"], asked)
    assert [body["errors"][0]["extensions"]["code"] for body in (without, without_made_up)] == ["NOT_PERMITTED"] * 2
    assert with_scope["data"]["node"] == {"id": theirs}


@pytest.mark.parametrize("code", KINDS)
def test_a_scope_beyond_its_kind_is_stopped_by_the_database(world: World, copies: dict[str, Stage], code: str) -> None:
    beyond = [operation for operation in GUARDED if KIND[code] not in operation.kinds]
    asked = [(person(code, scopes=ALL), *_asked(world, operation, code)) for operation in beyond]

    async def look() -> dict[tuple[str, str], str]:
        async with as_admin(copies["breaking"]) as admin:
            return await digests(admin)

    before = asyncio.run(look())
    bodies = _answers(copies["breaking"], asked)
    assert asyncio.run(look()) == before
    assert all("errors" in body or "message" in body["data"][op.name] for op, body in zip(beyond, bodies, strict=True))


@pytest.mark.parametrize("kind", OrganisationKind)
def test_the_grants_are_the_shadow_of_the_scopes(
    world: World, copies: dict[str, Stage], kind: OrganisationKind
) -> None:
    role = f"app_{kind.lower()}"

    async def look() -> set[tuple[str, str]]:
        found = set()
        async with as_admin(copies["breaking"]) as admin:
            for noun, kept in NOUN_CLASSES.items():
                table = kept.__tablename__
                if await admin.fetchval("select has_table_privilege($1, $2::text, 'INSERT')", role, table):
                    found.add((noun, "insert"))
                if await admin.fetchval("select has_any_column_privilege($1, $2::text, 'UPDATE')", role, table):
                    found.add((noun, "update"))
        return found - {("Event", "insert")}

    counted = {(noun, act) for by, noun, act in COUNTS if by == kind}
    assert asyncio.run(look()) == counted | {(noun, act) for by, noun, act in world.writes if by == kind.lower()}


@pytest.mark.parametrize("code", KINDS)
def test_inserting_is_refused_where_no_operation_lets_that_kind(
    world: World, copies: dict[str, Stage], code: str
) -> None:
    may = {noun for kind, noun, act in world.writes if kind == KIND[code].lower() and act == "insert"}

    async def write() -> dict[str, bool]:
        database = Database(app_url(copies["breaking"]))
        refused = {}
        async with database.transaction(caller(code), "probe") as db:
            for noun, kept in NOUN_CLASSES.items():
                table = kept.__tablename__
                if table not in BESIDE_CHANGES:
                    columns = ", ".join(kept.__table__.columns.keys())
                    nothing = f"insert into {table} ({columns}) overriding user value select {columns} from {table} where false"  # noqa: S608 - the nouns' own names
                    refused[noun] = await attempt(db, nothing) == REFUSED
        await database.close()
        return refused

    refused = asyncio.run(write())
    assert {noun for noun, is_refused in refused.items() if not is_refused} == may
