"""Every scope there is, and which kinds of organisation may hold it."""

import enum
from typing import Self

from schema.organisation import OrganisationKind as Kind

EVERYONE = frozenset(Kind)


class Scope(enum.StrEnum):
    """A verb a token may carry, as `noun:verb`; alphabetical.

    `kinds` are the kinds of organisation whose clients may hold it (domain model, B.3). Every scope here may be
    held by machines; acts that decide belong to people and come with their sign-in.
    """

    kinds: frozenset[Kind]

    def __new__(cls, value: str, kinds: frozenset[Kind] = EVERYONE) -> Self:
        """Return the scope with the kinds that may hold it."""
        scope = str.__new__(cls, value)
        scope._value_ = value
        scope.kinds = kinds
        return scope

    ACTIVITY_READ = "activity:read"
    BUILD_REGISTER = "build:register", frozenset({Kind.SUPPLIER})
    INCIDENT_DECLARE = "incident:declare", frozenset({Kind.NATIONAL, Kind.REGION, Kind.TRUST})
    INCIDENT_OPEN = "incident:open", frozenset({Kind.NATIONAL, Kind.REGION, Kind.TRUST})
    MILESTONE_PUBLISH = "milestone:publish", frozenset({Kind.SUPPLIER})
    PRODUCT_REGISTER = "product:register", frozenset({Kind.SUPPLIER})
    PROGRESS_READ = "progress:read"
    SYSTEM_REGISTER = "system:register", frozenset({Kind.TRUST})
    TEST_REPORT = "test:report", frozenset({Kind.TRUST})


def scopes_of(kind: Kind) -> list[Scope]:
    """Return every scope an organisation of this kind may hold."""
    return [scope for scope in Scope if kind in scope.kinds]
