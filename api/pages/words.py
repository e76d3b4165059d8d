"""Scopes, roles and ways of signing in, in the words of a page."""

from auth.caller import AAL1, AAL2
from auth.scope import Scope
from schema.people.account import Role

_WORDS: dict[str, str] = {
    Scope.ACCOUNT_MANAGE: "Open, suspend and reset accounts, and say who is what in your organisation",
    Scope.ACTIVITY_READ: "Read who did what, and when",
    Scope.ASSURANCE_DECIDE: "Decide on security assurance",
    Scope.ASSURANCE_SUBMIT: "Submit evidence for security assurance",
    Scope.BUILD_REGISTER: "Register builds of your products",
    Scope.CLIENT_MANAGE: "Register and revoke machine clients and applications",
    Scope.COHORT_PLAN: "Plan cohorts of teams",
    Scope.DECISION_MAKE: "Decide go or no-go for your trust",
    Scope.DEFECT_RAISE: "Raise, retest and close defects",
    Scope.DEFECT_TRIAGE: "Triage and mend defects",
    Scope.DISPUTE_RAISE: "Dispute what the other side says of a system",
    Scope.DISSENT_RECORD: "Record dissent from a decision",
    Scope.GATE_ASSESS: "Assess gates",
    Scope.GATE_DEFINE: "Say which gates an incident has",
    Scope.GATE_WAIVE: "Waive gates",
    Scope.HANDOVER_MAKE: "Hand systems over",
    Scope.HOLD_PLACE: "Place holds",
    Scope.HOLD_RELEASE: "Release holds",
    Scope.INCIDENT_DECLARE: "Declare incidents, and stand them down",
    Scope.INCIDENT_OPEN: "Open incidents",
    Scope.ISSUE_PUBLISH: "Publish known issues",
    Scope.ISSUER_MANAGE: "Say which identity providers sign your people in",
    Scope.MILESTONE_PUBLISH: "Publish milestones and forecasts",
    Scope.OBLIGATION_MEET: "Say that a condition of a decision is met",
    Scope.PRODUCT_REGISTER: "Register products",
    Scope.PROGRESS_READ: "Read how the recovery is going",
    Scope.RECOVERY_COUNTERSIGN: "Countersign that a system is recovered",
    Scope.REINSTATEMENT_RUN: "Bring systems back to their users",
    Scope.ROLLBACK_DECLARE: "Take a system back out of use",
    Scope.SAFETY_PREPARE: "Prepare safety sign-offs",
    Scope.SAFETY_SIGN: "Sign safety cases",
    Scope.SESSION_END: "End the sessions of other people",
    Scope.SLOT_CONFIRM: "Confirm and decline slots",
    Scope.SLOT_REQUEST: "Ask for slots, and hand them back",
    Scope.SYSTEM_REGISTER: "Register systems",
    Scope.TEST_REPORT: "Report tests",
    Scope.WAVE_APPROVE: "Approve waves",
    Scope.WAVE_PROPOSE: "Propose waves",
    Role.ADMINISTRATOR: "administrator",
    Role.ASSURER: "assurer",
    Role.AUDITOR: "auditor",
    Role.ICB: "integrated care board",
    Role.NATIONAL_IMT: "national incident management team",
    Role.REGION: "regional team",
    Role.SUPPLIER_CSO: "clinical safety officer of the supplier",
    Role.SUPPLIER_LEAD: "recovery lead of the supplier",
    Role.TRUST_CSO: "clinical safety officer of the trust",
    Role.TRUST_EXEC: "trust executive",
    Role.TRUST_IT: "trust IT",
    Role.TRUST_SIRO: "senior information risk owner of the trust",
    AAL1: "password",
    AAL2: "password and code",
}


def of(said: str) -> str:
    """Return how a page says a scope, a role or a way of signing in; what it does not know stays as it is."""
    return _WORDS.get(said, said)
