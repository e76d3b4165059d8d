"""The stage of a story: organisations, callers, and the engine asked as each of them."""

import asyncio
import json
import time
import uuid
from typing import Any

from graphql import GraphQLObjectType, GraphQLUnionType, get_named_type

from api.database.embedded import Server
from api.graphql.engine import Answer, Engine, Request, schema
from auth.caller import AAL2, Caller, Operator, Person
from auth.scope import scopes_for, scopes_of
from auth.tenancy import Database
from schema.organisation import ListOrganisation, OrganisationKind
from schema.people.account import Role
from trusts import organisations

A_DAY = 86_400  # seconds
PASSWORDS = {"reinstate_app": "app-password", "reinstate_migrate": "migrate-password"}

LISTED = {
    "Y60": ("Midlands", OrganisationKind.REGION, None),
    "Y56": ("London", OrganisationKind.REGION, None),
    "R1A": ("Herefordshire and Worcestershire Health and Care NHS Trust", OrganisationKind.TRUST, "Y60"),
    "RYG": ("Coventry and Warwickshire Partnership NHS Trust", OrganisationKind.TRUST, "Y60"),
    "RNK": ("Tavistock and Portman NHS Foundation Trust", OrganisationKind.TRUST, "Y56"),
    "SUPPLIER": ("The supplier", OrganisationKind.SUPPLIER, None),
    "RIVAL": ("Another supplier", OrganisationKind.SUPPLIER, None),
    "NATIONAL": ("The national team", OrganisationKind.NATIONAL, None),
    "ASSURER": ("The assurer", OrganisationKind.ASSURER, None),
    "AUDITOR": ("The auditor", OrganisationKind.AUDITOR, None),
    "QGH": ("Herefordshire and Worcestershire ICB", OrganisationKind.ICB, "Y60"),
}

ATTACK = {
    "reference": "CARENOTES-2022",
    "title": "Cyber-attack on the supplier",
    "detectedAt": "2022-08-04T06:00:00Z",
    "containedAt": "2022-08-04T06:00:00Z",
    "supplierOds": "SUPPLIER",
}
CARENOTES = {"code": "CARENOTES", "name": "Carenotes", "category": "ELECTRONIC_PATIENT_RECORD"}
BUILT = {"label": "CN-R1", "builtAt": "2022-11-07T12:00:00Z", "safetyRelevantChange": True}
PROMISED = {"kind": "HANDOVER", "title": "Handover", "baselineOn": "2022-09-08", "confidence": "LOW"}


async def list_organisations(database: Database) -> None:
    """List the organisations that stories are about."""
    for code, (name, kind, region) in LISTED.items():
        stated = ListOrganisation(ods_code=code, name=name, kind=kind, region_ods=region)
        async with database.change(Operator(tenant_ods=code), "organisation add") as db:
            await organisations.put_on_list(db, stated)


def caller(code: str, **changes: Any) -> Caller:
    """Return the caller of an organisation with every scope its kind may hold."""
    kind = LISTED[code][1]
    told = {
        "tenant_ods": code,
        "kind": kind,
        "subject": f"{code.lower()}-client",
        "scopes": frozenset(scopes_of(kind)),
    }
    return Caller(**{**told, **changes})


def person(code: str, *roles: Role, ago: int = -A_DAY, **changes: Any) -> Caller:
    """Return a person of an organisation, signed in some seconds ago, with every scope its roles may hold.

    No role named: with all roles that its kind has. No time named: sure enough however long the tests take.
    """
    held = frozenset(roles or (role for role in Role if LISTED[code][1] in role.kinds))
    told = {
        "subject": f"{'-'.join(roles).lower().replace('_', '-') or 'everything'}@{code}",
        "scopes": frozenset(scope for scope in scopes_for(held) if LISTED[code][1] in scope.kinds),
        "client_id": "reinstate-cli",
        "person": Person(held, "session", AAL2, int(time.time()) - ago),
    }
    return caller(code, **{**told, **changes})


class Stage:
    """An engine on a database, asked as anybody."""

    def __init__(self, server: Server, name: str) -> None:
        self.server = server
        self.name = name
        self.url = server.url("reinstate_app", PASSWORDS["reinstate_app"], name)

    def answer(self, code: str | Caller, document: str, key: str | None = None, **variables: Any) -> Answer:
        """Return the whole answer of the engine to a document asked as an organisation."""
        asking = code if isinstance(code, Caller) else caller(code)
        request = Request(document, variables, None, str(uuid.uuid4()), key)

        async def ask() -> Answer:
            database = Database(self.url)
            try:
                return await Engine(database).answer(request, asking)
            finally:
                await database.close()

        return asyncio.run(ask())

    def ask(self, code: str | Caller, document: str, **variables: Any) -> dict[str, Any]:
        """Return the data of an answer; a story has no errors."""
        body = json.loads(self.answer(code, document, **variables).body)
        assert "errors" not in body, body
        data: dict[str, Any] = body["data"]
        return data

    def tell(self, *trusts: str) -> dict[str, str]:
        """Tell how the story begins; return the ids of incident, product, build and each trust's system."""
        incident = self.change("NATIONAL", "openIncident", **ATTACK)["id"]
        product = self.change("SUPPLIER", "registerProduct", **CARENOTES)["id"]
        build = self.change("SUPPLIER", "registerBuild", product=product, **BUILT)["id"]
        lost = {"product": product, "incident": incident, "name": "Carenotes", "teamsTotal": 158}
        systems = {code: self.change(code, "registerSystem", **lost)["id"] for code in trusts}
        return {"incident": incident, "product": product, "build": build, **systems}

    def change(
        self, asking: str | Caller, verb: str, /, key: str | None = None, select: str = "id", **given: Any
    ) -> dict[str, Any]:
        """Send a change by its verb; return the thing with its `__typename`, or the problem."""
        document = mutation_document(verb, select)
        body = json.loads(self.answer(asking, document, key, input=given).body)
        assert "errors" not in body, body
        thing_or_problem: dict[str, Any] = body["data"][verb]
        return thing_or_problem


def mutation_document(verb: str, select: str) -> str:
    """Return the document of a change, asking `select` of the thing and everything of a problem."""
    types = schema._schema.type_map
    answer = types[f"{verb[0].upper()}{verb[1:]}Answer"]
    assert isinstance(answer, GraphQLUnionType)
    fragments = [f"... on {member.name} {{ {_asked(member, select)} }}" for member in answer.types]
    argument = f"$input: {verb[0].upper()}{verb[1:]}!"
    return f"mutation({argument}) {{ {verb}(input: $input) {{ __typename {' '.join(fragments)} }} }}"


def _asked(member: GraphQLObjectType, select: str) -> str:
    if "Problem" not in [interface.name for interface in member.interfaces]:
        return select
    within = {name: get_named_type(field.type) for name, field in member.fields.items()}
    return " ".join(
        f"{name} {{ {' '.join(type_.fields)} }}" if isinstance(type_, GraphQLObjectType) else name
        for name, type_ in within.items()
    )
