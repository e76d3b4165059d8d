"""Who acts in the lifecycle, and who may do what, written from the domain model (B.3) and not from the product."""

from dataclasses import dataclass

from auth.caller import Caller
from schema.organisation import OrganisationKind as Kind
from schema.people.account import Role
from tests.stage import LISTED, caller, person

TRUSTS = ("R1A", "RYG", "RNK")
REGION = {"R1A": "Y60", "RYG": "Y60", "RNK": "Y56"}

IT, CSO, EXEC, LEAD = Role.TRUST_IT, Role.TRUST_CSO, Role.TRUST_EXEC, Role.SUPPLIER_LEAD
SUPPLIER_CSO, ASSURER, NATIONAL, OF_REGION = Role.SUPPLIER_CSO, Role.ASSURER, Role.NATIONAL_IMT, Role.REGION
SIRO = Role.TRUST_SIRO

# Domain model, B.3: which roles do a thing; a machine of the same side does it, too, unless a person has to decide.
PEOPLE = {
    "approveWave": {NATIONAL}, "returnWave": {NATIONAL}, "openWave": {NATIONAL}, "completeWave": {NATIONAL},
    "callOffWave": {NATIONAL}, "approveWaveMember": {NATIONAL}, "strikeWaveMember": {NATIONAL}, "waiveGate": {NATIONAL},
    "revokeWaiver": {NATIONAL}, "reviewAssurance": {ASSURER}, "decideAssurance": {ASSURER}, "revokeAssurance": {ASSURER},
    "giveSignOff": {CSO, SUPPLIER_CSO}, "declineSignOff": {CSO, SUPPLIER_CSO}, "withdrawSignOff": {CSO, SUPPLIER_CSO},
    "acceptWorkaround": {CSO, SUPPLIER_CSO}, "decideGoNoGo": {EXEC, SIRO}, "declareRecovered": {EXEC, SIRO},
    "replaceSystem": {EXEC, SIRO}, "retireSystem": {EXEC, SIRO}, "countersignRecovery": {OF_REGION},
    "releaseHold": {ASSURER, NATIONAL, OF_REGION, LEAD, EXEC, SIRO},
    "dismissHold": {ASSURER, NATIONAL, OF_REGION, LEAD, EXEC, SIRO},
}  # fmt: skip
_RUN, _SUPPLY = frozenset({IT}), frozenset({LEAD})
ANYBODY = {
    **dict.fromkeys((
        "registerBuild", "beginRebuild", "offerHandover", "handOver", "draftAssurance", "addEvidence", "submitAssurance",
        "draftWave", "amendWave", "addWaveMember", "removeWaveMember", "proposeWave", "cancelWave", "confirmSlot",
        "declineSlot", "swapSlots", "triageDefect", "acceptDefect", "rejectDefect", "deferDefect", "offerFix",
        "agreeWorkaround",
    ), _SUPPLY),
    **dict.fromkeys((
        "reportSystemState", "acknowledgeHandover", "acceptSystem", "beginReinstatement", "goLive", "retest",
        "reportTest", "correctTestReport", "planCohort", "finaliseCohorts", "holdBackCohort", "excuseCohort",
        "bringCohortLive",
    ), _RUN),
    **dict.fromkeys(("requestSlot", "handBackSlot", "offerSlotSwap", "rollBack"), frozenset({IT, EXEC})),
    **dict.fromkeys(
        ("raiseDefect", "regradeDefect", "retestDefect", "failRetest", "closeDefect", "contestDefect"), frozenset({IT, CSO, LEAD})
    ),
    **dict.fromkeys(("draftSignOff", "submitSignOff"), frozenset({IT, CSO, LEAD, SUPPLIER_CSO})),
    **dict.fromkeys(("placeHold", "confirmHold"), frozenset({ASSURER, NATIONAL, OF_REGION, LEAD, CSO, EXEC, IT})),
    "assessGate": {ASSURER, NATIONAL, OF_REGION, LEAD, SUPPLIER_CSO, CSO, EXEC, SIRO, IT},
}  # fmt: skip
MACHINES = {Kind.TRUST: IT, Kind.SUPPLIER: LEAD, Kind.NATIONAL: NATIONAL, Kind.REGION: OF_REGION, Kind.ASSURER: ASSURER}


@dataclass(frozen=True)
class Actor:
    """A machine of an organisation, or a person with some of its roles."""

    name: str
    caller: Caller
    roles: frozenset[Role]

    @property
    def code(self) -> str:
        """Whose it is."""
        return self.caller.tenant_ods

    @property
    def kind(self) -> Kind:
        """What kind of organisation that is."""
        return self.caller.kind

    def may(self, verb: str) -> bool:
        """Tell whether it may ask for this at all, whatever it is about."""
        allowed = PEOPLE.get(verb) or ANYBODY[verb]
        if self.caller.person is None:
            # A machine may do whatever a person of its side may, except decide.
            return verb in ANYBODY and any(self.kind in role.kinds for role in allowed)
        return bool(self.roles & allowed)


def _machine(code: str) -> Actor:
    return Actor(f"{code} machine", caller(code), frozenset())


def _person(code: str, *roles: Role) -> Actor:
    held = frozenset(roles or (role for role in Role if LISTED[code][1] in role.kinds))
    return Actor(f"{code} {'+'.join(roles) or 'everything'}", person(code, *roles), held)


SUPPLIER_IT, SUPPLIER_LEAD, SUPPLIER_OFFICER = (
    _machine("SUPPLIER"), _person("SUPPLIER", LEAD), _person("SUPPLIER", SUPPLIER_CSO),
)  # fmt: skip
RIVAL, NATIONAL_TEAM, ASSURING = _person("RIVAL"), _person("NATIONAL"), _person("ASSURER")
TRUST_IT = {code: _machine(code) for code in TRUSTS}
TRUST_CSO = {code: _person(code, CSO) for code in TRUSTS}
TRUST_EXEC = {code: _person(code, EXEC) for code in TRUSTS}
TRUST_ALL = {code: _person(code) for code in TRUSTS}
REGIONS = {code: _person(code, OF_REGION) for code in ("Y60", "Y56")}
ACTORS = (
    SUPPLIER_IT, SUPPLIER_LEAD, SUPPLIER_OFFICER, RIVAL, NATIONAL_TEAM, _machine("NATIONAL"), ASSURING,
    _person("AUDITOR"), *TRUST_IT.values(), *TRUST_CSO.values(), *TRUST_EXEC.values(), *TRUST_ALL.values(),
    *REGIONS.values(),
)  # fmt: skip
