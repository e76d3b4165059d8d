"""Every operation with its scope, on one page: what a security reviewer reads first."""

import strawberry

from api.graphql import nodes as ways_in
from api.graphql.operation import mutation, query, subscription
from auth import clients
from auth.federation import issuers
from auth.people import accounts, memberships, sessions
from auth.scope import Scope
from trusts import activity as ledger
from trusts import holds, incidents, milestones, organisations, products, progress, systems, testing
from trusts.moving import acceptance, going_live, handover, outage, recovery, replacement, rollback
from trusts.outlook import questions as outlook
from trusts.outlook import what_if
from trusts.readiness import (
    assessments,
    assurance,
    decisions,
    defects,
    gates,
    known_issues,
    retests,
    safety,
    signing,
    triage,
)
from trusts.reinstatement import approval, bookings, cohorts, disputes, members, slots, waves


@strawberry.type
class Query:
    """Questions. Each is answered from the rows the caller may see."""

    viewer = ways_in.viewer
    node = ways_in.node
    nodes = ways_in.nodes
    entities = ways_in.entities
    accounts = query(accounts.listed, needs=Scope.ACCOUNT_MANAGE)
    activity = query(ledger.everything, needs=Scope.ACTIVITY_READ, live=True)
    assurances = query(assurance.listed, needs=Scope.PROGRESS_READ)
    blockers = query(outlook.blockers, needs=Scope.PROGRESS_READ)
    changes = query(ledger.changes, needs=Scope.ACTIVITY_READ, live=True)
    clients = query(clients.seen, needs=Scope.CLIENT_MANAGE)
    cohorts = query(cohorts.listed, needs=Scope.PROGRESS_READ)
    defects = query(defects.listed, needs=Scope.PROGRESS_READ)
    disputes = query(disputes.listed, needs=Scope.PROGRESS_READ)
    explain_gate = query(gates.explained, needs=Scope.PROGRESS_READ)
    gates = query(gates.listed, needs=Scope.PROGRESS_READ)
    holds = query(holds.listed, needs=Scope.PROGRESS_READ)
    incident = query(incidents.by_reference, needs=Scope.PROGRESS_READ)
    issuers = query(issuers.listed, needs=Scope.ISSUER_MANAGE)
    known_issues = query(known_issues.listed, needs=Scope.PROGRESS_READ)
    memberships = query(memberships.listed, needs=Scope.ACCOUNT_MANAGE)
    milestones = query(milestones.listed, needs=Scope.PROGRESS_READ)
    organisation = query(organisations.by_code, needs=Scope.PROGRESS_READ)
    progress = query(progress.lines, needs=Scope.PROGRESS_READ)
    ready_for = query(outlook.ready_for, needs=Scope.PROGRESS_READ)
    recovery_times = query(outlook.recovery_times, needs=Scope.PROGRESS_READ)
    region = query(organisations.region, needs=Scope.PROGRESS_READ)
    sessions = query(sessions.listed, needs=Scope.SESSION_END, live=True)
    sign_offs = query(safety.listed, needs=Scope.PROGRESS_READ)
    slots = query(slots.listed, needs=Scope.PROGRESS_READ)
    systems = query(systems.listed, needs=Scope.PROGRESS_READ)
    waves = query(waves.listed, needs=Scope.PROGRESS_READ)


