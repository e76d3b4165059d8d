"""The ways in that are not about one feature: who am I, and any object by its id."""

import asyncio
import datetime as dt
from functools import lru_cache
from typing import Annotated, Any, cast

import strawberry
from strawberry.federation.schema import FederationAny

from api.graphql.failure import NotPermittedError, TooMuchError
from api.graphql.operation import CAN, ContextInfo, Remembered, placed
from auth.scope import Scope
from schema import event, hold, incident, milestone, organisation, product, system, testing
from schema.event import Event
from schema.incident import Incident
from schema.kept.connection import LARGEST_PAGE, Order
from schema.kept.node import Node, read_global_id
from schema.organisation import Organisation
from schema.people import account, api_client, issuer, session
from schema.people.viewer import Viewer
from schema.product import Product
from schema.readiness import assessment, assurance, decision, defect, gate, known_issue, safety
from schema.reinstatement import cohort, dispute, slot, wave
from schema.system import System

NOUNS: dict[str, type[Node]] = {
    noun.__name__: noun
    for noun in (
        account.Account,
        account.Membership,
        api_client.ApiClient,
        assessment.AssessmentNote,
        assessment.GateAssessment,
        assessment.GateWaiver,
        assurance.Evidence,
        assurance.SecurityAssurance,
        cohort.Cohort,
        decision.DecisionRecord,
        decision.Dissent,
        decision.GoNoGoDecision,
        decision.Obligation,
        defect.Defect,
        dispute.Dispute,
        event.Event,
        gate.Gate,
        hold.Hold,
        incident.Incident,
        incident.IncidentDeclaration,
        issuer.Issuer,
        issuer.IssuerMapping,
        known_issue.KnownIssue,
        known_issue.KnownIssueSighting,
        milestone.Milestone,
        milestone.MilestoneForecast,
        organisation.Organisation,
        product.Build,
        product.Product,
        safety.HazardSummary,
        safety.SafetySignOff,
        session.Session,
        session.SessionEnd,
        slot.ReinstatementSlot,
        system.InterimSystem,
        system.System,
        testing.TestMilestone,
        testing.TestReport,
        wave.Wave,
        wave.WaveMember,
    )
}


ENTITIES = (Incident, Organisation, Product, System)
Entity = Annotated[Incident | Organisation | Product | System, strawberry.union(name="_Entity")]
Key = tuple[Any, ...]
Found = tuple[type[Node], Key] | None
MOST_ENTITIES = 500
REMEMBERED = 4096  # ids read
LONGEST_ID = 200  # letters of one that is remembered; ours are half as long


async def _viewer(info: ContextInfo) -> Viewer:
    caller = info.context.caller
    return Viewer(
        tenant_ods=caller.tenant_ods,
        kind=caller.kind,
        subject=caller.subject,
        scopes=sorted(caller.scopes),
        roles=sorted(caller.roles),
    )


def named(given: str) -> Found:
    """Return the noun and key an id names, or None when it is no id of ours."""
    return _remembered(given) if len(given) <= LONGEST_ID else _named(given)


def _named(given: str) -> Found:
    noun, key = read_global_id(given) or ("", "")
    if noun not in NOUNS:
        return None
    try:
        return NOUNS[noun], Order(NOUNS[noun], ()).key(key.split("/"))
    except ValueError:
        return None


_remembered = lru_cache(maxsize=REMEMBERED)(_named)


def referred(representation: Any) -> Found:
    """Return the noun and key another graph refers to (Apollo Federation), or None when it is none of ours."""
    given = representation if isinstance(representation, dict) else {}
    noun = NOUNS.get(str(given.get("__typename")))
    if noun is Organisation:
        code = given.get("odsCode")
        return (Organisation, (code,)) if isinstance(code, str) and code.isprintable() else None
    found = named(given["id"]) if noun in ENTITIES and isinstance(given.get("id"), str) else None
    return found if found and found[0] is noun else None


def needed(found: Found) -> tuple[Scope, ...]:
    """Return the scopes for asking after an object; the ledger needs its own, by whichever way in."""
    return (Scope.PROGRESS_READ, Scope.ACTIVITY_READ) if found and found[0] is Event else (Scope.PROGRESS_READ,)


async def _found(info: ContextInfo, asked: list[Found], as_known_at: dt.datetime | None = None) -> list[Node | None]:
    for needs in dict.fromkeys(scope for found in asked for scope in needed(found)):
        if needs not in info.context.caller.scopes:
            raise NotPermittedError(needs)
    db = info.context.db
    db = await db.as_known_at(placed(as_known_at)) if as_known_at else db
    reader = info.context.reader
    return list(await asyncio.gather(*(reader.node(*found, db) if found else _nothing() for found in asked)))


async def _nothing() -> None:
    return None


async def _node(info: ContextInfo, id: strawberry.ID, as_known_at: Remembered = None) -> Node | None:
    return (await _found(info, [named(id)], as_known_at))[0]


async def _nodes(info: ContextInfo, ids: list[strawberry.ID], as_known_at: Remembered = None) -> list[Node | None]:
    if len(ids) > LARGEST_PAGE:
        raise TooMuchError(f"nodes takes at most {LARGEST_PAGE} ids")
    return await _found(info, [named(given) for given in ids], as_known_at)


async def _entities(info: ContextInfo, representations: list[FederationAny]) -> list[Entity | None]:
    if len(representations) > MOST_ENTITIES:
        raise TooMuchError(f"_entities takes at most {MOST_ENTITIES} representations")
    return cast(list[Entity | None], await _found(info, [referred(given) for given in representations]))


viewer = strawberry.field(resolver=_viewer, description="Who is asking.", metadata={CAN: None})
node = strawberry.field(
    resolver=_node,
    description="Any object by its id. Null: there is none that the caller may see.",
    metadata={CAN: Scope.PROGRESS_READ},
)
nodes = strawberry.field(
    resolver=_nodes, description="Up to 200 objects by their ids.", metadata={CAN: Scope.PROGRESS_READ}
)
entities = strawberry.field(
    resolver=_entities,
    name="_entities",
    description="Up to 500 objects that another graph refers to by their keys (Apollo Federation).",
    metadata={CAN: Scope.PROGRESS_READ},
)
