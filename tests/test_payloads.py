"""What a change answers with: the compiled statement says what the executor says, byte for byte."""

from collections.abc import Callable
from functools import partial
from typing import Any
from unittest.mock import patch

import pytest
from graphql import GraphQLObjectType, get_named_type, is_leaf_type, is_required_argument

from api.graphql import engine
from api.graphql.answers import Answers
from api.graphql.change import Change
from api.graphql.context import Context
from api.graphql.engine import Answer, Request, schema
from auth.caller import Caller
from auth.people.passwords import new_one_time_password
from schema.kept.node import global_id
from schema.people.account import Role
from tests.ledger import as_superuser
from tests.stage import ATTACK, BUILT, CARENOTES, PROMISED, Stage, person
from tests.test_known import ISSUER, SESSION
from tests.test_spine import FAILED, PASSED

TYPES = schema._schema.type_map
NASTY = 'Quotes " \\ / <b> \u2028 é 漢 😀 \u007f \t end'
VERBS = sorted(TYPES["Mutation"].fields)


def everything(name: str, depth: int = 2) -> str:
    """Ask everything of a type, down to a depth."""
    kind: Any = TYPES[name]
    asked = ["__typename"]
    for field_name, field in kind.fields.items():
        inside = get_named_type(field.type)
        if any(is_required_argument(argument) for argument in field.args.values()):
            continue
        if is_leaf_type(inside):
            asked.append(field_name)
        elif depth and isinstance(inside, GraphQLObjectType):
            paging = "(first: 2)" if "first" in field.args else ""
            asked.append(f"{field_name}{paging} {{ {everything(inside.name, depth - 1)} }}")
    return " ".join(asked)


class Witness:
    """Lets the executor word every change that was compiled, in the same transaction."""

    def __init__(self) -> None:
        self.compiled: dict[str, tuple[bytes | None, bytes]] = {}

    async def changed(self, request: Request, change: Change, context: Context, answers: Answers) -> Answer:
        """Answer as the engine does, and note what the executor would have said."""
        body = await change.answer(context, answers)
        executed = await engine._execute(request, change.operation.document, context)
        self.compiled[change.field.name.value] = (body, executed.body)
        return executed


@pytest.fixture(scope="module")
def told(stage: Stage) -> dict[str, tuple[bytes | None, bytes]]:
    """Every mutation once, with text that needs escaping."""
    witness = Witness()

    def make(code: str | Caller, verb: str, select: str, /, **given: Any) -> str:
        return str(stage.change(code, verb, key=f"key-of-{verb}", select=f"id {everything(select)}", **given)["id"])

    with patch.object(engine, "_changed", witness.changed):
        incident = make("NATIONAL", "openIncident", "Incident", **{**ATTACK, "title": NASTY})
        product = make("SUPPLIER", "registerProduct", "Product", **{**CARENOTES, "name": NASTY})
        build = make("SUPPLIER", "registerBuild", "Build", product=product, **BUILT)
        lost = {"product": product, "incident": incident, "name": NASTY, "outageStartedAt": "2022-08-04T06:00:00.120Z"}
        system = make("R1A", "registerSystem", "System", **lost)
        make(
            "R1A", "registerInterimSystem", "InterimSystem", system=system, kind="PAPER", name="P1", liveOn="2022-08-04"
        )
        about = {"system": system, "build": build, "test": "SMOKE"}
        report = make("R1A", "reportTest", "TestReport", **about, **FAILED, notes=NASTY)
        make("R1A", "correctTestReport", "TestReport", corrects=report, reason=NASTY, **PASSED)
        declared = {"type": "CRITICAL", "level": "L4", "reason": NASTY}
        declaration = make("R1A", "declareIncident", "IncidentDeclaration", incident=incident, **declared)
        make("R1A", "standDownIncident", "IncidentDeclaration", declaration=declaration)
        hold = make("R1A", "placeHold", "Hold", held=system, reasonCode="DEFECT", reason=NASTY)
        make(person("R1A"), "releaseHold", "Hold", hold=hold, reason=NASTY)
        milestone = make("SUPPLIER", "publishMilestone", "Milestone", product=product, **PROMISED)
        moved = {"forecastOn": "2022-10-09", "reasonCode": "DEFECT", "confidence": "HIGH"}
        make("SUPPLIER", "reviseForecast", "Milestone", milestone=milestone, **moved)
        make("SUPPLIER", "meetMilestone", "Milestone", milestone=milestone, actualAt="2022-11-01T12:00:00+01:00")
        administer(stage, partial(make, person("R1A", Role.ADMINISTRATOR)))
    return witness.compiled


def administer(stage: Stage, make: Callable[..., str]) -> None:
    """Have every change that an administrator may make."""
    once = {"oneTimePassword": new_one_time_password()}
    account = make("openAccount", "Account", localPart="it.lead", roles=["TRUST_IT"], **once)
    make("endRole", "Membership", membership=make("grantRole", "Membership", account=account, role="TRUST_CSO"))
    for verb, given in (("suspendAccount", {}), ("restoreAccount", {}), ("resetAccount", once)):
        make(verb, "Account", account=account, **given)
    client = {"kind": "APPLICATION", "scopes": ["progress:read"], "redirectUris": ["https://ward.example/back?a=b&c"]}
    make("revokeClient", "ApiClient", client=make("registerClient", "ApiClient", **client))
    issuer = make("registerIssuer", "Issuer", **ISSUER | {"name": NASTY})
    mapped = {"orgCode": "R1A", "roleCode": "lead", "role": "TRUST_IT"}
    mapping = make("mapIssuerRole", "IssuerMapping", issuer=issuer, **mapped)
    make("endIssuerMapping", "IssuerMapping", mapping=mapping)
    make("enableIssuer", "Issuer", issuer=make("disableIssuer", "Issuer", issuer=issuer))
    as_superuser(stage, SESSION)
    ((session,),) = as_superuser(stage, "select id from session")
    make("endSession", "SessionEnd", session=global_id("Session", session), reason=NASTY)


@pytest.mark.parametrize("verb", VERBS)
def test_a_change_is_answered_as_the_executor_answers_it(
    told: dict[str, tuple[bytes | None, bytes]], verb: str
) -> None:
    compiled, executed = told[verb]
    assert compiled is not None, "it was not compiled"
    assert compiled == executed


def test_the_answer_that_is_kept_is_the_one_that_was_given(stage: Stage) -> None:
    document = "mutation($input: RegisterProduct!) { made: registerProduct(input: $input) { ...on Product { name } } }"
    given = {**CARENOTES, "code": "OTHER", "name": NASTY}
    first, again = (stage.answer("RIVAL", document, "key-0001", input=given) for _ in range(2))
    assert first.body == again.body
    assert NASTY.strip().encode()[-3:] in first.body


def test_an_alias_and_a_fragment_that_is_switched_off_are_answered_alike(stage: Stage) -> None:
    document = """mutation($input: RegisterProduct!, $on: Boolean!) { made: registerProduct(input: $input) {
        ...Made @include(if: $on) __typename } } fragment Made on Product { title: name }"""
    given = {**CARENOTES, "code": "SWITCH"}
    answers = [
        stage.answer("RIVAL", document, None, input={**given, "code": f"SWITCH_{on:d}"}, on=on).body
        for on in (True, False)
    ]
    assert answers == [
        b'{"data":{"made":{"title":"Carenotes","__typename":"Product"}}}',
        b'{"data":{"made":{"__typename":"Product"}}}',
    ]
