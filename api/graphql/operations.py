"""Every operation with its scope, on one page: what a security reviewer reads first."""

import strawberry

from api.graphql import nodes as ways_in
from api.graphql.operation import mutation, query
from auth.scope import Scope
from trusts import activity as ledger
from trusts import incidents, milestones, organisations, products, progress, systems, testing


@strawberry.type
class Query:
    """Questions. Each is answered from the rows the caller may see."""

    viewer = ways_in.viewer
    node = ways_in.node
    nodes = ways_in.nodes
    entities = ways_in.entities
    activity = query(ledger.everything, needs=Scope.ACTIVITY_READ, live=True)
    changes = query(ledger.changes, needs=Scope.ACTIVITY_READ, live=True)
    incident = query(incidents.by_reference, needs=Scope.PROGRESS_READ)
    milestones = query(milestones.listed, needs=Scope.PROGRESS_READ)
    organisation = query(organisations.by_code, needs=Scope.PROGRESS_READ)
    progress = query(progress.lines, needs=Scope.PROGRESS_READ)
    region = query(organisations.region, needs=Scope.PROGRESS_READ)
    systems = query(systems.listed, needs=Scope.PROGRESS_READ)


@strawberry.type
class Mutation:
    """Changes. One a request; each answers with the thing, or with a problem that says what to do next."""

    correct_test_report = mutation(testing.correct, needs=Scope.TEST_REPORT)
    declare_incident = mutation(incidents.declare, needs=Scope.INCIDENT_DECLARE)
    meet_milestone = mutation(milestones.meet, needs=Scope.MILESTONE_PUBLISH)
    open_incident = mutation(incidents.open_, needs=Scope.INCIDENT_OPEN)
    publish_milestone = mutation(milestones.publish, needs=Scope.MILESTONE_PUBLISH)
    register_build = mutation(products.register_build, needs=Scope.BUILD_REGISTER)
    register_interim_system = mutation(systems.register_interim, needs=Scope.SYSTEM_REGISTER)
    register_product = mutation(products.register, needs=Scope.PRODUCT_REGISTER)
    register_system = mutation(systems.register, needs=Scope.SYSTEM_REGISTER)
    report_test = mutation(testing.report, needs=Scope.TEST_REPORT)
    revise_forecast = mutation(milestones.revise, needs=Scope.MILESTONE_PUBLISH)
    stand_down_incident = mutation(incidents.stand_down, needs=Scope.INCIDENT_DECLARE)
