"""Every scope there is, and who may hold it: which people by their role, and whether machines may."""

import enum
from collections.abc import Iterable
from typing import Self

from schema.organisation import OrganisationKind as Kind
from schema.people.account import Role

_ADMINISTRATOR = frozenset({Role.ADMINISTRATOR})
_DECLARES = frozenset({Role.NATIONAL_IMT, Role.REGION, Role.TRUST_EXEC, Role.TRUST_IT, Role.TRUST_SIRO})
_PLACES = frozenset(
    {Role.ASSURER, Role.NATIONAL_IMT, Role.REGION, Role.SUPPLIER_LEAD, Role.TRUST_CSO, Role.TRUST_EXEC, Role.TRUST_IT}
)
_RELEASES = frozenset(
    {Role.ASSURER, Role.NATIONAL_IMT, Role.REGION, Role.SUPPLIER_LEAD, Role.TRUST_EXEC, Role.TRUST_SIRO}
)
_LEAD = frozenset({Role.SUPPLIER_LEAD})
_TRUST = frozenset({Role.TRUST_CSO, Role.TRUST_EXEC, Role.TRUST_IT, Role.TRUST_SIRO})
_ASSESSES = _TRUST | {Role.ASSURER, Role.NATIONAL_IMT, Role.REGION, Role.SUPPLIER_CSO, Role.SUPPLIER_LEAD}


class Scope(enum.StrEnum):
    """A verb a token may carry, as `noun:verb`; alphabetical.

    `roles` are the people who may hold it (domain model, B.3); machines of the same organisations may, too, unless
    it is `personal`: an act that decides, or one that says who may. Those need a recent sign-in (RFC 9470).
    """

    roles: frozenset[Role]
    personal: bool

    def __new__(cls, value: str, roles: frozenset[Role] = frozenset(Role), personal: bool = False) -> Self:
        """Return the scope with who may hold it."""
        scope = str.__new__(cls, value)
        scope._value_ = value
        scope.roles = roles
        scope.personal = personal
        return scope

    ACCOUNT_MANAGE = "account:manage", _ADMINISTRATOR, True
    ACTIVITY_READ = "activity:read"
    ASSURANCE_DECIDE = "assurance:decide", frozenset({Role.ASSURER}), True
    ASSURANCE_SUBMIT = "assurance:submit", _LEAD
    BUILD_REGISTER = "build:register", _LEAD
    CLIENT_MANAGE = "client:manage", _ADMINISTRATOR, True
    COHORT_PLAN = "cohort:plan", frozenset({Role.TRUST_IT})
    DECISION_MAKE = "decision:make", frozenset({Role.TRUST_EXEC, Role.TRUST_SIRO}), True
    DEFECT_RAISE = "defect:raise", frozenset({Role.SUPPLIER_LEAD, Role.TRUST_CSO, Role.TRUST_IT})
    DEFECT_TRIAGE = "defect:triage", _LEAD
    DISPUTE_RAISE = "dispute:raise", frozenset({Role.SUPPLIER_LEAD, Role.TRUST_EXEC, Role.TRUST_IT})
    DISSENT_RECORD = "dissent:record", _TRUST | {Role.REGION}
    GATE_ASSESS = "gate:assess", _ASSESSES
    GATE_DEFINE = "gate:define", frozenset({Role.NATIONAL_IMT, Role.REGION, Role.TRUST_EXEC, Role.TRUST_IT})
    GATE_WAIVE = "gate:waive", frozenset({Role.NATIONAL_IMT}), True
    HANDOVER_MAKE = "handover:make", _LEAD
    HOLD_PLACE = "hold:place", _PLACES
    HOLD_RELEASE = "hold:release", _RELEASES, True
    INCIDENT_DECLARE = "incident:declare", _DECLARES
    INCIDENT_OPEN = "incident:open", _DECLARES
    ISSUE_PUBLISH = "issue:publish", _LEAD
    ISSUER_MANAGE = "issuer:manage", _ADMINISTRATOR, True
    MILESTONE_PUBLISH = "milestone:publish", _LEAD
    OBLIGATION_MEET = "obligation:meet", _TRUST
    PRODUCT_REGISTER = "product:register", _LEAD
    PROGRESS_READ = "progress:read"
    RECOVERY_COUNTERSIGN = "recovery:countersign", frozenset({Role.REGION}), True
    REINSTATEMENT_RUN = "reinstatement:run", frozenset({Role.TRUST_IT})
    ROLLBACK_DECLARE = "rollback:declare", frozenset({Role.TRUST_EXEC, Role.TRUST_IT})
    SAFETY_PREPARE = "safety:prepare", frozenset({Role.SUPPLIER_CSO, Role.SUPPLIER_LEAD, Role.TRUST_CSO, Role.TRUST_IT})
    SAFETY_SIGN = "safety:sign", frozenset({Role.SUPPLIER_CSO, Role.TRUST_CSO}), True
    SESSION_END = "session:end", _ADMINISTRATOR, True
    SLOT_CONFIRM = "slot:confirm", _LEAD
    SLOT_REQUEST = "slot:request", frozenset({Role.TRUST_EXEC, Role.TRUST_IT})
    SYSTEM_REGISTER = "system:register", frozenset({Role.TRUST_IT})
    TEST_REPORT = "test:report", frozenset({Role.TRUST_IT})
    WAVE_APPROVE = "wave:approve", frozenset({Role.NATIONAL_IMT}), True
    WAVE_PROPOSE = "wave:propose", _LEAD

    @property
    def kinds(self) -> frozenset[Kind]:
        """The kinds of organisation whose people may hold it."""
        return frozenset(kind for role in self.roles for kind in role.kinds)


PERSONAL = frozenset(scope for scope in Scope if scope.personal)


def scopes_of(kind: Kind) -> list[Scope]:
    """Return every scope a machine of this kind of organisation may hold."""
    return [scope for scope in Scope if kind in scope.kinds and not scope.personal]


def scopes_for(roles: Iterable[Role], kind: Kind | None = None) -> list[Scope]:
    """Return every scope a person with these roles may hold, in an organisation of this kind."""
    held = frozenset(roles)
    return [scope for scope in Scope if held & scope.roles and (kind is None or kind in scope.kinds)]


def named(names: Iterable[str], allowed: Iterable[Scope]) -> frozenset[Scope]:
    """Return the scopes by these names that are allowed; `noun:*` names every verb of a noun, an unknown name none."""
    wanted = set(names)
    return frozenset(scope for scope in allowed if {scope.value, f"{scope.value.partition(':')[0]}:*"} & wanted)