@strawberry.type
class Mutation:
    """Changes. One a request; each answers with the thing, or with a problem that says what to do next."""

    accept_defect = mutation(triage.accept, needs=Scope.DEFECT_TRIAGE)
    accept_system = mutation(acceptance.accept, needs=Scope.REINSTATEMENT_RUN)
    accept_workaround = mutation(retests.accept_workaround, needs=Scope.SAFETY_SIGN)
    acknowledge_handover = mutation(handover.acknowledge, needs=Scope.REINSTATEMENT_RUN)
    add_evidence = mutation(assurance.add_evidence, needs=Scope.ASSURANCE_SUBMIT)
    add_wave_member = mutation(members.add, needs=Scope.WAVE_PROPOSE)
    agree_workaround = mutation(triage.agree_workaround, needs=Scope.DEFECT_TRIAGE)
    amend_cohort = mutation(cohorts.amend, needs=Scope.COHORT_PLAN)
    amend_gate = mutation(gates.amend, needs=Scope.GATE_DEFINE)
    amend_wave = mutation(waves.amend, needs=Scope.WAVE_PROPOSE)
    approve_wave = mutation(approval.approve, needs=Scope.WAVE_APPROVE)
    approve_wave_member = mutation(members.approve, needs=Scope.WAVE_APPROVE)
    assess_gate = mutation(assessments.assess, needs=Scope.GATE_ASSESS)
    begin_rebuild = mutation(outage.rebuild, needs=Scope.HANDOVER_MAKE)
    begin_reinstatement = mutation(going_live.begin, needs=Scope.REINSTATEMENT_RUN)
    bring_cohort_live = mutation(cohorts.bring_live, needs=Scope.REINSTATEMENT_RUN)
    call_off_wave = mutation(approval.call_off, needs=Scope.WAVE_APPROVE)
    cancel_wave = mutation(waves.cancel, needs=Scope.WAVE_PROPOSE)
    close_defect = mutation(retests.close, needs=Scope.DEFECT_RAISE)
    complete_wave = mutation(approval.complete, needs=Scope.WAVE_APPROVE)
    confirm_hold = mutation(holds.confirm, needs=Scope.HOLD_PLACE)
    confirm_slot = mutation(bookings.confirm, needs=Scope.SLOT_CONFIRM)
    contest_defect = mutation(retests.contest, needs=Scope.DEFECT_RAISE)
    correct_test_report = mutation(testing.correct, needs=Scope.TEST_REPORT)
    countersign_recovery = mutation(recovery.countersign, needs=Scope.RECOVERY_COUNTERSIGN)
    decide_assurance = mutation(assurance.decide, needs=Scope.ASSURANCE_DECIDE)
    decide_go_no_go = mutation(decisions.decide, needs=Scope.DECISION_MAKE)
    declare_incident = mutation(incidents.declare, needs=Scope.INCIDENT_DECLARE)
    declare_recovered = mutation(recovery.declare, needs=Scope.DECISION_MAKE)
    decline_sign_off = mutation(signing.decline, needs=Scope.SAFETY_SIGN)
    decline_slot = mutation(bookings.decline, needs=Scope.SLOT_CONFIRM)
    defer_defect = mutation(triage.defer, needs=Scope.DEFECT_TRIAGE)
    define_gate = mutation(gates.define, needs=Scope.GATE_DEFINE)
    disable_issuer = mutation(issuers.disable, needs=Scope.ISSUER_MANAGE)
    dismiss_hold = mutation(holds.dismiss, needs=Scope.HOLD_RELEASE)
    draft_assurance = mutation(assurance.draft, needs=Scope.ASSURANCE_SUBMIT)
    draft_sign_off = mutation(safety.draft, needs=Scope.SAFETY_PREPARE)
    draft_wave = mutation(waves.draft, needs=Scope.WAVE_PROPOSE)
    enable_issuer = mutation(issuers.enable, needs=Scope.ISSUER_MANAGE)
    end_issuer_mapping = mutation(issuers.end_mapping, needs=Scope.ISSUER_MANAGE)
    end_role = mutation(memberships.end, needs=Scope.ACCOUNT_MANAGE)
    end_session = mutation(sessions.end, needs=Scope.SESSION_END)
    excuse_cohort = mutation(cohorts.excuse, needs=Scope.COHORT_PLAN)
    fail_retest = mutation(retests.fail, needs=Scope.DEFECT_RAISE)
    finalise_cohorts = mutation(cohorts.finalise, needs=Scope.COHORT_PLAN)
    give_sign_off = mutation(signing.give, needs=Scope.SAFETY_SIGN)
    go_live = mutation(going_live.finish, needs=Scope.REINSTATEMENT_RUN)
    grant_role = mutation(memberships.grant, needs=Scope.ACCOUNT_MANAGE)
    hand_back_slot = mutation(slots.hand_back, needs=Scope.SLOT_REQUEST)
    hand_over = mutation(handover.hand_over, needs=Scope.HANDOVER_MAKE)
    hold_back_cohort = mutation(cohorts.hold_back, needs=Scope.COHORT_PLAN)
    map_issuer_role = mutation(issuers.map_role, needs=Scope.ISSUER_MANAGE)
    mark_defect_duplicate = mutation(triage.mark_duplicate, needs=Scope.DEFECT_TRIAGE)
    meet_milestone = mutation(milestones.meet, needs=Scope.MILESTONE_PUBLISH)
    meet_obligation = mutation(decisions.meet, needs=Scope.OBLIGATION_MEET)
    offer_fix = mutation(triage.offer_fix, needs=Scope.DEFECT_TRIAGE)
    offer_handover = mutation(handover.offer, needs=Scope.HANDOVER_MAKE)
    offer_slot_swap = mutation(slots.offer_swap, needs=Scope.SLOT_REQUEST)
    open_account = mutation(accounts.open_, needs=Scope.ACCOUNT_MANAGE)
    open_incident = mutation(incidents.open_, needs=Scope.INCIDENT_OPEN)
    open_wave = mutation(approval.open_, needs=Scope.WAVE_APPROVE)
    place_hold = mutation(holds.place, needs=Scope.HOLD_PLACE)
    plan_cohort = mutation(cohorts.plan, needs=Scope.COHORT_PLAN)
    propose_wave = mutation(waves.propose, needs=Scope.WAVE_PROPOSE)
    publish_known_issue = mutation(known_issues.publish, needs=Scope.ISSUE_PUBLISH)
    publish_milestone = mutation(milestones.publish, needs=Scope.MILESTONE_PUBLISH)
    raise_defect = mutation(defects.raise_, needs=Scope.DEFECT_RAISE)
    raise_dispute = mutation(disputes.raise_, needs=Scope.DISPUTE_RAISE)
    record_dissent = mutation(decisions.dissent, needs=Scope.DISSENT_RECORD)
    register_build = mutation(products.register_build, needs=Scope.BUILD_REGISTER)
    register_client = mutation(clients.register_own, needs=Scope.CLIENT_MANAGE)
    register_interim_system = mutation(systems.register_interim, needs=Scope.SYSTEM_REGISTER)
    register_issuer = mutation(issuers.register, needs=Scope.ISSUER_MANAGE)
    register_product = mutation(products.register, needs=Scope.PRODUCT_REGISTER)
    register_system = mutation(systems.register, needs=Scope.SYSTEM_REGISTER)
    regrade_defect = mutation(defects.regrade, needs=Scope.DEFECT_RAISE)
    reject_defect = mutation(triage.reject, needs=Scope.DEFECT_TRIAGE)
    release_hold = mutation(holds.release, needs=Scope.HOLD_RELEASE)
    remove_wave_member = mutation(members.remove, needs=Scope.WAVE_PROPOSE)
    replace_system = mutation(replacement.replace, needs=Scope.DECISION_MAKE)
    report_system_state = mutation(outage.report, needs=Scope.SYSTEM_REGISTER)
    report_test = mutation(testing.report, needs=Scope.TEST_REPORT)
    request_slot = mutation(slots.request, needs=Scope.SLOT_REQUEST)
    reset_account = mutation(accounts.reset, needs=Scope.ACCOUNT_MANAGE)
    resolve_known_issue = mutation(known_issues.resolve, needs=Scope.ISSUE_PUBLISH)
    restore_account = mutation(accounts.restore, needs=Scope.ACCOUNT_MANAGE)
    retest = mutation(rollback.retest, needs=Scope.REINSTATEMENT_RUN)
    retest_defect = mutation(retests.begin, needs=Scope.DEFECT_RAISE)
    retire_system = mutation(replacement.retire, needs=Scope.DECISION_MAKE)
    return_wave = mutation(approval.return_, needs=Scope.WAVE_APPROVE)
    review_assurance = mutation(assurance.review, needs=Scope.ASSURANCE_DECIDE)
    revise_forecast = mutation(milestones.revise, needs=Scope.MILESTONE_PUBLISH)
    revise_hazard_summary = mutation(safety.revise, needs=Scope.SAFETY_PREPARE)
    revoke_assurance = mutation(assurance.revoke, needs=Scope.ASSURANCE_DECIDE)
    revoke_client = mutation(clients.revoke_own, needs=Scope.CLIENT_MANAGE)
    revoke_waiver = mutation(assessments.revoke, needs=Scope.GATE_WAIVE)
    roll_back = mutation(rollback.declare, needs=Scope.ROLLBACK_DECLARE)
    settle_dispute = mutation(disputes.settle, needs=Scope.DISPUTE_RAISE)
    sight_known_issue = mutation(known_issues.sight, needs=Scope.DEFECT_RAISE)
    stand_down_incident = mutation(incidents.stand_down, needs=Scope.INCIDENT_DECLARE)
    strike_wave_member = mutation(members.strike, needs=Scope.WAVE_APPROVE)
    submit_assurance = mutation(assurance.submit, needs=Scope.ASSURANCE_SUBMIT)
    submit_sign_off = mutation(safety.submit, needs=Scope.SAFETY_PREPARE)
    suspend_account = mutation(accounts.suspend, needs=Scope.ACCOUNT_MANAGE)
    swap_slots = mutation(bookings.swap, needs=Scope.SLOT_CONFIRM)
    triage_defect = mutation(triage.triage, needs=Scope.DEFECT_TRIAGE)
    waive_gate = mutation(assessments.waive, needs=Scope.GATE_WAIVE)
    what_if = mutation(what_if.what_if, needs=Scope.PROGRESS_READ)
    withdraw_sign_off = mutation(signing.withdraw, needs=Scope.SAFETY_SIGN)


@strawberry.type
class Subscription:
    """What is told as it happens. Each event is told once it is settled, to those who may see it."""

    activity = subscription(ledger.everything, needs=Scope.ACTIVITY_READ)
    system_activity = subscription(ledger.about_system, needs=Scope.ACTIVITY_READ)
