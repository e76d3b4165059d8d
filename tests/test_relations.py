"""Every relation that a noun tells follows one foreign key of its own."""

from typing import Any

import pytest

from api.graphql.nodes import NOUNS
from schema.readiness.standing import GateCondition, GateStanding

TELLING: list[Any] = [*NOUNS.values(), GateStanding, GateCondition]


@pytest.mark.parametrize("noun", TELLING, ids=lambda noun: noun.__name__)
def test_a_relation_follows_a_foreign_key(noun: Any) -> None:
    for field in noun.__strawberry_definition__.fields:
        for leads, relation in (field.metadata or {}).items():
            if leads in ("one", "many"):
                table = (relation.noun if leads == "many" else noun).__table__
                assert relation.columns(table), (noun.__name__, field.python_name)
