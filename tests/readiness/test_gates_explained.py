"""A gate explained: what its standing is made of, to everybody who sees the system alike, in one statement."""

import json

from api.graphql.engine import Answer, Engine, Request, documents
from api.graphql.nodes import named
from auth.tenancy import Database
from tests.ledger import with_database
from tests.readiness import ready as r
from tests.readiness.acts import raised, reported
from tests.readiness.ready import Ready
from tests.stage import LISTED, person

EXPLAINED = """query($s: ID!) { explainGate(system: $s) { code standing shut since expiresAt detail waitsFor { odsCode }
    waitsForRoles gate { code } conditions { totalCount nodes { part code what standing counts since objectId
    waitsFor { odsCode } waitsForRoles } } } systems { nodes { id gates { nodes { code standing } } } } }"""


def test_what_a_gates_standing_is_made_of(ready: Ready) -> None:
    raised("S1")(ready)
    reported(**r.FAILED)(ready)
    told = ready.stage.ask("R1A", EXPLAINED, s=ready.system)
    gates = {gate["code"]: gate for gate in told["explainGate"]}
    assert list(gates) == list(r.GATES)
    assert [gate["code"] for gate in told["systems"]["nodes"][0]["gates"]["nodes"]] == list(r.GATES)
    tests = gates["TRUST_TESTING"]["conditions"]["nodes"]
    assert [each["code"] for each in tests] == [f"TEST_{stage}" for stage in r.STAGES]
    (failed,) = [each for each in tests if each["standing"] != "PASSED"]
    assert (failed["code"], failed["standing"], failed["waitsForRoles"]) == ("TEST_SMOKE", "FAILED", ["TRUST_IT"])
    assert named(failed["objectId"])
    (defect,) = gates["DEFECTS"]["conditions"]["nodes"]
    assert defect["what"] == "S1 CN-114 is open: Alerts"
    assert (defect["waitsFor"], defect["waitsForRoles"]) == ({"odsCode": "SUPPLIER"}, ["SUPPLIER_LEAD"])
    assurance = gates["SECURITY_ASSURANCE"]["conditions"]["nodes"]
    assert [each["code"] for each in assurance] == ["ASSURANCE", "CONFIDENCE", "VALIDITY"]
    assert [each["code"] for each in gates["DCB0160"]["conditions"]["nodes"]] == ["DCB0129", "DCB0160"]
    assert gates["BOARD_APPROVAL"]["detail"] == "It is passed"


def test_everybody_who_sees_the_system_sees_the_gates_stand_alike(ready: Ready) -> None:
    raised("S2")(ready)
    reported(**r.FAILED)(ready)
    mine = ready.stands()
    for code in LISTED:
        seen = ready.stands(code)
        assert seen == (mine if code in {"R1A", "Y60", "SUPPLIER", "NATIONAL", "AUDITOR"} else {}), code


def test_the_tree_is_one_compiled_statement(once: Ready) -> None:
    variables = {"s": once.system}
    prepared = documents.read(EXPLAINED).operation(None, variables)
    request = Request(EXPLAINED, variables, None, "tree")

    async def compiled(database: Database) -> Answer:
        return await Engine(database).compiled(request, prepared, person("R1A"))

    told = json.loads(with_database(once.stage, compiled).body)["data"]
    assert [gate["code"] for gate in told["explainGate"]] == list(r.GATES)
