"""The world holds what the other tests believe it holds."""

from api.graphql.register import OPERATIONS
from tests.isolation.oracle import KIND
from tests.isolation.world import World


def test_every_organisation_made_every_change_its_kind_may(world: World) -> None:
    may = {
        (operation.name, code)
        for operation in OPERATIONS
        if operation.is_change
        for code, kind in KIND.items()
        if kind in operation.kinds
    }
    print(len(world.rows), world.nouns, len(world.canaries._readers), sorted(world.writes))
    assert world.changes == may
