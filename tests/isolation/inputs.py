"""Inputs made from the schema: every field of an input filled, so that a new text field holds a canary by itself."""

from collections.abc import Callable, Mapping
from functools import cache
from itertools import count
from typing import Annotated, Any

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    get_named_type,
    is_required_input_field,
)
from pydantic import TypeAdapter, ValidationError

from api.graphql.engine import schema
from auth.people.passwords import new_one_time_password
from auth.public_keys import public_set
from tests.isolation.canary import Canaries, first_fit
from tests.sign_in_support import key_for

ABSENT = object()
TYPES: dict[str, Any] = schema._schema.type_map

LATE = "2932-01-01T00:00:00+00:00"
NUMBERS = count(1)  # of waves, below a thousand

# What a rule wants of fields that agree with one another; everything else follows from the schema. By the field, or by
# the input and the field.
FITTED: dict[str | tuple[str, str], Any] = {
    "algorithms": ["RS256"],
    "blocked": 0,
    "claimedState": "HANDED_OVER",
    "closesOn": "2932-08-31",
    ("DecideAssurance", "confidence"): lambda made: "HIGH" if made["verdict"] == "APPROVED" else ABSENT,
    "endsAt": LATE,
    "expectedVersion": ABSENT,
    "failed": 0,
    ("HoldBackCohort", "accounts"): 1,
    ("HoldBackCohort", "teams"): 1,
    "level3Justified": lambda made: made["level3"],
    "level4": 0,
    "level5": 0,
    "mandatory": False,
    "number": lambda _: next(NUMBERS),
    "oneTimePassword": lambda _: new_one_time_password(),
    "opensOn": "2022-08-01",
    "organisationOds": ABSENT,
    "ownerRole": "TRUST_IT",
    "ownerRoles": ["NATIONAL_IMT", "REGION", "SUPPLIER_LEAD", "TRUST_IT"],
    "passed": lambda made: made["run"],
    "planned": lambda made: made["run"],
    "publicJwks": lambda _: public_set(key_for("RS512")),
    "quorum": 1,
    "redirectUris": ABSENT,
    ("ReportSystemState", "state"): "OUTAGE",
    "scopes": ["progress:read"],
    "seenOn": "2022-08-05",
    "slotsADay": 50,
    "soakDays": 0,
    "supplierOds": "SUPPLIER",
    "tenants": ABSENT,
    "transferredAccepted": 0,
    "transferredTotal": 3,
    "validUntil": lambda made: LATE if made["verdict"] == "APPROVED" else ABSENT,
    "verifiedState": "REBUILDING",
    "waivable": True,
    ("WaiveGate", "until"): LATE,
}
OWN = {("RegisterClient", "clientId")}  # begins with the organisation's code
LATER = {"planned", "passed"}  # fields that repeat another
NOUN_OF = {  # where an argument is not named by its noun
    "assurance": "SecurityAssurance",
    "client": "ApiClient",
    "corrects": "TestReport",
    "decision": "GoNoGoDecision",
    "declaration": "IncidentDeclaration",
    "duplicateOf": "Defect",
    "firstBuild": "Build",
    "fixedIn": "Build",
    "hazards": "HazardSummary",
    "held": "System",
    "into": "Cohort",
    "mapping": "IssuerMapping",
    "member": "WaveMember",
    "one": "ReinstatementSlot",
    "other": "ReinstatementSlot",
    "predecessor": "Wave",
    "signOff": "SafetySignOff",
    "slot": "ReinstatementSlot",
    "subject": "System",
    "supersedes": "SecurityAssurance",
    "waiver": "GateWaiver",
}


def noun_of(field: str) -> str:
    """Give the noun an argument's id is of."""
    return NOUN_OF.get(field, field[:1].upper() + field[1:])


@cache
def _fits(input_name: str, field: str) -> Callable[[Any], bool]:
    """Give the test of a field's own description: length, pattern, range."""
    definition: Any = schema.get_type_by_name(input_name)
    (kept,) = (each for each in definition.fields if schema.config.name_converter.from_field(each) == field)
    described = definition.origin.model_fields[kept.python_name]
    described_type: Any = described.annotation
    if described.metadata:
        described_type = Annotated[described.annotation, *described.metadata]
    adapter: TypeAdapter[Any] = TypeAdapter(described_type)
    many = is_list(TYPES[input_name].fields[field].type)

    def fits(candidate: Any) -> bool:
        try:
            adapter.validate_python([candidate] if many else candidate)
        except ValidationError:
            return False
        return True

    return fits


class Inputs:
    """Makes the inputs of one organisation."""

    def __init__(self, canaries: Canaries, owner: str) -> None:
        self._canaries = canaries
        self._owner = owner

    def make(self, name: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """Give an input of this type; `given` says its ids, and what else the story wants."""
        kind = TYPES[name]
        assert isinstance(kind, GraphQLInputObjectType)
        made: dict[str, Any] = {}
        for field in sorted(kind.fields, key=lambda each: each in LATER):
            value = self._value(name, field, given.get(field, ABSENT), made)
            if value is not ABSENT:
                made[field] = value
        return made

    def _value(self, name: str, field: str, given: Any, made: Mapping[str, Any]) -> Any:
        kind: Any = TYPES[name]
        of = kind.fields[field]
        named = get_named_type(of.type)
        if given is not ABSENT:
            return self._made(named.name, given)
        for key in ((name, field), field):
            if key in FITTED:
                return FITTED[key](made) if callable(FITTED[key]) else FITTED[key]
        if not is_required_input_field(of) and (named.name == "ID" or not _is_text_or_number(named)):
            return ABSENT
        value = self._scalar(name, field, named)
        value = f"{self._owner.lower()}-{value}" if (name, field) in OWN else value
        return [value] if is_list(of.type) else value

    def _made(self, name: str, given: Any) -> Any:
        """Fill the input objects in what is given."""
        if isinstance(given, list):
            return [self._made(name, each) for each in given]
        return self.make(name, given) if isinstance(given, dict) else given

    def _scalar(self, name: str, field: str, named: Any) -> Any:
        if isinstance(named, GraphQLEnumType):
            return next(iter(named.values))
        if isinstance(named, GraphQLInputObjectType):
            return self.make(named.name, {})
        if named.name == "Boolean":
            return True
        made = {
            "String": lambda: self._canaries.texts(self._owner, field),
            "Int": self._canaries.numbers,
            "Float": self._canaries.numbers,
            "DateTime": self._canaries.moments,
            "Date": self._canaries.days,
        }
        assert named.name in made, f"the world must say {field} of {name} ({named.name})"
        return first_fit(made[named.name](), _fits(name, field))


def is_list(kind: Any) -> bool:
    """Tell whether a type is a list of others."""
    return isinstance(kind.of_type if isinstance(kind, GraphQLNonNull) else kind, GraphQLList)


def _is_text_or_number(named: Any) -> bool:
    return named.name in ("String", "Int", "Float", "DateTime", "Date")
