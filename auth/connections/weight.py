"""What a statement weighs: its letters, and those of the views that it reads, however deep they stand."""

import re
from collections.abc import Mapping
from typing import Any

import asyncpg

_VIEWS = """
    select relname::text, pg_get_viewdef(oid) from pg_class
    where relkind = 'v' and relnamespace = 'public'::regnamespace
"""
_READ = re.compile(r"\b(?:from|join)[\s(]+([a-z_]+)", re.IGNORECASE)


class Weights:
    """What statements weigh on one database. A backend keeps some fifty to eighty bytes of plan for each letter."""

    def __init__(self, views: Mapping[str, str]) -> None:
        """Hold the text of each view."""
        self._views = views
        self._known: dict[str, int] = {}

    @classmethod
    async def learn(cls, connection: "asyncpg.Connection[Any]") -> "Weights":
        """Ask the database for its views."""
        return cls(dict(map(tuple, await connection.fetch(_VIEWS))))

    def of(self, statement: str) -> int:
        """Return the weight of a statement, in letters."""
        return len(statement) + sum(self._of_view(name) for name in _READ.findall(statement) if name in self._views)

    def _of_view(self, name: str) -> int:
        if name not in self._known:
            self._known[name] = self.of(self._views[name])
        return self._known[name]
