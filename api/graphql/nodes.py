"""The ways in that are not about one feature: who am I, and any object by its id."""

import asyncio
import datetime as dt
from functools import lru_cache
from typing import Any

import strawberry

from api.graphql.failure import NotPermittedError, TooMuchError
from api.graphql.operation import CAN, ContextInfo, Remembered, placed
from auth.scope import Scope
from schema import api_client, event, incident, milestone, organisation, product, system, testing
from schema.event import Event
from schema.kept.connection import LARGEST_PAGE, Order
from schema.kept.node import Node, read_global_id
from schema.viewer import Viewer

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


Key = tuple[Any, ...]
REMEMBERED = 4096  # ids read


async def _viewer(info: ContextInfo) -> Viewer:
    caller = info.context.caller
    return Viewer(tenant_ods=caller.tenant_ods, kind=caller.kind, subject=caller.subject, scopes=sorted(caller.scopes))


@lru_cache(maxsize=REMEMBERED)
def named(given: str) -> tuple[type[Node], Key] | None:
    """Return the noun and key an id names, or None when it is no id of ours."""
    noun, key = read_global_id(given) or ("", "")
    if noun not in NOUNS:
        return None
    try:
        return NOUNS[noun], Order(NOUNS[noun], ()).key(key.split("/"))
    except ValueError:
        return None


def needed(found: tuple[type[Node], Key] | None) -> tuple[Scope, ...]:
    """Return the scopes for asking after an object; the ledger needs its own, by whichever way in."""
    return (Scope.PROGRESS_READ, Scope.ACTIVITY_READ) if found and found[0] is Event else (Scope.PROGRESS_READ,)


async def _found(info: ContextInfo, ids: list[strawberry.ID], as_known_at: dt.datetime | None) -> list[Node | None]:
    asked = [named(given) for given in ids]
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
    return (await _found(info, [id], as_known_at))[0]


async def _nodes(info: ContextInfo, ids: list[strawberry.ID], as_known_at: Remembered = None) -> list[Node | None]:
    if len(ids) > LARGEST_PAGE:
        raise TooMuchError(f"nodes takes at most {LARGEST_PAGE} ids")
    return await _found(info, ids, as_known_at)


viewer = strawberry.field(resolver=_viewer, description="Who is asking.", metadata={CAN: None})
node = strawberry.field(
    resolver=_node,
    description="Any object by its id. Null: there is none that the caller may see.",
    metadata={CAN: Scope.PROGRESS_READ},
)
nodes = strawberry.field(
    resolver=_nodes, description="Up to 200 objects by their ids.", metadata={CAN: Scope.PROGRESS_READ}
)
