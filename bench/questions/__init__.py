"""What is asked: the documents, who asks them, and with which variables."""

import base64
import importlib.resources
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import asyncpg

_REPORT = {
    "system": "{system_id}",
    "build": "{build_id}",
    "test": "SMOKE",
    "outcome": "PASSED",
    "planned": 40,
    "run": 40,
    "passed": 40,
    "failed": 0,
    "blocked": 0,
    "entryMet": True,
    "exitMet": True,
}
_PLACES = """
    select tenant_ods, region_ods, id, current_build_id
    from (
        select *, row_number() over (partition by tenant_ods order by name) as place,
            dense_rank() over (order by tenant_ods) as trust
        from system
    ) s
    where place <= 3 and trust <= $1 order by tenant_ods, name
"""


@dataclass(frozen=True)
class Place:
    """A system that is asked about, with its trust, region and current build."""

    tenant: str
    region: str
    system: str
    build: str

    def words(self, *, bare: bool = False) -> dict[str, str]:
        """Return what variables may name in braces."""
        system, build = (self.system, self.build) if bare else (_id("System", self.system), _id("Build", self.build))
        return asdict(self) | {"system_id": system, "build_id": build}


@dataclass(frozen=True)
class Question:
    """One document, whose caller it needs, its variables, and how a peer's answer maps onto ours."""

    name: str
    document: str
    variables: Mapping[str, Any]
    by_region: bool = False
    changes: bool = False
    reshape: Mapping[str, str] = field(default_factory=dict)
    bare: bool = False  # ids are asked for as the keys they carry

    def about(self, places: Sequence[Place]) -> list[Place]:
        """Return the places that make a request of their own."""
        return list({place.region: place for place in reversed(places)}.values()) if self.by_region else list(places)

    def caller(self, place: Place) -> tuple[str, str]:
        """Return the organisation that asks, and the database role of its kind."""
        return (place.region, "app_region") if self.by_region else (place.tenant, "app_trust")

    def body(self, place: Place) -> dict[str, Any]:
        """Return the body of the request about a place."""
        return {"query": self.document, "variables": _filled(self.variables, place.words(bare=self.bare))}


def document(name: str) -> str:
    """Return a document by its file's name."""
    return (importlib.resources.files("bench") / "questions" / f"{name}.graphql").read_text("utf-8")


QUESTIONS = {
    question.name: question
    for question in (
        Question("Q3", document("Q3"), {"id": "{system_id}"}),
        Question("Q1", document("Q1"), {"region": "{region}"}, by_region=True),
        Question("Q2", document("Q2"), {"id": "{system_id}"}),
        Question("M1", document("M1"), {"input": _REPORT}, changes=True),
    )
}
READS = tuple(sorted(name for name, question in QUESTIONS.items() if not question.changes))


async def places(admin: asyncpg.Connection, trusts: int) -> list[Place]:
    """Return up to three systems of each of the first so many trusts."""
    return [Place(*map(str, row)) for row in await admin.fetch(_PLACES, trusts)]


def _filled(template: Any, words: Mapping[str, str]) -> Any:
    if isinstance(template, str):
        return template.format_map(words)
    if isinstance(template, Mapping):
        return {name: _filled(value, words) for name, value in template.items()}
    return template


def _id(noun: str, key: str) -> str:
    return base64.urlsafe_b64encode(f"{noun}:{key}".encode()).decode().rstrip("=")
