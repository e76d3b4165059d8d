"""Every operation with its scope, on one page: what a security reviewer reads first."""

import strawberry

from api.graphql import nodes as ways_in
from api.graphql.operation import mutation, query
from auth import clients
from auth.federation import issuers
from auth.people import accounts, memberships, sessions
from auth.scope import Scope
from trusts import activity as ledger
from trusts import holds, incidents, milestones, organisations, products, progress, systems, testing
from trusts.reinstatement import approval, bookings, cohorts, members, slots, waves


@strawberry.type
class Query:
    """Questions. Each is answered from the rows the caller may see."""

    viewer = ways_in.viewer
    node = ways_in.node
    nodes = ways_in.nodes
    entities = ways_in.entities
    accounts = query(accounts.listed, needs=Scope.ACCOUNT_MANAGE)
    activity = query(ledger.everything, needs=Scope.ACTIVITY_READ, live=True)
    changes = query(ledger.changes, needs=Scope.ACTIVITY_READ, live=True)
    clients = query(clients.seen, needs=Scope.CLIENT_MANAGE)
    cohorts = query(cohorts.listed, needs=Scope.PROGRESS_READ)
    holds = query(holds.listed, needs=Scope.PROGRESS_READ)
    incident = query(incidents.by_reference, needs=Scope.PROGRESS_READ)
    issuers = query(issuers.listed, needs=Scope.ISSUER_MANAGE)
    memberships = query(memberships.listed, needs=Scope.ACCOUNT_MANAGE)
    milestones = query(milestones.listed, needs=Scope.PROGRESS_READ)
    organisation = query(organisations.by_code, needs=Scope.PROGRESS_READ)
    progress = query(progress.lines, needs=Scope.PROGRESS_READ)
    region = query(organisations.region, needs=Scope.PROGRESS_READ)
    sessions = query(sessions.listed, needs=Scope.SESSION_END, live=True)
    slots = query(slots.listed, needs=Scope.PROGRESS_READ)
    systems = query(systems.listed, needs=Scope.PROGRESS_READ)
    waves = query(waves.listed, needs=Scope.PROGRESS_READ)


@strawberry.type
class Mutation:
    """Changes. One a request; each answers with the thing, or with a problem that says what to do next."""

    add_wave_member = mutation(members.add, needs=Scope.WAVE_PROPOSE)
    amend_cohort = mutation(cohorts.amend, needs=Scope.COHORT_PLAN)
    amend_wave = mutation(waves.amend, needs=Scope.WAVE_PROPOSE)
    approve_wave = mutation(approval.approve, needs=Scope.WAVE_APPROVE)
    approve_wave_member = mutation(members.approve, needs=Scope.WAVE_APPROVE)
    bring_cohort_live = mutation(cohorts.bring_live, needs=Scope.REINSTATEMENT_RUN)
    call_off_wave = mutation(approval.call_off, needs=Scope.WAVE_APPROVE)
    cancel_wave = mutation(waves.cancel, needs=Scope.WAVE_PROPOSE)
    complete_wave = mutation(approval.complete, needs=Scope.WAVE_APPROVE)
    confirm_slot = mutation(bookings.confirm, needs=Scope.SLOT_CONFIRM)
    correct_test_report = mutation(testing.correct, needs=Scope.TEST_REPORT)
    declare_incident = mutation(incidents.declare, needs=Scope.INCIDENT_DECLARE)
    decline_slot = mutation(bookings.decline, needs=Scope.SLOT_CONFIRM)
    disable_issuer = mutation(issuers.disable, needs=Scope.ISSUER_MANAGE)
    draft_wave = mutation(waves.draft, needs=Scope.WAVE_PROPOSE)
    enable_issuer = mutation(issuers.enable, needs=Scope.ISSUER_MANAGE)
    end_issuer_mapping = mutation(issuers.end_mapping, needs=Scope.ISSUER_MANAGE)
    end_role = mutation(memberships.end, needs=Scope.ACCOUNT_MANAGE)
    end_session = mutation(sessions.end, needs=Scope.SESSION_END)
    excuse_cohort = mutation(cohorts.excuse, needs=Scope.COHORT_PLAN)
    finalise_cohorts = mutation(cohorts.finalise, needs=Scope.COHORT_PLAN)
    grant_role = mutation(memberships.grant, needs=Scope.ACCOUNT_MANAGE)
    hand_back_slot = mutation(slots.hand_back, needs=Scope.SLOT_REQUEST)
    hold_back_cohort = mutation(cohorts.hold_back, needs=Scope.COHORT_PLAN)
    map_issuer_role = mutation(issuers.map_role, needs=Scope.ISSUER_MANAGE)
    meet_milestone = mutation(milestones.meet, needs=Scope.MILESTONE_PUBLISH)
    offer_slot_swap = mutation(slots.offer_swap, needs=Scope.SLOT_REQUEST)
    open_account = mutation(accounts.open_, needs=Scope.ACCOUNT_MANAGE)
    open_incident = mutation(incidents.open_, needs=Scope.INCIDENT_OPEN)
    open_wave = mutation(approval.open_, needs=Scope.WAVE_APPROVE)
    place_hold = mutation(holds.place, needs=Scope.HOLD_PLACE)
    plan_cohort = mutation(cohorts.plan, needs=Scope.COHORT_PLAN)
    propose_wave = mutation(waves.propose, needs=Scope.WAVE_PROPOSE)
    publish_milestone = mutation(milestones.publish, needs=Scope.MILESTONE_PUBLISH)
    register_build = mutation(products.register_build, needs=Scope.BUILD_REGISTER)
    register_client = mutation(clients.register_own, needs=Scope.CLIENT_MANAGE)
    register_interim_system = mutation(systems.register_interim, needs=Scope.SYSTEM_REGISTER)
    register_issuer = mutation(issuers.register, needs=Scope.ISSUER_MANAGE)
    register_product = mutation(products.register, needs=Scope.PRODUCT_REGISTER)
    register_system = mutation(systems.register, needs=Scope.SYSTEM_REGISTER)
    release_hold = mutation(holds.release, needs=Scope.HOLD_RELEASE)
    remove_wave_member = mutation(members.remove, needs=Scope.WAVE_PROPOSE)
    report_test = mutation(testing.report, needs=Scope.TEST_REPORT)
    request_slot = mutation(slots.request, needs=Scope.SLOT_REQUEST)
    reset_account = mutation(accounts.reset, needs=Scope.ACCOUNT_MANAGE)
    restore_account = mutation(accounts.restore, needs=Scope.ACCOUNT_MANAGE)
    return_wave = mutation(approval.return_, needs=Scope.WAVE_APPROVE)
    revise_forecast = mutation(milestones.revise, needs=Scope.MILESTONE_PUBLISH)
    revoke_client = mutation(clients.revoke_own, needs=Scope.CLIENT_MANAGE)
    stand_down_incident = mutation(incidents.stand_down, needs=Scope.INCIDENT_DECLARE)
    strike_wave_member = mutation(members.strike, needs=Scope.WAVE_APPROVE)
    suspend_account = mutation(accounts.suspend, needs=Scope.ACCOUNT_MANAGE)
    swap_slots = mutation(bookings.swap, needs=Scope.SLOT_CONFIRM)
