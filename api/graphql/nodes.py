"""The ways in that are not about one feature: who am I, and any object by its id."""

import asyncio

import strawberry

from api.graphql.failure import NotPermittedError, TooMuchError
from api.graphql.operation import CAN, ContextInfo
from auth.scope import Scope
from schema import api_client, event, incident, milestone, organisation, product, system, testing
from schema.kept.connection import LARGEST_PAGE, Order
from schema.kept.node import Node, read_global_id
from schema.organisation import Organisation, OrganisationKind

NOUNS: dict[str, type[Node]] = {
    noun.__name__: noun
    for noun in (
        api_client.ApiClient,
        event.Event,
        incident.Incident,
        incident.IncidentDeclaration,
        milestone.Milestone,
        milestone.MilestoneForecast,
        organisation.Organisation,
        product.Build,
        product.Product,
        system.InterimSystem,
        system.System,
        testing.TestMilestone,
        testing.TestReport,
    )
}


# The ledger needs its scope by whichever way in.
_BESIDES: dict[type[Node] | None, tuple[Scope, ...]] = {event.Event: (Scope.ACTIVITY_READ,)}


@strawberry.type(description="Who is asking, and what they may do.")
class Viewer:
    """Who is asking, and what they may do."""

    organisation: Organisation
    kind: OrganisationKind
    subject: str = strawberry.field(description="The client or account.")
    scopes: list[str] = strawberry.field(description="The scopes of this token.")


async def _viewer(info: ContextInfo) -> Viewer:
    caller = info.context.caller
    return Viewer(
        organisation=await info.context.reader.node(Organisation, (caller.tenant_ods,)),
        kind=caller.kind,
        subject=caller.subject,
        scopes=sorted(caller.scopes),
    )


async def _node(info: ContextInfo, id: strawberry.ID) -> Node | None:
    named = read_global_id(id)
    noun = NOUNS.get(named[0]) if named else None
    for needs in (Scope.PROGRESS_READ, *_BESIDES.get(noun, ())):
        if needs not in info.context.caller.scopes:
            raise NotPermittedError(needs)
    if named is None or noun is None:
        return None
    try:
        key = Order(noun, ()).key(named[1].split("/"))
    except ValueError:
        return None
    found: Node | None = await info.context.reader.node(noun, key)
    return found


async def _nodes(info: ContextInfo, ids: list[strawberry.ID]) -> list[Node | None]:
    if len(ids) > LARGEST_PAGE:
        raise TooMuchError(f"nodes takes at most {LARGEST_PAGE} ids")
    return list(await asyncio.gather(*(_node(info, given) for given in ids)))


viewer = strawberry.field(resolver=_viewer, description="Who is asking.", metadata={CAN: None})
node = strawberry.field(
    resolver=_node,
    description="Any object by its id. Null: there is none that the caller may see.",
    metadata={CAN: Scope.PROGRESS_READ},
)
nodes = strawberry.field(
    resolver=_nodes, description="Up to 200 objects by their ids.", metadata={CAN: Scope.PROGRESS_READ}
)
